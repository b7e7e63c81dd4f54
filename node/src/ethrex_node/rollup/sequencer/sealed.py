"""
What the sequencer remembers of its blocks, in the store.

A row is written before its block becomes the head, so that the head always has one; rows above the head are what a
crash left, and go when the sequencer starts. Rows of blocks that L1 made void lie in a table of their own until their
transactions are sealed again.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence

from ethrex_node.rollup.store import Txn, schema, started
from ethrex_node.rollup.store import batches as stored
from ethrex_node.rollup.store.environment import ONLY_ROW, key
from ethrex_node.rollup.store.schema import BlockId, QueueItem, SealedBlock


class Inconsistent(Exception):
    """The chain and the rollup's data are not of one run: one of the two folders was exchanged or lost."""


class ItemGone(Exception):
    """The queue changed while a block with its items was made: make another one."""


def put(txn: Txn, block: SealedBlock) -> None:
    txn.put(schema.SEALED, key(block.number), block)


def check_items(txn: Txn, first: int, items: Sequence[bytes]) -> None:
    """The queue still has these from index `first` on. Raises `ItemGone`."""
    for index, raw in enumerate(items, first):
        found = txn.get(schema.QUEUE, key(index))
        if found is None or found.raw != raw:
            raise ItemGone(f"item {index} of the queue is another one than when the block was begun")


def block_with_item(txn: Txn, index: int) -> int | None:
    """The first block behind which the queue is longer: blocks take its items in order. None: no block has it."""
    newest = txn.last(schema.SEALED)
    if newest is None or newest[1].queue_index <= index:
        return None
    low, high = 1, newest[1].number
    while low < high:
        middle = (low + high) // 2
        row = txn.get(schema.SEALED, key(middle))
        if row is None or row.queue_index <= index:
            low = middle + 1
        else:
            high = middle
    return low


def ended_above(txn: Txn, number: int) -> bool:
    """Whether a batch has ended with a block above `number`."""
    return any(row.ends_batch for _, row in txn.scan(schema.SEALED, start=key(number + 1)))


def take_back(txn: Txn, first: int) -> int:
    """
    Blocks from `first` on are void: their rows wait to be sealed again. Gives the last one's number.

    Where blocks are being sealed again already, the rows of the first time stay: they have all of their transactions.
    """
    waiting = [row for _, row in txn.scan(schema.TAKEN_BACK)]
    below = waiting[0].number if waiting else 1 << 63
    rows = [row for _, row in txn.scan(schema.SEALED, start=key(first))]
    for row in rows:
        if row.number < below:
            txn.put(schema.TAKEN_BACK, key(row.number), row)
        txn.delete(schema.SEALED, key(row.number))
    before = txn.get(schema.SEALED, key(first - 1))
    txn.put(schema.GO_BACK, ONLY_ROW, BlockId(first - 1, b"" if before is None else before.hash))
    return max(row.number for row in (*rows, *waiting))


def taken_back(txn: Txn) -> dict[int, SealedBlock]:
    """Blocks that are to be sealed again, by number."""
    return {row.number: row for _, row in txn.scan(schema.TAKEN_BACK)}


def finish_again(txn: Txn, dropped: Sequence[bytes]) -> None:
    """All is sealed again but for these transactions."""
    for at, _ in list(txn.scan(schema.TAKEN_BACK)):
        txn.delete(schema.TAKEN_BACK, at)
    for at, reorg in list(txn.scan(schema.QUEUE_REORGS)):
        if not reorg.is_done:
            txn.put(schema.QUEUE_REORGS, at, dataclasses.replace(reorg, is_done=True, dropped=tuple(dropped)))


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
    last = ended(row)
    put(txn, last)
    return last


def ended(row: SealedBlock) -> SealedBlock:
    """The same block as the last of its batch."""
    return dataclasses.replace(row, ends_batch=True)


def open_batch(txn: Txn) -> int:
    """The number of the batch that the next block belongs to, whether those before it are made already or not."""
    newest, begun = stored.newest(txn), started.found(txn)
    made, last_block = (0, 0) if begun is None else (begun.number, begun.last_block)
    if newest is not None:
        made, last_block = newest.number, newest.last_block
    return made + sum(1 for _ in ends_after(txn, last_block)) + 1


def ends_after(txn: Txn, number: int) -> Iterator[SealedBlock]:
    """Last blocks of batches, above block `number`, ascending."""
    return (row for _, row in txn.scan(schema.SEALED, start=key(number + 1)) if row.ends_batch)


def queued_from(txn: Txn, index: int) -> Iterator[QueueItem]:
    """Items of the L1 queue, from an index on, without a gap."""
    for expected, (_, item) in zip(itertools.count(index), txn.scan(schema.QUEUE, start=key(index)), strict=False):
        if item.index != expected:
            return
        yield item
