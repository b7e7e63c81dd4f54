"""
What follows from L1's word for the blocks that a follower has, as functions of data.

A batch's last block hash stands for every block before it. So one comparison says whether the chain up to there is the one
that L1 has, and the last batch that agrees is where a follower goes back to when one does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ethrex_node.rollup.settlement import contracts
from ethrex_node.rollup.store.schema import Confirmed


@dataclass(frozen=True, slots=True)
class Mark:
    """The last block of a batch that L1 holds."""

    batch: int
    block: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Agreement:
    """
    `good` is the last batch that agrees (None: the genesis), or the one that the chain here begins with; `contradicted` the
    first after it that does not.
    """

    good: Mark | None
    contradicted: Mark | None


def mark(row: Confirmed) -> Mark:
    return mark_of(row.statement)


def mark_of(statement: bytes) -> Mark:
    return Mark(
        contracts.number_of(statement, "number"),
        contracts.number_of(statement, "lastBlock"),
        contracts.field_of(statement, "lastBlockHash"),
    )


def compare(newest_first: Iterable[Mark], ours: Callable[[int], bytes | None]) -> Agreement:
    """`newest_first` are batches that end at or below the head; `ours` gives the hash of a block of this chain."""
    contradicted = None
    for one in newest_first:
        if ours(one.block) == one.hash:
            return Agreement(one, contradicted)
        contradicted = one
    return Agreement(None, contradicted)


def lag(now: float, caught_up_at: float | None, most_seconds: float) -> str | None:
    """Why a follower that had everything at `caught_up_at` for the last time is none to be asked."""
    if caught_up_at is None:
        return "the sequencer's newest block was not reached yet"
    behind = now - caught_up_at
    return f"behind the sequencer for {behind:.1f} s, more than {most_seconds:g}" if behind > most_seconds else None
