"""
The errors that JSON-RPC knows, named by what the caller may do about them.

RpcError                   code, message, data: what the caller reads
+ ParseError               -32700  the text is not JSON: nothing in it was done
+ InvalidRequest           -32600  JSON, but not a call
+ MethodNotFound           -32601  no such method, or its namespace is not served here
+ InvalidParams            -32602  mend the parameters
+ Internal                 -32603  our fault; the log has the reason
+ Refused                  -32000  understood and refused: the message says why (as geth's plain errors)
  + WriterGone             -32000  this worker lost the writing process: come again
+ NotificationsUnsupported -32001  subscriptions need a connection that can push
+ TimedOut                 -32002  ran into a time limit of the server
+ ResponseTooLarge         -32003  ask for less
+ Busy                     -32005  too much at once: come again

The Engine API's own codes are in ``engine.errors``. Codes and wording follow geth where geth has them.
"""

from __future__ import annotations

from typing import Any, ClassVar


class RpcError(Exception):
    """An answer of the kind "error". `data` is any JSON value, None = absent."""

    default_code: ClassVar[int] = -32000

    def __init__(self, message: str, *, code: int | None = None, data: Any = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = self.default_code if code is None else code
        self.data = data


class ParseError(RpcError):
    default_code = -32700

    def __init__(self, message: str = "parse error") -> None:
        super().__init__(message)


class InvalidRequest(RpcError):
    """`request_id`: the id to echo, as JSON text, where one could be read."""

    default_code = -32600

    def __init__(self, message: str = "invalid request", request_id: bytes = b"null") -> None:
        super().__init__(message)
        self.request_id = request_id


class MethodNotFound(RpcError):
    default_code = -32601

    def __init__(self, method: str) -> None:
        super().__init__(f"the method {method} does not exist/is not available")
        self.method = method


class InvalidParams(RpcError):
    default_code = -32602


class Internal(RpcError):
    default_code = -32603

    def __init__(self, message: str = "internal error") -> None:
        super().__init__(message)


class Refused(RpcError):
    default_code = -32000


class WriterGone(Refused):
    def __init__(self) -> None:
        super().__init__("the writing process is not reachable, try again")


class NotificationsUnsupported(RpcError):
    default_code = -32001

    def __init__(self) -> None:
        super().__init__("notifications not supported")


class TimedOut(RpcError):
    default_code = -32002

    def __init__(self) -> None:
        super().__init__("request timed out")


class ResponseTooLarge(RpcError):
    default_code = -32003

    def __init__(self) -> None:
        super().__init__("response too large")


class Busy(RpcError):
    default_code = -32005

    def __init__(self, message: str = "too many requests at once, try again") -> None:
        super().__init__(message)
