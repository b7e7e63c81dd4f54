from __future__ import annotations


class ChainError(Exception):
    """What was asked did not come.

    ChainError
    + Unreachable   nobody answers: come again
    + Refused       an answer that says no, or none that can be read
    """


class Unreachable(ChainError):
    pass


class Refused(ChainError):
    pass
