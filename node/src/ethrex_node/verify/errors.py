"""
Why a block was not verified. A block that was, and differs, is no error: see ``compare.Difference``.

VerifyError
+ Unavailable     py-evm is not installed
+ Unverifiable    this block, by this engine, never: a later fork, ommers
"""

from __future__ import annotations


class VerifyError(Exception):
    """The question cannot be answered."""


class Unavailable(VerifyError):
    def __init__(self, reason: str) -> None:
        super().__init__(f"the second engine needs the extra `ethrex-node[verify]`: {reason}")


class Unverifiable(VerifyError):
    def __init__(self, number: int, reason: str) -> None:
        super().__init__(f"block {number}: {reason}")
        self.number, self.reason = number, reason
