"""
A sequencer's time on a chain, kept in the store of its data folder: in which epoch it seals, and how that ends.

| state | what happens |
|---|---|
| fencing | begun without the one before having handed over: users wait until L1 has `until_batch` from this term |
| sealing | blocks are sealed; `until_batch` may name the last batch |
| draining | no transaction of users is taken any more, those that were are sealed |
| ended | handed over: nothing is sealed in this epoch ever again |
| fenced | another sequencer has replaced it: nothing is sealed, committed or verified |

A restart finds the state again, so that no crash makes a term go on that has ended.
"""

from __future__ import annotations

import dataclasses
import enum
from dataclasses import dataclass
from typing import Final

from ethrex_node.rollup.store import Store, Txn
from ethrex_node.rollup.store.environment import ONLY_ROW
from ethrex_node.rollup.store.schema import TERM, Term, TermState

FIRST_EPOCH: Final = 1
OVER: Final = frozenset({TermState.ENDED, TermState.FENCED})
CLOSED: Final = OVER | {TermState.DRAINING, TermState.FENCING}  # to users' transactions


class Step(enum.Enum):
    """What a hand-over needs next."""

    NOTHING = enum.auto()
    OPEN = enum.auto()  # L1 has a batch of this term: users may come
    END_BATCH = enum.auto()
    CLOSE = enum.auto()  # no more transactions of users
    END = enum.auto()  # the batch, where one is open, and the term


def current(store: Store) -> Term | None:
    """Of a data folder; None where nobody has sealed."""
    with store.read() as txn:
        return txn.get(TERM, ONLY_ROW)


async def begin(store: Store) -> Term:
    """The term that goes on here; the chain's first where there was none."""

    def change(txn: Txn) -> Term:
        term = txn.get(TERM, ONLY_ROW)
        if term is None:
            term = Term(FIRST_EPOCH)
            put(txn, term)
        return term

    return await store.write(change)


def put(txn: Txn, term: Term) -> None:
    txn.put(TERM, ONLY_ROW, term)


@dataclass(frozen=True, slots=True)
class Seen:
    """
    What a decision is made of: the batch that is open and its blocks, what users have sent and is in no block yet, whether that
    has been waited for long enough, and the last batch that L1 has.
    """

    open_batch: int
    open_blocks: int
    pending: int
    is_late: bool
    committed: int


def next_step(term: Term, seen: Seen) -> Step:
    """What a term that begins or ends needs now."""
    last = term.until_batch
    if last is None or term.state in OVER:
        return Step.NOTHING
    has_begun = seen.open_batch > last or (seen.open_batch == last and seen.open_blocks > 0)
    if term.state is TermState.FENCING:
        if seen.open_batch <= last:
            return Step.END_BATCH if has_begun else Step.NOTHING
        return Step.OPEN if seen.committed >= last else Step.NOTHING
    if term.state is TermState.SEALING:
        return Step.CLOSE if has_begun else Step.NOTHING
    is_empty = not seen.pending or seen.is_late
    return Step.END if seen.open_batch > last or is_empty else Step.NOTHING


def drained(term: Term, until_batch: int) -> Term:
    return dataclasses.replace(term, state=TermState.DRAINING, until_batch=until_batch)
