"""
Where a batch ends, and what its next block may hold. Pure.

A batch ends before the block that might not fit into it. What a block takes of it is known only when the block is
sealed, and what L1 has queued cannot be left out of a block once it was begun: so room is kept for the worst that the
gas of queued items can publish.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final

from ethrex_node.rollup.store.schema import Batch, QueueItem, SealedBlock

BLOB_PAYLOAD_BYTES: Final = 126_976
# Length, encoding, compression, header, counts: what a diff takes beside what is metered.
DIFF_OVERHEAD_BYTES: Final = 2_048
# The least gas that a byte of the diff costs whoever makes it: a call that only sends messages spends about 160 a byte,
# one that leaves code 200, one that fills slots 330.
GAS_PER_DATA_BYTE: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Of a batch. `idle_seconds` is how long one waits that holds no transaction."""

    seconds: float = 60.0
    idle_seconds: float = 600.0
    gas: int = 500_000_000
    blobs: int = 6
    # A batch with less room than this ends: the next block would be a small one.
    least_room_bytes: int = 64 << 10
    queue_gas_per_block: int = 7_500_000

    @property
    def data_bytes(self) -> int:
        return self.blobs * BLOB_PAYLOAD_BYTES - DIFF_OVERHEAD_BYTES

    def __post_init__(self) -> None:
        if not 1 <= self.blobs <= 6:
            raise ValueError(f"{self.blobs} blobs a batch: 1 to 6 fit into a transaction")
        if self.least_room_bytes * 2 > self.data_bytes:
            raise ValueError(
                f"{self.least_room_bytes} bytes of room are more than half of a batch of {self.blobs} blobs"
            )


@dataclass(frozen=True, slots=True)
class OpenBatch:
    """The blocks since the last batch ended. `prices` are L1's, which all of its blocks name."""

    blocks: int = 0
    transactions: int = 0
    gas: int = 0
    data_bytes: int = 0
    begun_at_ms: int = 0
    prices: tuple[int, int] | None = None

    def with_block(self, block: SealedBlock) -> OpenBatch:
        return replace(
            self,
            blocks=self.blocks + 1,
            transactions=self.transactions + block.transactions,
            gas=self.gas + block.gas_used,
            data_bytes=self.data_bytes + block.data_bytes,
            begun_at_ms=self.begun_at_ms or block.sealed_at_ms,
            prices=self.prices or (block.l1_base_fee, block.l1_blob_base_fee),
        )

    @classmethod
    def of(cls, blocks: Iterable[SealedBlock]) -> OpenBatch:
        batch = cls()
        for block in blocks:
            batch = batch.with_block(block)
        return batch


def end_reason(batch: OpenBatch, limits: Limits, now_ms: int) -> str | None:
    """Why the batch ends before the next block; None: it goes on."""
    if batch.blocks == 0:
        return None
    age_seconds = (now_ms - batch.begun_at_ms) / 1000
    if limits.data_bytes - batch.data_bytes < limits.least_room_bytes:
        return "data"
    if batch.gas >= limits.gas:
        return "gas"
    if age_seconds >= (limits.seconds if batch.transactions else limits.idle_seconds):
        return "time"
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How far L1 and the provers may be behind before building waits for them."""

    uncommitted_blobs: int = 600
    unproven_gas: int = 50_000_000_000


@dataclass(frozen=True, slots=True)
class Backlog:
    """Of batches that have ended: blobs that are not on L1 yet, gas that is not verified there and has no proof."""

    uncommitted_blobs: int
    unproven_gas: int

    @classmethod
    def of(cls, batches: Iterable[Batch], committed: int, proven: Callable[[int], bool]) -> Backlog:
        """Of batches above the last that L1 has verified; `committed` is the last that is on L1."""
        blobs = gas = 0
        for batch in batches:
            blobs += max(1, len(batch.blob_hashes)) if batch.number > committed else 0  # a validium has none
            gas += 0 if proven(batch.number) else batch.gas_used
        return cls(blobs, gas)

    def and_more(self, blobs: int, gas: int) -> Backlog:
        """With what is not made yet."""
        return Backlog(self.uncommitted_blobs + blobs, self.unproven_gas + gas)


def pressure(backlog: Backlog, patience: Patience) -> str | None:
    """Why nothing shall be sealed now: users wait rather than get a chain that nobody can settle."""
    if backlog.uncommitted_blobs > patience.uncommitted_blobs:
        return f"{backlog.uncommitted_blobs} blobs are not on L1 yet, more than {patience.uncommitted_blobs}"
    if backlog.unproven_gas > patience.unproven_gas:
        return f"{backlog.unproven_gas} gas is not proven yet, more than {patience.unproven_gas}"
    return None


@dataclass(frozen=True, slots=True)
class BlockPlan:
    """What the next block may hold: queued items (their transactions), and bytes of data in all."""

    items: tuple[bytes, ...]
    max_data_bytes: int


def plan_block(batch: OpenBatch, queued: Iterable[QueueItem], limits: Limits) -> BlockPlan:
    """
    As many items as their gas allows, and what is left of the batch's data.

    Users' transactions are held to the room; items are not, which is why no more of them are offered than can fill it.
    """
    room = limits.data_bytes - batch.data_bytes
    gas_left = min(limits.queue_gas_per_block, room * GAS_PER_DATA_BYTE)
    items = []
    for item in queued:
        if item.gas_limit > gas_left:
            break
        gas_left -= item.gas_limit
        items.append(item.raw)
    return BlockPlan(tuple(items), room)
