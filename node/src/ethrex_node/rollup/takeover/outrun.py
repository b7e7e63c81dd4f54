"""
The sequencer before commits once more, when another has taken over already and is not on L1 itself: its batches are adopted.

Until L1 has a batch of the new term users wait, so the new sequencer owes nobody a block of its own. Where it has the blocks
of L1's batches they take the place of its own batches, as they stand there, and it fences anew behind them. Nothing is lost:
the blocks stay, only what was made of them goes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from ethrex_node import _native
from ethrex_node.rollup.epochs import term
from ethrex_node.rollup.follower import verdict
from ethrex_node.rollup.follower.verdict import Mark
from ethrex_node.rollup.recovery.published import Committed
from ethrex_node.rollup.sequencer import sealed
from ethrex_node.rollup.settlement import taking_back
from ethrex_node.rollup.store import Store, Txn, schema
from ethrex_node.rollup.store import batches as stored
from ethrex_node.rollup.store.environment import key
from ethrex_node.rollup.store.schema import Batch, Confirmed, Message, Term
from ethrex_node.rollup.takeover import adopted

Adopted = Sequence[tuple[Batch, Sequence[Message]]]


def others(on_l1: Sequence[Committed], ours: Callable[[int], bytes | None], base: int) -> list[Committed]:
    """From the first batch on that is another one here, or none: what L1 has. `ours` gives a batch's hash; all are above `base`."""
    above = [one for one in on_l1 if one.number > base]
    for at, one in enumerate(above):
        if ours(one.number) != one.hash:
            return above[at:]
    return []


def missing(theirs: Sequence[Confirmed], canonical: Callable[[int], bytes | None]) -> Mark | None:
    """The first of these batches whose blocks are not in the chain here."""
    marks = (verdict.mark(one) for one in theirs)
    return next((one for one in marks if canonical(one.block) != one.hash), None)


def read(store: Store, reader: _native.Reader, theirs: Sequence[Confirmed], before: int) -> Adopted:
    """Batches whose blocks are all here, behind block `before`."""
    found = []
    for one in theirs:
        first, last = before + 1, verdict.mark(one).block
        with store.read() as txn:
            rows = [txn.get(schema.SEALED, key(number)) for number in range(first, last + 1)]
        gas = sum(row.gas_used for row in rows if row is not None)
        found.append(adopted.as_it_stands(reader, one, first, gas))
        before = last
    return found


def adopt(txn: Txn, batches: Adopted, begun: Term) -> Term:
    """
    They take the place of ours. Gives the term, which is written with them: L1 has to have the batch that comes behind all of
    these before users may come.
    """
    first, last = batches[0][0], batches[-1][0]
    taking_back.let_go(txn, first.number)
    ends = {batch.last_block for batch, _ in batches}
    for number in range(first.first_block, last.last_block + 1):
        row = txn.get(schema.SEALED, key(number))
        if row is not None:
            sealed.put(txn, dataclasses.replace(row, ends_batch=number in ends))
    for batch, messages in batches:
        stored.seal(txn, batch, messages)
    fresh = dataclasses.replace(begun, until_batch=sealed.open_batch(txn))
    term.put(txn, fresh)
    return fresh


def no_blocks(gone: Mark, begun: Term) -> str:
    """Why a term is over that was outrun by batches whose blocks nobody gave it, and what makes the rollup go on."""
    return (
        f"L1 has batch {gone.batch} up to block {gone.block} 0x{gone.hash.hex()} of the sequencer before, which is not here. "
        "Follow a node that has it on this data folder (ethrex l2 follow --sequencer URL) until it is ready, then start "
        f"ethrex l2 sequencer --takeover --epoch {begun.epoch + 1}"
    )
