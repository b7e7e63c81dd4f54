"""
Seal a rollup's blocks, one after the other, and say where batches end.

A block is sealed every `block_seconds`, with what L1 has queued first. What was answered to a user is in a block that is
synced to disk. The sequencer lives as long as its node; a restart finds the open batch again in the store. Where L1 took
back what blocks hold, they are sealed again before anything else (``again``).
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

from prometheus_client.core import Metric

from ethrex_node import _native
from ethrex_node.builder import Builder
from ethrex_node.chain import Chain
from ethrex_node.observe import metrics
from ethrex_node.rollup.sequencer import again, policy, sealed
from ethrex_node.rollup.sequencer.policy import BlockPlan, Limits, OpenBatch
from ethrex_node.rollup.store import Store, Txn
from ethrex_node.rollup.store.environment import ONLY_ROW, key
from ethrex_node.rollup.store.schema import GO_BACK, QUEUE, SEALED, SealedBlock

T = TypeVar("T")

log = logging.getLogger(__name__)

BLOCKS_PER_SECOND: Final = 10  # the header's rule
ITEMS_OFFERED: Final = 1_000
RETRY_SECONDS: Final = 1.0

Prices = Callable[[], tuple[int, int]]  # L1's base fee and blob base fee, in wei, as they are now


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    block_seconds: float = 1.0
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if self.block_seconds < 1 / BLOCKS_PER_SECOND:
            raise ValueError(f"a block each {self.block_seconds} s: at most {BLOCKS_PER_SECOND} share a second")


@dataclass(frozen=True, slots=True)
class Coming:
    """A block before it is executed. `prices` are L1's."""

    parent: bytes
    timestamp: int
    prices: tuple[int, int]
    plan: BlockPlan
    candidates: list[_native.Transaction]


@dataclass(frozen=True, slots=True)
class Draining:
    """Somebody asked for it. `end_batch`: the open batch as well."""

    end_batch: bool


