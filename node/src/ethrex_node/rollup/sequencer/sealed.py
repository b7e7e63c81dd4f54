"""
What the sequencer remembers of its blocks, in the store.

A row is written before its block becomes the head, so that the head always has one; rows above the head are what a
crash left, and go when the sequencer starts.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator

from ethrex_node.rollup.store import Txn, schema
from ethrex_node.rollup.store.environment import key
from ethrex_node.rollup.store.schema import QueueItem, SealedBlock


class Inconsistent(Exception):
    """The chain and the rollup's data are not of one run: one of the two folders was exchanged or lost."""


def put(txn: Txn, block: SealedBlock) -> None:
    txn.put(schema.SEALED, key(block.number), block)


def drop_above(txn: Txn, head: int) -> int:
    """Forget rows of blocks that the chain does not have; gives their number."""
    above = [at for at, _ in txn.scan(schema.SEALED, start=key(head + 1))]
    for at in above:
        txn.delete(schema.SEALED, at)
    return len(above)


def at(txn: Txn, number: int, block_hash: bytes) -> SealedBlock | None:
    """The row of the canonical block; None for the genesis. Raises `Inconsistent`."""
    if number == 0:
        return None
    row = txn.get(schema.SEALED, key(number))
    if row is None:
        raise Inconsistent(
            f"the chain's block {number} is not in the rollup's data: is this the folder of another chain?"
        )
    if row.hash != block_hash:
        raise Inconsistent(
            f"block {number} is 0x{block_hash.hex()} on the chain, 0x{row.hash.hex()} in the rollup's data"
        )
    return row


def since_last_end(txn: Txn, head: int) -> list[SealedBlock]:
    """The blocks of the batch that is open at the head, oldest first."""
    newest_first = (txn.get(schema.SEALED, key(number)) for number in range(head, 0, -1))
    rows = itertools.takewhile(lambda row: row is not None and not row.ends_batch, newest_first)
    return [row for row in rows if row is not None][::-1]


def end_batch(txn: Txn, number: int) -> SealedBlock:
    """Block `number` is the last of its batch."""
    row = txn.get(schema.SEALED, key(number))
    if row is None:
        raise Inconsistent(f"block {number} is not in the rollup's data")
    ended = dataclasses.replace(row, ends_batch=True)
    put(txn, ended)
    return ended


def ends_after(txn: Txn, number: int) -> Iterator[SealedBlock]:
    """Last blocks of batches, above block `number`, ascending."""
    return (row for _, row in txn.scan(schema.SEALED, start=key(number + 1)) if row.ends_batch)


def queued_from(txn: Txn, index: int) -> Iterator[QueueItem]:
    """Items of the L1 queue, from an index on, without a gap."""
    for expected, (_, item) in zip(itertools.count(index), txn.scan(schema.QUEUE, start=key(index)), strict=False):
        if item.index != expected:
            return
        yield item
