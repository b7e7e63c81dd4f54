"""
Where batches end among blocks that another sequencer has sealed and that are on no L1 yet.

Where it ended them nobody knows any more, and it need not be there: a batch's blocks name the same prices of L1, and it has
to fit into its blobs and its gas. That is tried by making it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ethrex_node import _native
from ethrex_node.rollup.store.schema import SealedBlock


class Made(Protocol):
    """What of a batch counts here (`_native.AssembledBatch`)."""

    @property
    def encoded(self) -> bytes: ...
    @property
    def blobs(self) -> Sequence[object]: ...


Make = Callable[[int, int, bytes], Made]  # first block, last block, the batch before: its encoding


@dataclass(frozen=True, slots=True)
class Most:
    """Of a batch."""

    blobs: int
    gas: int


def ends(rows: Sequence[SealedBlock], previous: bytes, make: Make, most: Most) -> list[int]:
    """The last blocks of batches that hold all of these blocks; `previous` is the encoding of the batch before them."""
    found = []
    for _, run in itertools.groupby(rows, key=lambda row: (row.l1_base_fee, row.l1_blob_base_fee)):
        left = list(run)
        while left:
            count, made = _largest(left, previous, make, most)
            found.append(left[count - 1].number)
            previous, left = made.encoded, left[count:]
    return found


def _largest(rows: Sequence[SealedBlock], previous: bytes, make: Make, most: Most) -> tuple[int, Made]:
    """So many of them fit, found by halves. One always counts as fitting: it cannot be less."""
    count = len(rows)
    while True:
        made = _made(rows[:count], previous, make, most)
        if made is not None:
            return count, made
        count //= 2


def _made(rows: Sequence[SealedBlock], previous: bytes, make: Make, most: Most) -> Made | None:
    is_one = len(rows) == 1
    if not is_one and sum(row.gas_used for row in rows) > most.gas:
        return None
    try:
        made = make(rows[0].number, rows[-1].number, previous)
    except _native.ProgramRefused:
        if is_one:
            raise
        return None
    return made if is_one or len(made.blobs) <= most.blobs else None