class Sequencer:
    """
    `listeners` hear of the last block of each batch that ends, `pressure` gives why nothing shall be sealed now, and while
    `stopped` has a reason nothing is.
    """

    def __init__(
        self,
        chain: Chain,
        builder: Builder,
        store: Store,
        prices: Prices,
        settings: Settings,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.listeners: list[Callable[[SealedBlock], None]] = []
        self.stopped: str | None = None
        self.is_empty = False  # blocks without users' transactions
        self.pressure: Callable[[], str | None] = lambda: None
        self.ended: Counter[str] = Counter()
        self.sealed = 0
        self.waits_for: str | None = None
        self.taken_back = 0
        self.dropped = 0
        self._again: dict[int, SealedBlock] = {}
        self.draining: Draining | None = None
        self.drained = False
        self._chain = chain
        self._builder = builder
        self._store = store
        self._prices = prices
        self._settings = settings
        self._now = now
        self._turn = asyncio.Lock()
        self.open = OpenBatch()
        self.queue_index = 0

    async def start(self) -> None:
        """Find again where the last run stopped. Raises `sealed.Inconsistent`."""
        await self._go_back()
        head = self._chain.head
        dropped = await self._store.write(lambda txn: sealed.drop_above(txn, head.number))
        with self._store.read() as txn:
            last = sealed.at(txn, head.number, head.hash)
            self.open = OpenBatch.of(sealed.since_last_end(txn, head.number))
            self._again = sealed.taken_back(txn)
        self.queue_index = 0 if last is None else last.queue_index
        self.drained = False  # what was taken back is sealed again
        facts = {"block": head.number, "queue_index": self.queue_index, "open_blocks": self.open.blocks}
        log.info("sequencer goes on", extra=facts | {"forgotten": dropped})

    async def run(self) -> None:
        """Until cancelled. A block that cannot be made is logged and tried again."""
        due = self._now()
        while True:
            due = max(due + self._settings.block_seconds, self._now())
            await asyncio.sleep(max(0.0, due - self._now()))
            try:
                await self.step()
            except Exception:
                log.exception("no block could be sealed")
                await asyncio.sleep(RETRY_SECONDS)

    async def step(self) -> SealedBlock | None:
        """End the batch if it is time, then seal a block. None: somebody asked to wait."""
        async with self._turn:
            if self._again and self.stopped is None:
                await self._seal_again()
            reason = policy.end_reason(self.open, self._settings.limits, self._now_ms())
            if reason is not None:
                await self._end(reason)
            if self._must_wait() or self.drained:
                return None
            row = await self._seal()
            if self.draining is not None and not row.transactions:
                await self._drained(self.draining)
            return row

    def drain(self, *, end_batch: bool | None) -> None:
        """
        Seal what is there, then nothing more; `end_batch`: end the open batch too, if it has a transaction. None: go on.

        Whoever asks sees to it that nothing more comes in.
        """
        wanted = None if end_batch is None else Draining(end_batch)
        if wanted != self.draining:
            log.info("draining" if wanted else "draining is taken back", extra={"end_batch": bool(end_batch)})
            self.draining, self.drained = wanted, False

    async def _drained(self, asked: Draining) -> None:
        """An empty block says that nothing is left which could be sealed."""
        if asked.end_batch and self.open.transactions:
            await self._end("drained")
        self.drained = True
        log.info("drained", extra={"block": self._chain.head.number})

    def _must_wait(self) -> bool:
        """Stopped or under pressure; said when it begins and when it ends."""
        before, self.waits_for = self.waits_for, self.stopped or self.pressure()
        if before is None and self.waits_for is not None:
            log.warning("nothing is sealed", extra={"reason": self.waits_for})
        elif before is not None and self.waits_for is None:
            log.info("sealing goes on")
        return self.waits_for is not None

    @property
    def owes_blocks(self) -> bool:
        """L1 made blocks void that are not sealed again yet."""
        return bool(self._again)

    async def quiet(self) -> None:
        """When the block in hand is sealed."""
        async with self._turn:
            pass

    async def end_batch(self, reason: str = "asked") -> None:
        """End the open batch now, if it has a block."""
        async with self._turn:
            if self.open.blocks:
                await self._end(reason)

    async def _end(self, reason: str) -> None:
        number = self._chain.head.number
        last = await self._store.write(lambda txn: sealed.end_batch(txn, number))
        log.info("batch ends", extra={"block": number, "reason": reason, "data_bytes": self.open.data_bytes})
        self.open = OpenBatch()
        self.ended[reason] += 1
        for listener in self.listeners:
            listener(last)

    async def take_back(self, change: Callable[[Txn], T]) -> T:
        """
        Run a change of the store that makes blocks void (`sealed.take_back`), and go back to before them; they are sealed
        again in the next step. Nothing is sealed meanwhile.
        """
        async with self._turn:
            made = await self._store.write(change)
            before = self._chain.head.number
            await self.start()
            self.taken_back += before - self._chain.head.number
            return made

    async def _go_back(self) -> None:
        """To before the void blocks, where the chain is to go back."""
        with self._store.read() as txn:
            target = txn.get(GO_BACK, ONLY_ROW)
        if target is None:
            return
        block = target.hash or self._chain.native.canonical_hash(0)
        assert block is not None, "the genesis is there"
        log.warning("the chain goes back", extra={"from": self._chain.head.number, "to": target.number})
        await self._chain.set_head(block)
        await self._store.write(lambda txn: txn.delete(GO_BACK, ONLY_ROW))

    async def _seal_again(self) -> None:
        """What was taken back; what a crash left of it is done by the next run."""
        native, rows = self._chain.native, self._again
        head = self._chain.head.number
        await self._end_as_before(rows.get(head))
        done = [row for number, row in sorted(rows.items()) if number <= head]
        left = await self._chain.write(lambda: again.left_out(native, done))
        for number in range(head + 1, max(rows) + 1):
            old = rows[number]
            if (reason := policy.end_reason(self.open, self._settings.limits, old.sealed_at_ms)) not in (None, "time"):
                await self._end(str(reason))
            own = await self._chain.write(lambda old=old: native.pooled_transactions(old.hash))  # type: ignore[misc]
            left = await self._one_again(self._coming_again(old, [*left, *own]), old.sealed_at_ms)
            await self._end_as_before(old)
        while left:
            before = len(left)
            if (reason := policy.end_reason(self.open, self._settings.limits, self._now_ms())) is not None:
                await self._end(reason)
            left = await self._one_again(replace(self._coming(self.open), candidates=left), self._now_ms())
            if len(left) == before:
                break
        gone = await self._chain.write(lambda: again.left_out(native, [row for _, row in sorted(rows.items())]))
        dropped = [one.hash for one in gone]
        await self._store.write(lambda txn: sealed.finish_again(txn, dropped))
        self._again = {}
        self.dropped += len(dropped)
        log.warning("what was taken back is sealed again", extra={"head": self._chain.head.number, "dropped": dropped})

    async def _end_as_before(self, old: SealedBlock | None) -> None:
        """The batch ends with the head, if it did so with this block, which had its number."""
        if old is not None and old.ends_batch and self.open.blocks:
            await self._end("again")

    def _coming_again(self, old: SealedBlock, candidates: list[_native.Transaction]) -> Coming:
        timestamp = max(old.timestamp, self._chain.head.timestamp)
        prices = self.open.prices or (old.l1_base_fee, old.l1_blob_base_fee)
        return replace(self._coming(self.open), timestamp=timestamp, prices=prices, candidates=candidates)

    async def _one_again(self, coming: Coming, sealed_at_ms: int) -> list[_native.Transaction]:
        """Seal a block of these candidates, in their order. Gives those that wait for the next one."""
        built = await self._chain.write(lambda: self._build(coming))
        gas_limit = self._chain.native.next_block(coming.timestamp).gas_limit
        cut = again.cut_at(coming.candidates, built, gas_limit, coming.plan.max_data_bytes)
        if cut is not None:
            shorter = replace(coming, candidates=coming.candidates[:cut])
            built = await self._chain.write(lambda: self._build(shorter))
        await self._add(built, coming, sealed_at_ms)
        there = {one.hash for one in built.included}
        return [one for one in coming.candidates if one.hash not in there]

    async def _seal(self) -> SealedBlock:
        coming = self._coming(self.open)
        built = await self._chain.write(lambda: self._build(coming))
        self._builder.forget(built.impossible)
        return await self._add(built, coming, self._now_ms())

    async def _add(self, built: _native.Built, coming: Coming, sealed_at_ms: int) -> SealedBlock:
        """A block becomes the head. Raises `ItemGone` where L1 took back what it holds."""
        row = self._row(built, coming, sealed_at_ms)
        items = coming.plan.items[: built.privileged]

        def change(txn: Txn) -> None:
            sealed.check_items(txn, self.queue_index, items)
            sealed.put(txn, row)

        await self._store.write(change)
        await self._chain.set_head(built.hash)
        self.open, self.queue_index = self.open.with_block(row), row.queue_index
        self.sealed += 1
        log.debug("sealed block", extra={"block": built.number, "transactions": built.transactions})
        return row

    async def pending(self) -> _native.Pending:
        """The block as it would be sealed now, for those who ask for the pending one. Nothing is kept of it."""
        coming = self._coming(self._batch_of_next())
        if self._second_is_full(coming.timestamp):
            coming = replace(coming, timestamp=coming.timestamp + 1)
        built = await self._chain.write(lambda: self._build(coming, keep=False))
        assert built.pending is not None
        return built.pending

    def pending_facts(self) -> tuple[object, ...]:
        """What the pending block depends on beside head and pool: while they stay it is the same."""
        with self._store.read() as txn:
            newest = txn.last(QUEUE)
        batch = self._batch_of_next()
        return self.queue_index, newest and newest[0], batch.prices or self._prices(), self._timestamp(self._chain.head)

    def _second_is_full(self, timestamp: int) -> bool:
        with self._store.read() as txn:
            row = txn.get(SEALED, key(max(0, self._chain.head.number + 1 - BLOCKS_PER_SECOND)))
        return row is not None and row.timestamp == timestamp

    def _batch_of_next(self) -> OpenBatch:
        ends = policy.end_reason(self.open, self._settings.limits, self._now_ms()) is not None
        return OpenBatch() if ends else self.open

    def _coming(self, batch: OpenBatch) -> Coming:
        """The next block of a batch on the head."""
        head = self._chain.head
        with self._store.read() as txn:
            queued = list(itertools.islice(sealed.queued_from(txn, self.queue_index), ITEMS_OFFERED))
        plan = policy.plan_block(batch, queued, self._settings.limits)
        prices = batch.prices or self._prices()
        return Coming(head.hash, self._timestamp(head), prices, plan, [] if self.is_empty else self._builder.offer())

    def _timestamp(self, head: _native.Head) -> int:
        return max(int(self._now()), head.timestamp)

    def _build(self, coming: Coming, *, keep: bool = True) -> _native.Built:
        return self._chain.native.seal(
            coming.parent,
            coming.candidates,
            timestamp=coming.timestamp,
            l1_prices=coming.prices,
            privileged=coming.plan.items,
            max_data_bytes=coming.plan.max_data_bytes,
            keep=keep,
        )

    def _row(self, built: _native.Built, coming: Coming, sealed_at_ms: int) -> SealedBlock:
        return SealedBlock(
            number=built.number,
            hash=built.hash,
            timestamp=coming.timestamp,
            gas_used=built.gas_used,
            data_bytes=built.data_bytes,
            transactions=built.transactions,
            queue_index=self.queue_index + built.privileged,
            l1_base_fee=coming.prices[0],
            l1_blob_base_fee=coming.prices[1],
            sealed_at_ms=sealed_at_ms,
        )

    def _now_ms(self) -> int:
        return int(self._now() * 1000)

    def metrics(self) -> Iterator[Metric]:
        """A source for `observe.metrics.Metrics.add`."""
        yield metrics.counter("rollup_blocks", "Blocks that this sequencer has sealed", self.sealed)
        yield metrics.counters("rollup_batches_ended", "Batches that ended, by why", "reason", dict(self.ended))
        yield metrics.gauge(
            "rollup_open_batch_bytes", "Data of the batch that is open, before it is packed", self.open.data_bytes
        )
        yield metrics.gauge("rollup_open_batch_blocks", "Blocks of the batch that is open", self.open.blocks)
        is_waiting = float(self.waits_for is not None)
        yield metrics.gauge("rollup_waiting", "1 while nothing is sealed since L1 or provers are behind", is_waiting)
        yield metrics.counter("rollup_blocks_taken_back", "Blocks that L1 made void by another queue", self.taken_back)
        yield metrics.counter("rollup_transactions_dropped", "Users' transactions that went with them", self.dropped)
        yield metrics.gauge(
            "rollup_sealing_again", "Blocks that L1 made void and are being sealed again", len(self._again)
        )
        yield metrics.gauge("rollup_queue_index", "Items of the L1 queue that are behind the chain", self.queue_index)
