"""
What each recorded action needs next. Pure: entries and a view of the L1 in, steps out.

| seen on L1                                     | step |
|---|---|
| a receipt of an attempt, in a final block      | `Finish` |
| a receipt of an attempt                        | `Note` it, where it is news |
| no receipt, though there was one (reorg)       | `Forget` it; the next round sends again |
| nonce used by another, in a final block        | `Resign` with a nonce of its own |
| nonce used by another, not final               | wait: a reorg may give it back, and then the old one may yet be mined |
| never sent, or no node knows it                | `Send` the same bytes |
| known, but waits too long or is outbid         | `Replace` by the pools' rules, up to the caps |
| the nonce before it belongs to nobody          | `FillGap`, when it stays so |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ethrex_node.rollup.l1 import answers, fees
from ethrex_node.rollup.store.schema import Attempt, OutboxEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`low_balance_wei`: less than this on the account is warned of, long before it is too little."""

    fees: fees.Policy = field(default_factory=fees.Policy)
    patience_ms: int = 60_000
    low_balance_wei: int = 10**17
    most_in_flight: int = 8  # pools of blobs keep 16 a sender


@dataclass(frozen=True, slots=True)
class View:
    """The L1 at one agreed head. `receipts` has those attempts that are mined, `known` those that a node has."""

    head: int
    final: int
    mined_nonce: int
    final_nonce: int
    receipts: Mapping[bytes, answers.Receipt]
    known: frozenset[bytes]
    market: answers.Market
    now_ms: int


@dataclass(frozen=True, slots=True)
class Finish:
    receipt: answers.Receipt


@dataclass(frozen=True, slots=True)
class Note:
    receipt: answers.Receipt


@dataclass(frozen=True, slots=True)
class Forget:
    pass


@dataclass(frozen=True, slots=True)
class Resign:
    pass


@dataclass(frozen=True, slots=True)
class Send:
    pass


@dataclass(frozen=True, slots=True)
class Replace:
    fees: fees.Fees


@dataclass(frozen=True, slots=True)
class FillGap:
    """`nonce` is free and stands before the entry's."""

    nonce: int


@dataclass(frozen=True, slots=True)
class Wait:
    reason: str


Step = Finish | Note | Forget | Resign | Send | Replace | FillGap | Wait

IN_POOL = Wait("in the pool")
UNTIL_FINAL = Wait("until its block is final")
NONCE_TAKEN = Wait("another transaction has its nonce, in a block that is not final")
CAPPED = Wait("the fee cap does not allow to replace it")
AFTER_OTHERS = Wait("after others of this account")


def plan(entries: Sequence[OutboxEntry], view: View, settings: Settings) -> list[tuple[OutboxEntry, Step]]:
    """A step for each open entry of one account, in the order of their nonces."""
    steps: list[tuple[OutboxEntry, Step]] = []
    ahead: list[OutboxEntry] = []  # those that wait for a block, so far
    for entry in sorted(entries, key=lambda one: one.nonce):
        step = _settled(entry, view)
        if step is None:
            step = _sending(entry, ahead, view, settings)
            ahead.append(entry)
        steps.append((entry, step))
    return steps


def _settled(entry: OutboxEntry, view: View) -> Step | None:
    """What a used nonce asks for; None where it is free."""
    receipt = next((view.receipts[one.hash] for one in entry.attempts if one.hash in view.receipts), None)
    if receipt is not None:
        if receipt.block_number <= view.final:
            return Finish(receipt)
        is_news = entry.mined is None or entry.mined.block_hash != receipt.block_hash
        return Note(receipt) if is_news else UNTIL_FINAL
    if entry.mined is not None:
        return Forget()
    if view.final_nonce > entry.nonce:
        return Resign()
    return NONCE_TAKEN if view.mined_nonce > entry.nonce else None


def _sending(entry: OutboxEntry, ahead: Sequence[OutboxEntry], view: View, settings: Settings) -> Step:
    """Pools take one kind of transaction from an account at a time: with blobs or without."""
    has_blobs = bool(entry.blob_hashes)
    if len(ahead) >= settings.most_in_flight or any(bool(one.blob_hashes) != has_blobs for one in ahead):
        return AFTER_OTHERS
    newest = entry.attempts[-1]
    waited_ms = view.now_ms - (newest.sent_at_ms or entry.recorded_at_ms)
    if not ahead and view.mined_nonce < entry.nonce and waited_ms > settings.patience_ms:
        return FillGap(view.mined_nonce)
    is_next = view.mined_nonce == entry.nonce
    if newest.sent_at_ms == 0:
        return Send()
    offered = fees_of(newest)
    is_late = waited_ms > settings.patience_ms or fees.is_outbid(offered, view.market, has_blobs=has_blobs)
    if newest.is_underpriced or (is_next and is_late and newest.hash in view.known):
        better = fees.replacement(offered, view.market, settings.fees, has_blobs=has_blobs)
        return CAPPED if better is None else Replace(better)
    return IN_POOL if newest.hash in view.known else Send()


def fees_of(attempt: Attempt) -> fees.Fees:
    return fees.Fees(attempt.max_fee_per_gas, attempt.max_priority_fee_per_gas, attempt.max_fee_per_blob_gas)


def next_nonce(entries: Sequence[OutboxEntry], mined_nonce: int) -> int:
    """For a new action: after all recorded ones and all mined ones."""
    return max([mined_nonce, *(entry.nonce + 1 for entry in entries)])
