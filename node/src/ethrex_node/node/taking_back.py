"""
When L1 took back items of the queue that blocks hold: the roles stop, all that is void goes at once, and they begin again.

Roles come again after a crash from what is in the store; so they do here, and none of them can write down what it made of
blocks that are void meanwhile. The sequencer is held and not stopped: a head that moves has to be told to all who listen.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager

from prometheus_client.core import Metric

from ..observe import metrics
from ..rollup.l1.errors import L1Error
from ..rollup.settlement import contracts, taking_back
from ..rollup.settlement.watcher import Exchange, QueueBroken
from .roles import Roles, now_ms

log = logging.getLogger(__name__)


class TakingBack:
    """`alarm`: why nothing can be taken back. `paused` stops all roles but the sequencer as long as it is entered."""

    def __init__(
        self, roles: Roles, addresses: contracts.Addresses, paused: Callable[[], AbstractAsyncContextManager[None]]
    ) -> None:
        self.alarm: str | None = None
        self.reorgs = 0
        self._roles = roles
        self._addresses = addresses
        self._paused = paused
        self._found: asyncio.Queue[Exchange] = asyncio.Queue(1)
        roles.watcher.exchanged = self._note

    async def _note(self, found: Exchange) -> None:
        """The watcher finds it again as long as it is so."""
        if self._found.empty():
            self._found.put_nowait(found)

    async def run(self) -> None:
        """Until cancelled. One of the node's own tasks, and no role: it stops those."""
        while True:
            found = await self._found.get()
            try:
                await self._take_back(found)
                self.alarm = None
            except L1Error as error:
                log.warning("L1 cannot be asked what it has of us", extra={"reason": str(error)})
            except QueueBroken as error:
                if self.alarm is None:
                    log.critical(
                        "blocks of this chain are void, and L1 has them for good", extra={"reason": str(error)}
                    )
                self.alarm = str(error)

    async def _take_back(self, found: Exchange) -> None:
        roles = self._roles
        if roles.tenure.is_over:
            return  # whoever goes on has the same queue, and does it
        with roles.store.read() as txn:
            block, batch = taking_back.first_void(txn, found.index)
        if not await taking_back.may_be(roles.client, self._addresses, batch):
            return
        log.critical(
            "L1 took an item of the queue back that blocks hold: they are void",
            extra={"index": found.index, "first_block": block, "first_batch": batch},
        )
        async with self._paused():
            reorg = await roles.sequencer.take_back(lambda txn: taking_back.take_back(txn, found, now_ms()))
            roles.committer.forget_from(reorg.first_batch)
        self.reorgs += 1
        facts = {"first_block": reorg.first_block, "last_block": reorg.last_block, "first_batch": reorg.first_batch}
        log.warning("blocks are taken back and sealed again", extra=facts)

    def metrics(self) -> Iterator[Metric]:
        """A source for `observe.metrics.Metrics.add`."""
        yield metrics.counter("rollup_queue_reorgs", "Times that L1 took back items that blocks held", self.reorgs)
