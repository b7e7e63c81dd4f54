"""
Errors of the Engine API, as the execution-apis specification numbers them. The reason goes into `data.err`, as geth's
does.

EngineError
+ UnknownPayload           -38001  no such build process (any more)
+ InvalidForkchoiceState   -38002  safe or finalized is not on the head's chain
+ InvalidAttributes        -38003  the head was set; nothing is built
+ TooLarge                 -38004  ask for less
+ UnsupportedFork          -38005  another version of the method is for this timestamp
+ TooDeepReorg             -38006  the head is too far below the present one
+ WrongParams              -32602  a structure that this version of the method does not take
"""

from __future__ import annotations

from typing import ClassVar

from ethrex_node.rpc.errors import RpcError


class EngineError(RpcError):
    text: ClassVar[str] = "Server error"

    def __init__(self, reason: str = "") -> None:
        super().__init__(self.text, data={"err": reason} if reason else None)
        self.reason = reason


class UnknownPayload(EngineError):
    default_code = -38001
    text = "Unknown payload"


class InvalidForkchoiceState(EngineError):
    default_code = -38002
    text = "Invalid forkchoice state"


class InvalidAttributes(EngineError):
    default_code = -38003
    text = "Invalid payload attributes"


class TooLarge(EngineError):
    default_code = -38004
    text = "Too large request"


class UnsupportedFork(EngineError):
    default_code = -38005
    text = "Unsupported fork"


class TooDeepReorg(EngineError):
    default_code = -38006
    text = "Too deep reorg"


class WrongParams(EngineError):
    default_code = -32602
    text = "Invalid parameters"
