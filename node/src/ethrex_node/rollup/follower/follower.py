"""
Follow the sequencer, block by block, and believe it nothing.

Each block is executed here; one that breaks a rule is not taken, nor one that no sequencer of the newest epoch has signed
for (``rollup.epochs``). The head runs ahead of L1 on the sequencer's word, as
every reader of it does. Where L1 has a batch, the block at its end has to be L1's: before the blocks of such a batch are
taken, the sequencer's block there is compared; when L1 gets a batch of blocks that are here already, ours is. Where they
differ the follower goes back to what L1 confirmed, says so, and takes nothing more until the sequencer's blocks are L1's
again. All of it is found again from chain and store after a crash.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from prometheus_client.core import Metric

from ethrex_node.chain import BlockRejected, Chain
from ethrex_node.observe import metrics
from ethrex_node.rollup.epochs.seen import NotBelieved, OldEpoch, Seen
from ethrex_node.rollup.follower import verdict
from ethrex_node.rollup.follower.confirmations import Confirmations
from ethrex_node.rollup.follower.feed import Away, BadFeed, Block, Blocks, Feed
from ethrex_node.rollup.follower.following import Following
from ethrex_node.rollup.follower.verdict import Mark
from ethrex_node.rollup.l1.errors import L1Error

log = logging.getLogger(__name__)

ALARM_SECONDS: Final = 1.0  # between two looks at a sequencer that lied


class Lie(Exception):
    """The sequencer's blocks break a rule, or are not those that L1 has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    every_seconds: float = 0.2
    most_lag_seconds: float = 30.0


