"""
Batches that have ended and are not made yet: what they will ask of L1 and provers, as far as their blocks tell.

Making a batch takes longer than sealing its blocks where the machine is small. What waits for it counts like what is made, or
dozens of batches pile up behind a limit that only made ones come up against.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ethrex_node.rollup.sequencer.policy import BLOB_PAYLOAD_BYTES, OpenBatch
from ethrex_node.rollup.store import Store, schema
from ethrex_node.rollup.store.environment import key
from ethrex_node.rollup.store.schema import SealedBlock


@dataclass(frozen=True, slots=True)
class Unmade:
    """`blobs` is what its data takes before it is compressed: at most so many."""

    last_block: int
    last_hash: bytes
    blobs: int
    gas: int


def cut(rows: Iterable[SealedBlock]) -> Iterator[Unmade]:
    """The batches that end within a run of blocks."""
    batch = OpenBatch()
    for row in rows:
        batch = batch.with_block(row)
        if row.ends_batch:
            yield Unmade(row.number, row.hash, max(1, -(-batch.data_bytes // BLOB_PAYLOAD_BYTES)), batch.gas)
            batch = OpenBatch()


class Waiting:
    """Remembers what it has read, since it is asked before each block."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: deque[Unmade] = deque()

    def behind(self, last_made: int, last_ended: int) -> tuple[Unmade, ...]:
        """Those of blocks above `last_made`, with which the newest made batch ends; `last_ended` is the last that ends any."""
        known = self._known
        with self._store.read() as txn:
            if known:
                row = txn.get(schema.SEALED, key(known[-1].last_block))
                if row is None or row.hash != known[-1].last_hash or not row.ends_batch:
                    known.clear()  # blocks were taken back
            while known and known[0].last_block <= last_made:
                known.popleft()
            first = 1 + (known[-1].last_block if known else last_made)
            if first <= last_ended:
                rows = (row for _, row in txn.scan(schema.SEALED, start=key(first)))
                known.extend(cut(itertools.takewhile(lambda row: row.number <= last_ended, rows)))
        return tuple(known)
