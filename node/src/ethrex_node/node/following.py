"""
A rollup's follower, from start to stop: a node that seals nothing, the sequencer's blocks and L1's word on them, or without
a sequencer the batches that L1 has.

The node serves what it has from the start on, whether sequencer or L1 answer or not. Nothing is taken before L1 has said that
it knows this chain with this genesis.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, Final

import aiohttp

from ..config import settings
from ..rollup import follower, methods
from ..rollup.deploy import Deployment
from ..rollup.epochs import announcing, heads
from ..rollup.epochs.seen import Seen
from ..rollup.epochs.sequencers import Sequencers
from ..rollup.follower import confirmations, from_l1, l1_methods
from ..rollup.follower import follower as following
from ..rollup.follower import methods as answers
from ..rollup.follower.settings import FollowerSettings
from ..rollup.follower.verdict import mark_of
from ..rollup.l1 import errors
from ..rollup.l1.client import L1Client
from ..rollup.l1.client import Settings as L1Settings
from ..rollup.l1.endpoint import Endpoint
from ..rollup.recovery import beginning
from ..rollup.recovery.sources import Places
from ..rollup.recovery.start import Start
from ..rollup.store import Store
from ..rollup.store.schema import TABLES
from ..rpc import table
from . import roles
from .assembly import Node, Opened
from .watch import Watch

log = logging.getLogger(__name__)

FOLDER: Final = "follower"  # what is known of L1, in a data folder
SEQUENCER_SECONDS: Final = 10.0
AGAIN_SECONDS: Final = 5.0
L1_AGAIN_SECONDS: Final = 1.0


class FollowerNode:
    """
    From `start` to `stop`, made on the event loop. `watch` is running already and ends after it. `start` is what a chain was
    begun with that does not begin with its genesis. Raises `StoreError`, `CannotBegin`.
    """

    def __init__(
        self,
        wanted: settings.Settings,
        asked: FollowerSettings,
        deployed: Deployment,
        opened: Opened,
        watch: Watch,
        start: Start | None = None,
    ) -> None:
        self.deployed = deployed
        self.follower: follower.Follower | follower.FromL1 | None = None
        self._asked = asked
        self._opened = opened
        self._watch = watch
        self._lasting = AsyncExitStack()
        self._tasks: list[asyncio.Task[Any]] = []
        self._troubles: dict[str, str] = {}
        self._store = Store.open(opened.folder / FOLDER, TABLES)
        try:
            self._started = beginning.ensure(self._store, opened.native, start)
        except BaseException:
            self._store.close()
            raise
        self._session = aiohttp.ClientSession()
        own = methods.Rollup(self._store, opened.native.reader(), deployed, opened.genesis.config["rollup"])
        own.heads = announcing.Relay(self._store, opened.native.canonical_hash)
        self._batches = l1_methods.Batches()
        self.feed: follower.Feed | None = None
        groups: list[tuple[table.Group, object]] = [(answers.OWN, own)]
        if asked.sequencer is None:
            groups += [(l1_methods.BATCHES, self._batches), (l1_methods.REFUSED, l1_methods.Nobody())]
            self.node = Node(wanted, opened, watch, groups, forward=l1_methods.refuse)
        else:
            self.feed = follower.Feed(Endpoint(asked.sequencer, self._session, SEQUENCER_SECONDS))
            groups.append((answers.FORWARDED, self.feed))
            self.node = Node(wanted, opened, watch, groups, forward=self.feed.send)

    async def start(self) -> None:
        """Serve, and follow once L1 has answered. Raises `CannotSequence`, `L1Error`; OSError where an address is taken."""
        self._watch.health.add("L1", lambda: None if self.follower else "L1 has not answered yet")
        try:
            await self.node.start()
        except BaseException:
            await self._session.close()
            self._store.close()
            raise
        try:
            client = await self._l1()
        except BaseException:
            await self.stop()
            raise
        l1 = follower.Confirmations(
            self._store,
            client,
            self.deployed.addresses,
            confirmations.Settings(tag=self._asked.l1_tag, every_seconds=self._asked.l1_interval),
            floor=None if self._started is None else mark_of(self._started.statement),
        )
        self._batches.l1 = l1
        self.follower = self._follower(client, l1)
        self._expose(client, l1, self.follower)
        for name, run in {"L1": l1.run, "blocks": self.follower.run}.items():
            self._tasks.append(asyncio.create_task(self._supervised(name, run)))

    def _follower(self, client: L1Client, l1: follower.Confirmations) -> follower.Follower | follower.FromL1:
        asked, chain = self._asked, self.node.chain
        if self.feed is not None:
            wanted = following.Settings(every_seconds=asked.interval, most_lag_seconds=asked.max_lag)
            domain = heads.domain(self.deployed.l1_chain_id, self.deployed.proposer)
            sequencers = Sequencers(client, self.deployed.addresses)
            seen = Seen(self._store, sequencers, domain, self.deployed.chain_id)
            return follower.Follower(chain, self.feed, l1, seen, wanted)
        source = places_of(asked).open(
            self._session, lambda text: log.warning("a member fails", extra={"reason": text})
        )
        before = self._started.statement if self._started else self.deployed.statement(self._opened.genesis)
        read = functools.partial(from_l1.published_as, client, self.deployed.addresses)
        settings_of = from_l1.Settings(every_seconds=asked.interval, most_lag_seconds=asked.max_lag)
        return follower.FromL1(chain, l1, read, source, before, settings_of)

    async def stop(self) -> None:
        """End the following, then the node, then what they stand on."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.node.stop()
        await self._lasting.aclose()
        await self._session.close()
        self._store.close()

    async def _l1(self) -> L1Client:
        """An L1 that is away is waited for."""
        asked = self._asked
        wanted = L1Settings(urls=asked.eth_rpc_url, needed=asked.eth_agreement, final_depth=asked.eth_final_depth)
        while True:
            try:
                async with AsyncExitStack() as opening:
                    client = await L1Client.open(wanted)
                    opening.push_async_callback(client.close)
                    await roles.check_chain(self.deployed, self._opened.genesis, client)
                    await self._lasting.enter_async_context(opening.pop_all())
                    return client
            except (errors.Unreachable, errors.Disagreement) as error:
                log.warning("following waits for L1", extra={"reason": str(error)})
                await asyncio.sleep(L1_AGAIN_SECONDS)

    async def _supervised(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """What was not expected is an alarm, and tried again."""
        while True:
            try:
                await run()
            except Exception as error:
                self._troubles[name] = f"{type(error).__name__}: {error}"
                log.critical("a part of the follower fails", extra={"part": name}, exc_info=True)
            await asyncio.sleep(AGAIN_SECONDS)
            self._troubles.pop(name, None)

    def _expose(
        self, client: L1Client, l1: follower.Confirmations, followed: follower.Follower | follower.FromL1
    ) -> None:
        self._watch.metrics.add("l1", client.metrics)
        self._watch.metrics.add("follower", followed.metrics)
        add = self._watch.health.add
        add("lag", followed.lag)
        add("sequencer" if self.feed else "batch", lambda: followed.alarm)
        add("beginning", lambda: l1.unfounded)
        add("parts", lambda: "; ".join(f"{name}: {why}" for name, why in self._troubles.items()) or None)


def places_of(asked: FollowerSettings) -> Places:
    """Where a follower without a sequencer takes from what batches published."""
    return Places(asked.beacon, asked.archive, asked.da, asked.da_token)
