"""What asking an L1 can end in."""

from __future__ import annotations

from typing import Any


class L1Error(Exception):
    """The L1 did not do what was asked.

    L1Error
    + Unreachable       no node answered: come again later
    + Disagreement      too few nodes say the same: nothing may be decided on it; `dissenting` names the others
    + Malformed         a node gave what the method cannot give: it is counted, another is asked
    + WrongChain        a node serves another chain: a setting is wrong, coming again does not help
    + CallFailed        the node understood and says no: `code`, `message`, `data`
      + AlreadyKnown    the transaction is there: nothing to do
      + NonceTooLow     the nonce is used: look which transaction has it
      + Underpriced     pay more and come again
      + Unfunded        the account has to be filled first
      + PoolFull        come again later
      + OtherPool       the account has transactions of the other kind (blobs or none) waiting: come again after them
      + BadSidecar      the blobs' proofs are of the form of another fork
    """


class Unreachable(L1Error):
    def __init__(self, endpoint: str, reason: str) -> None:
        super().__init__(f"{endpoint}: {reason}")
        self.endpoint, self.reason = endpoint, reason


class Disagreement(L1Error):
    def __init__(self, question: str, needed: int, most: int, dissenting: tuple[str, ...]) -> None:
        among = ", ".join(dissenting) or "none"
        super().__init__(f"{question}: {needed} L1 nodes have to agree, {most} do (apart: {among})")
        self.question, self.needed, self.most, self.dissenting = question, needed, most, dissenting


class Malformed(L1Error):
    """The message says where in the answer, what was expected and what came."""


class WrongChain(L1Error):
    def __init__(self, endpoint: str, expected: int, got: int) -> None:
        super().__init__(f"{endpoint} serves chain {got}, expected {expected}")
        self.endpoint, self.expected, self.got = endpoint, expected, got


class CallFailed(L1Error):
    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(f"{message} (code {code})")
        self.code, self.message, self.data = code, message, data


class AlreadyKnown(CallFailed):
    pass


class NonceTooLow(CallFailed):
    pass


class Underpriced(CallFailed):
    pass


class Unfunded(CallFailed):
    pass


class PoolFull(CallFailed):
    pass


class OtherPool(CallFailed):
    pass


class BadSidecar(CallFailed):
    pass


# Nodes name these only in words. Words of geth, reth, nethermind, besu, erigon and of this node; the first match counts,
# so "txpool is full: transaction underpriced" is a full pool.
WORDS: tuple[tuple[type[CallFailed], tuple[str, ...]], ...] = (
    (AlreadyKnown, ("already known", "alreadyknown", "known transaction", "already imported", "already in pool")),
    (OtherPool, ("address already reserved", "reserved by", "type conflict", "conflicting pool")),
    (PoolFull, ("pool is full", "pool full", "txpool overflow", "too many transactions", "discarded")),
    (NonceTooLow, ("nonce too low", "nonce is too low", "nonce below", "oldnonce")),
    (Underpriced, ("underpriced", "fee too low", "gas price below", "max fee per gas less than", "below minimum")),
    (Unfunded, ("insufficient funds", "insufficient balance", "upfront cost exceeds")),
    (BadSidecar, ("sidecar", "cell proof", "blob proof", "unexpected blob", "wrapper version")),
)


def named(code: int, message: str, data: Any = None) -> CallFailed:
    """The error that a node's words mean."""
    lowered = message.lower()
    for kind, words in WORDS:
        if any(word in lowered for word in words):
            return kind(code, message, data)
    return CallFailed(code, message, data)