class Follower(Following):
    """From `run` to its cancellation. `alarm` is what the sequencer did that it must not, `away` why it is not asked."""

    what_alarms = "the sequencer is not followed"

    def __init__(
        self,
        chain: Chain,
        feed: Feed,
        l1: Confirmations,
        seen: Seen,
        settings: Settings,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(chain, l1)
        self.away: str | None = None
        self.latest = 0
        self._feed = feed
        self._seen = seen
        self._settings = settings
        self._now = now

    async def try_step(self) -> float:
        try:
            taken = await self.step()
        except (Lie, BadFeed, NotBelieved) as error:
            self._raise_alarm(str(error))
            return ALARM_SECONDS
        except Away as error:
            if self.away is None:
                log.warning("the sequencer is away", extra={"reason": str(error)})
            self.away = str(error)
            return self._settings.every_seconds
        if self.away is not None:
            log.info("the sequencer is back")
        self.away = None
        return 0.0 if taken else self._settings.every_seconds

    async def step(self) -> int:
        """
        Compare with L1, take what the sequencer has; gives the number of blocks. Raises `Lie`, `FeedError`, `NotBelieved`.
        """
        await self._compare()
        head = self._chain.head
        await self._check_next_batch(head.number)
        came = await self._believed(head.number + 1)
        self.latest = came.latest
        if came.latest < head.number:
            return 0  # it began again from less: it comes back to here, or another chain of it shows at the next block
        if came.blocks and came.blocks[0].parent_hash != head.hash:
            await self._rejoin(head.number)
            return 1
        if came.blocks and not came.covered:
            raise Away(
                f"{self._feed.name} gives blocks from {head.number + 1} on and nobody's signature on one of them"
            )
        await self._take(came.covered)
        if self._chain.head.number >= came.latest:
            self.caught_up_at = self._now()
        self._all_well()
        return len(came.covered)

    async def _believed(self, first: int, most: int | None = None) -> Blocks:
        """Blocks from somebody who may be listened to. Raises `FeedError`, `NotBelieved`."""
        came = await self._feed.blocks(first, most)
        if came.newest is None:
            raise Away(f"{self._feed.name} has no signed block yet")
        try:
            await self._seen.admit(came.newest, () if came.signed is None else (came.signed,))
            if came.ended is not None:
                await self._seen.note_end(came.ended)
        except OldEpoch:
            seen = self._seen.newest()
            if seen is not None:
                await self._feed.show(seen)
            raise
        except L1Error as error:
            raise Away(f"L1 does not say who may seal: {error}") from error
        return came

    async def _compare(self) -> None:
        """Our blocks against L1's batches; name the heads."""
        head = self._chain.head.number
        found = self._l1.agreement(head, self._chain.native.canonical_hash)
        if found.contradicted is not None:
            wrong = found.contradicted
            ours = self._chain.native.canonical_hash(wrong.block)
            await self._go_back(found.good)
            raise Lie(_differs(wrong, ours))
        await self._name(found.good, self._l1.final_by(head))

    async def _check_next_batch(self, head: int) -> None:
        """The sequencer's block at the end of the batch that comes next is the one that L1 has."""
        batch = self._l1.after(head)
        if batch is None:
            return
        came = await self._believed(batch.block, 1)
        if came.blocks and came.blocks[0].hash != batch.hash:
            await self._go_back(self._l1.agreement(head, self._chain.native.canonical_hash).good)
            raise Lie(_differs(batch, came.blocks[0].hash))

    async def _take(self, blocks: tuple[Block, ...]) -> None:
        """Execute them; the head moves to the last that is right. Raises `Lie`."""
        last = None
        try:
            for one in blocks:
                try:
                    await self._chain.execute(one.raw)
                except BlockRejected as error:
                    raise Lie(f"the sequencer's block {one.number} 0x{one.hash.hex()} is invalid: {error}") from error
                last = one.hash
                self.taken += 1
        finally:
            if last is not None:
                await self._chain.set_head(last)

    async def _rejoin(self, head: int) -> None:
        """The sequencer has another chain: back to the last block that both have, never below what L1 confirmed."""
        found = self._l1.agreement(head, self._chain.native.canonical_hash)
        floor = 0 if found.good is None else found.good.block
        for number in range(head, floor - 1, -1):
            ours = self._chain.native.canonical_hash(number)
            theirs = (await self._believed(number, 1)).blocks
            if ours is not None and theirs and theirs[0].hash == ours:
                log.warning("the sequencer took blocks back", extra={"from_block": head, "to_block": number})
                self.rewinds += 1
                await self._chain.set_head(ours)
                return
        raise Lie(f"the sequencer's chain is another one from block {floor} on, which L1 has confirmed")

    async def _go_back(self, good: Mark | None) -> None:
        """To the last block that L1 confirmed."""
        target = self._chain.native.canonical_hash(0) if good is None else good.hash
        assert target is not None, "a chain that does not begin with its genesis has a good batch"
        if target != self._chain.head.hash:
            log.critical(
                "back to what L1 confirmed",
                extra={"from_block": self._chain.head.number, "to_block": 0 if good is None else good.block},
            )
            self.rewinds += 1
            await self._chain.set_head(target)

    def _all_well(self) -> None:
        if self.alarm is not None:
            log.warning("the sequencer is followed again", extra={"was": self.alarm})
        self.alarm = None

    def lag(self) -> str | None:
        """A check for readiness."""
        why = verdict.lag(self._now(), self.caught_up_at, self._settings.most_lag_seconds)
        return why if why is None or self.away is None else f"{why}; {self.away}"

    def metrics(self) -> Iterator[Metric]:
        """A source for `observe.metrics.Metrics.add`."""
        head = self._chain.head.number
        yield metrics.counter("follower_blocks", "Blocks of the sequencer that were executed here", self.taken)
        yield metrics.counter(
            "follower_alarms", "Times that the sequencer's blocks were invalid or not L1's", self.alarms
        )
        newest = self._seen.newest()
        yield metrics.gauge(
            "follower_epoch", "Highest epoch of a sequencer that was heard", 0 if newest is None else newest.epoch
        )
        yield metrics.counter("follower_rewinds", "Times that blocks were taken back", self.rewinds)
        yield metrics.gauge("follower_alarm", "1 while the sequencer is not followed", float(self.alarm is not None))
        yield metrics.gauge("follower_away", "1 while the sequencer does not answer", float(self.away is not None))
        yield metrics.gauge(
            "follower_lag_blocks", "Blocks of the sequencer that are not here", max(0, self.latest - head)
        )


def _differs(batch: Mark, found: bytes | None) -> str:
    what = "not there" if found is None else f"0x{found.hex()}"
    return f"batch {batch.batch} on L1 ends with block {batch.block} 0x{batch.hash.hex()}, the sequencer's is {what}"
