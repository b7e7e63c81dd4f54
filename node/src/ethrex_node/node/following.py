"""
A rollup's follower, from start to stop: a node that seals nothing, the sequencer's blocks, and L1's word on them.

The node serves what it has from the start on, whether sequencer or L1 answer or not. Nothing is taken before L1 has said that
it knows this chain with this genesis.
"""

from __future__ import annotations

import asyncio
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
from ..rollup.follower import confirmations
from ..rollup.follower import follower as following
from ..rollup.follower import methods as answers
from ..rollup.follower.settings import FollowerSettings
from ..rollup.l1 import errors
from ..rollup.l1.client import L1Client
from ..rollup.l1.client import Settings as L1Settings
from ..rollup.l1.endpoint import Endpoint
from ..rollup.store import Store
from ..rollup.store.schema import TABLES
from . import roles
from .assembly import Node, Opened
from .watch import Watch

log = logging.getLogger(__name__)

FOLDER: Final = "follower"  # what is known of L1, in a data folder
SEQUENCER_SECONDS: Final = 10.0
AGAIN_SECONDS: Final = 5.0
L1_AGAIN_SECONDS: Final = 1.0


class FollowerNode:
    """From `start` to `stop`, made on the event loop. `watch` is running already and ends after it. Raises `StoreError`."""

    def __init__(
        self,
        wanted: settings.Settings,
        asked: FollowerSettings,
        sequencer_url: str,
        deployed: Deployment,
        opened: Opened,
        watch: Watch,
    ) -> None:
        self.deployed = deployed
        self.follower: follower.Follower | None = None
        self._asked = asked
        self._opened = opened
        self._watch = watch
        self._lasting = AsyncExitStack()
        self._tasks: list[asyncio.Task[Any]] = []
        self._troubles: dict[str, str] = {}
        self._store = Store.open(opened.folder / FOLDER, TABLES)
        self._session = aiohttp.ClientSession()
        self.feed = follower.Feed(Endpoint(sequencer_url, self._session, SEQUENCER_SECONDS))
        own = methods.Rollup(self._store, opened.native.reader(), deployed, opened.genesis.config["rollup"])
        own.heads = announcing.Relay(self._store, opened.native.canonical_hash)
        groups = [(answers.OWN, own), (answers.FORWARDED, self.feed)]
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
        )
        wanted = following.Settings(every_seconds=self._asked.interval, most_lag_seconds=self._asked.max_lag)
        seen = Seen(
            self._store,
            Sequencers(client, self.deployed.addresses),
            heads.domain(self.deployed.l1_chain_id, self.deployed.proposer),
            self.deployed.chain_id,
        )
        self.follower = follower.Follower(self.node.chain, self.feed, l1, seen, wanted)
        self._expose(client, self.follower)
        for name, run in {"L1": l1.run, "blocks": self.follower.run}.items():
            self._tasks.append(asyncio.create_task(self._supervised(name, run)))

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

    def _expose(self, client: L1Client, followed: follower.Follower) -> None:
        self._watch.metrics.add("l1", client.metrics)
        self._watch.metrics.add("follower", followed.metrics)
        add = self._watch.health.add
        add("lag", followed.lag)
        add("sequencer", lambda: followed.alarm)
        add("parts", lambda: "; ".join(f"{name}: {why}" for name, why in self._troubles.items()) or None)
