"""
Follow L1 alone: each batch that it has is taken out of what the batch published, and the head moves to its last block.

What the batches say is believed no further than L1 checked it: what was published opens to what was committed, and leads to
the committed state root. There is a state at the end of each batch and nothing of the blocks within. What L1 takes back is
taken back here. All of it is found again from chain and store after a crash.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Final

from prometheus_client.core import Metric

from ethrex_node import _native
from ethrex_node.chain import Chain
from ethrex_node.observe import metrics
from ethrex_node.rollup.follower.confirmations import Confirmations
from ethrex_node.rollup.follower.following import Following
from ethrex_node.rollup.follower.verdict import Mark
from ethrex_node.rollup.l1.client import L1Client
from ethrex_node.rollup.l1.errors import L1Error
from ethrex_node.rollup.recovery import published, rebuild
from ethrex_node.rollup.recovery.blobs import Source
from ethrex_node.rollup.recovery.keepers import Keepers
from ethrex_node.rollup.recovery.published import Published, RecoveryError
from ethrex_node.rollup.settlement import contracts
from ethrex_node.rollup.store.schema import Confirmed

log = logging.getLogger(__name__)

AGAIN_SECONDS: Final = 1.0  # after what could not be had


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    every_seconds: float = 0.2
    most_lag_seconds: float = 30.0


class FromL1(Following):
    """
    From `run` to its cancellation. `before` is the encoding of the batch that the chain here begins with; `lacks` says what
    could not be had, `alarm` that a batch does not lead to what was committed.
    """

    what_alarms = "a batch on L1 is not what it says"

    def __init__(
        self,
        chain: Chain,
        l1: Confirmations,
        read: Callable[[Confirmed], Awaitable[Published]],
        source: Source | Keepers,
        before: bytes,
        settings: Settings,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(chain, l1)
        self.lacks: str | None = None
        self._read = read
        self._source = source
        self._before = before
        self._settings = settings
        self._now = now

    async def try_step(self) -> float:
        try:
            has_taken = await self.step()
        except _native.ProgramRefused as error:
            self._raise_alarm(str(error))
            return AGAIN_SECONDS
        except (RecoveryError, L1Error) as error:
            if str(error) != self.lacks:
                log.warning("the next batch cannot be had", extra={"reason": str(error)})
            self.lacks = str(error)
            return AGAIN_SECONDS
        self.lacks = self.alarm = None
        return 0.0 if has_taken else self._settings.every_seconds

    async def step(self) -> bool:
        """
        Go back to what L1 still has, then on by the batch that comes next; gives whether there was one.

        Raises `ProgramRefused` where it does not lead to what was committed, `RecoveryError`, `L1Error`.
        """
        if self._l1.unfounded is not None:
            raise RecoveryError(self._l1.unfounded)
        seen_at = self._l1.seen_at
        good = await self._stand_on_l1()
        number = contracts.number_of(self._before, "number") if good is None else good.batch
        following = self._l1.confirmed(number + 1)
        if following is None:
            self.caught_up_at = seen_at
            return False
        await self._take(self._statement(number), following)
        return True

    async def _stand_on_l1(self) -> Mark | None:
        """At the end of the last batch that is here and that L1 has; None is the genesis."""
        head = self._chain.head
        good = self._l1.agreement(head.number, self._chain.native.canonical_hash).good
        target = contracts.field_of(self._before, "lastBlockHash") if good is None else good.hash
        if target != head.hash:
            log.warning(
                "back to the last batch that L1 has",
                extra={"from_block": head.number, "to_block": 0 if good is None else good.block},
            )
            self.rewinds += 1
            await self._chain.set_head(target)
        await self._name(good, self._l1.final_by(self._chain.head.number))
        return good

    def _statement(self, number: int) -> bytes:
        row = self._l1.confirmed(number)
        return self._before if row is None else row.statement

    async def _take(self, before: bytes, row: Confirmed) -> None:
        batch = await self._read(row)
        found = await rebuild.contents(batch, self._source)
        await self._chain.take_batch(before, batch.statement, found.blobs, found.kept)
        self.taken += 1
        facts = {"batch": batch.number, "block": batch.last_block, "state_root": batch.state_root.hex()}
        log.info("a batch of L1 is taken", extra=facts)

    def lag(self) -> str | None:
        """A check for readiness."""
        if self.caught_up_at is None:
            why = "L1's newest batch was not reached yet"
        elif (behind := self._now() - self.caught_up_at) > self._settings.most_lag_seconds:
            why = f"behind L1 for {behind:.1f} s, more than {self._settings.most_lag_seconds:g}"
        else:
            return None
        reason = self.lacks or self._l1.trouble
        return why if reason is None else f"{why}; {reason}"

    def metrics(self) -> Iterator[Metric]:
        """A source for `observe.metrics.Metrics.add`."""
        yield metrics.counter("follower_batches", "Batches of L1 that were taken here", self.taken)
        yield metrics.counter("follower_alarms", "Times that a batch was not what it says", self.alarms)
        yield metrics.counter("follower_rewinds", "Times that blocks were taken back", self.rewinds)
        yield metrics.gauge("follower_alarm", "1 while a batch is not what it says", float(self.alarm is not None))
        yield metrics.gauge("follower_lacks", "1 while the next batch cannot be had", float(self.lacks is not None))


async def published_as(client: L1Client, addresses: contracts.Addresses, row: Confirmed) -> Published:
    """A batch that L1 has, out of the transaction that committed it. Raises `L1Error`, `RecoveryError`."""
    for one in await published.committed_in(client, addresses, row.l1_block, row.l1_block):
        if one.hash == row.batch_hash:
            return await published.read(client, addresses, one)
    raise RecoveryError(f"batch {row.number} left block {row.l1_block} of L1")
