"""
A rollup's sequencer, from start to stop: a node that seals its own blocks, and the roles that bring them to L1.

The node serves what it has from the start on, whether L1 answers or not. All roles look at one store and one L1; each is
a task that comes again after what it cannot do now, and says so in readiness and logs.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from .. import _native
from ..builder import PendingBlocks
from ..chain import HeadChange
from ..config import settings
from ..rollup import methods, progress
from ..rollup.deploy import Deployment
from ..rollup.epochs import term
from ..rollup.l1 import errors
from ..rollup.recovery import beginning
from ..rollup.recovery.start import Start
from ..rollup.sequencer import policy, unmade
from ..rollup.settings import RollupSettings
from ..rollup.settlement import watcher
from ..rollup.sponsor import Sponsor
from ..rollup.sponsor import methods as sponsoring
from ..rollup.store import Store, schema
from ..rollup.store.environment import key
from ..rollup.store.schema import TABLES, Term
from . import rollup_figures
from .assembly import Node, Opened
from .outrun import Outrun
from .renewing import Renewing
from .roles import CannotSequence, DataBehind, Ground, NotYet, Roles, kinds_of, open_roles
from .taking_back import TakingBack
from .watch import Watch

log = logging.getLogger(__name__)

__all__ = ["CannotSequence", "DataBehind", "SequencerNode", "told_by"]

NAMESPACE: Final = "ethrex"
FOLDER: Final = "rollup"  # the rollup's own data in a data folder
AGAIN_SECONDS: Final = 5.0
L1_AGAIN_SECONDS: Final = 1.0
OUTBOX_SECONDS: Final = 0.5
RENEWING_SECONDS: Final = 5.0
HEADS_SECONDS: Final = 1.0


class SequencerNode:
    """
    From `start` to `stop`. `watch` is running already and ends after it, by its owner. `start` is what a chain was begun with
    that does not begin with its genesis. Raises `StoreError`, `CannotBegin`.
    """

    def __init__(
        self,
        wanted: settings.Settings,
        asked: RollupSettings,
        deployed: Deployment,
        opened: Opened,
        watch: Watch,
        start: Start | None = None,
    ) -> None:
        self.deployed = deployed
        self.roles: Roles | None = None
        self._asked = asked
        self._opened = opened
        self._watch = watch
        self._tasks: list[asyncio.Task[Any]] = []
        self._pausing = asyncio.Lock()
        self._roles_tasks: list[asyncio.Task[Any]] = []  # those that can be stopped and begin again
        self._store = Store.open(opened.folder / FOLDER, TABLES)
        self._waits = "L1 has not answered yet"
        self._unmade = unmade.Waiting(self._store)
        try:
            self._started = beginning.ensure(self._store, opened.native, start)
        except BaseException:
            self._store.close()
            raise
        rules = opened.genesis.config["rollup"]
        self._rollup = methods.Rollup(self._store, opened.native.reader(), deployed, rules)
        self._sponsoring = sponsoring.Sponsoring()
        groups = [(methods.METHODS, self._rollup), (sponsoring.METHODS, self._sponsoring)]
        self._pending: PendingBlocks | None = None
        self.node = Node(wanted, opened, watch, groups, self._pending_block)

    @property
    def coordinator_url(self) -> str:
        assert self.roles is not None, "it is started"
        return self.roles.door.url

    async def start(self) -> None:
        """
        Serve, and seal once L1 has answered.

        Raises `CannotSequence`, and the errors of L1, signers and admission; OSError where an address is taken.
        """
        self._watch.health.add("L1", lambda: None if self.roles else self._waits)
        await self.node.start()
        try:
            roles = await self._roles_once_l1_answers()
            try:
                await roles.sequencer.start()
                await roles.tenure.start()
                await roles.door.start()
            except BaseException:
                await roles.close()
                raise
        except BaseException:
            await self.node.stop()
            self._store.close()
            raise
        self.roles, self._rollup.client, self._sponsoring.sponsor = roles, roles.client, roles.sponsor
        self._rollup.heads, self._rollup.heard = roles.announcer, roles.tenure.heard
        self._rollup.versions = roles.versions
        self._rollup.on_l1 = lambda: progress.OnL1(
            roles.committer.committed, roles.settler.verified, roles.settler.final
        )
        roles.tenure.listeners.append(self._follow_term)
        self._follow_term(roles.tenure.term)
        sealing = roles.sequencer
        self._pending = PendingBlocks(self.node.chain, self.node.pool, sealing.pending, sealing.pending_facts)
        roles.sequencer.pressure = lambda: self._pressure(roles)
        self._expose(roles)
        self._begin(roles)
        for name, run in self._lasting(roles).items():
            self._tasks.append(asyncio.create_task(self._supervised(roles, name, run)))

    async def stop(self) -> None:
        """End the roles, then the node, then what they stand on."""
        await _ended(self._tasks)
        await _ended(self._roles_tasks)
        assert self.roles is not None
        await self.roles.door.stop()
        await self.node.stop()
        await self.roles.close()
        self._store.close()

    async def _roles_once_l1_answers(self) -> Roles:
        """An L1 that is away is waited for: it is not the sequencer's fault, and it comes back."""
        ground = Ground(self._asked, self.deployed, self._opened, self._store, self.node, self._started)
        while True:
            try:
                return await open_roles(ground)
            except (errors.Unreachable, errors.Disagreement, NotYet) as error:
                self._waits = str(error)
                log.warning("sealing waits for L1", extra={"reason": str(error)})
                await asyncio.sleep(L1_AGAIN_SECONDS)

    async def _pending_block(self) -> _native.Pending:
        if self._pending is None:
            raise methods.L1Unavailable("L1 has not answered yet: the next block is not known")
        return await self._pending()

    def _begin(self, roles: Roles) -> None:
        for name, run in self._runs(roles).items():
            self._roles_tasks.append(asyncio.create_task(self._supervised(roles, name, run)))

    @asynccontextmanager
    async def _paused(self, roles: Roles) -> AsyncIterator[None]:
        """Without the roles, for one at a time; they begin again as after a start."""
        async with self._pausing:
            await _ended(self._roles_tasks)
            self._roles_tasks.clear()
            try:
                yield
            finally:
                self._begin(roles)

    def _lasting(self, roles: Roles) -> dict[str, Callable[[], Awaitable[None]]]:
        """What goes on while roles are stopped."""
        back = TakingBack(roles, self.deployed.addresses, lambda: self._paused(roles))
        self._watch.metrics.add("queue reorgs", back.metrics)
        self._watch.health.add("queue", lambda: back.alarm)
        again = Renewing(roles, self.deployed.addresses, RENEWING_SECONDS, lambda: self._paused(roles))
        self._watch.metrics.add("renewed batches", again.metrics)
        outrun = Outrun(roles, self.deployed.addresses, self._opened.native, lambda: self._paused(roles))
        self._watch.metrics.add("adopted batches", outrun.metrics)
        return {
            "sequencer": roles.sequencer.run,
            "term": roles.tenure.run,
            "queue reorgs": back.run,
            "lost batches": again.run,
            "adopted batches": outrun.run,
        }

    def _runs(self, roles: Roles) -> dict[str, Callable[[], Awaitable[None]]]:
        runs: dict[str, Callable[[], Awaitable[None]]] = {
            "prices": lambda: self._follow_prices(roles),
            "watcher": roles.watcher.run,
            "versions": roles.versions.run,
            "batches": lambda: _make_batches(roles),
            "committer": roles.committer.run,
            "settler": roles.settler.run,
            "heads": lambda: self._follow_heads(roles),
        }
        for number, outbox in enumerate(roles.outboxes):
            runs[f"outbox {number}"] = lambda outbox=outbox: outbox.run(OUTBOX_SECONDS)  # type: ignore[misc]
        if roles.admission.keys is not None:
            runs["issuer's keys"] = roles.admission.keys.run
        if roles.sponsor is not None:
            paying = roles.sponsor
            runs["sponsor"] = lambda: self._follow_sponsored(paying)
        return runs

    def _follow_term(self, one: Term) -> None:
        """Nobody is sponsored while no transaction is taken."""
        assert self.roles is not None
        self._sponsoring.sponsor = None if one.state in term.CLOSED else self.roles.sponsor

    def _pressure(self, roles: Roles) -> str | None:
        asked, kinds = self._asked, set(kinds_of(self._asked, self.deployed))
        outdated = roles.versions.trouble(_next_batch(roles))
        if outdated is not None:
            return outdated
        verified = roles.settler.verified
        with roles.store.read() as txn:
            above = [row for _, row in txn.scan(schema.BATCHES, start=key(verified + 1))]
        backlog = policy.Backlog.of(
            above,
            max(roles.committer.committed, verified),
            lambda number: kinds <= roles.coordinator.proofs(number).keys(),
        )
        newest = roles.batches.newest()
        made_to = roles.batches.last_block_of(roles.batches.base) if newest is None else newest.last_block
        waiting = self._unmade.behind(made_to, self.node.chain.head.number - roles.sequencer.open.blocks)
        is_validium = self.deployed.data_committee is not None  # its batches count as one blob each
        blobs = len(waiting) if is_validium else sum(one.blobs for one in waiting)
        backlog = backlog.and_more(blobs, sum(one.gas for one in waiting))
        limits = policy.Patience(uncommitted_blobs=asked.most_uncommitted_blobs, unproven_gas=asked.most_unproven_gas)
        return policy.pressure(backlog, limits)

    async def _supervised(self, roles: Roles, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """What a role did not expect is an alarm, and no reason for the others to stop."""
        while True:
            try:
                await run()
            except Exception as error:
                roles.troubles[name] = f"{type(error).__name__}: {error}"
                log.critical("a role of the rollup fails", extra={"role": name}, exc_info=True)
            await asyncio.sleep(AGAIN_SECONDS)
            roles.troubles.pop(name, None)

    async def _follow_prices(self, roles: Roles) -> None:
        while True:
            try:
                roles.prices.note(await roles.client.market(), time.monotonic())
            except errors.L1Error as error:
                log.warning("L1's fees are not known", extra={"reason": str(error)})
            await asyncio.sleep(self._asked.watcher_interval)

    async def _follow_heads(self, roles: Roles) -> None:
        """safe: in a batch that is on L1. finalized: verified, in a block of L1 that is final."""
        told = (0, 0)
        while True:
            safe, final = map(roles.batches.last_block_of, (roles.committer.committed, roles.settler.final))
            if (safe, final) != told and safe:
                await self._name_heads(safe, final)
                told = (safe, final)
            await asyncio.sleep(HEADS_SECONDS)

    async def _follow_sponsored(self, paying: Sponsor) -> None:
        """What a block has taken of them is counted with its cost, at each head."""
        moved = asyncio.Event()
        moved.set()

        def wake(_: HeadChange) -> None:
            moved.set()

        self.node.chain.listeners.append(wake)  # behind the pool's
        try:
            while True:
                await moved.wait()
                moved.clear()
                await paying.settle()
        finally:
            self.node.chain.listeners.remove(wake)

    async def _name_heads(self, safe: int, final: int) -> None:
        native, chain = self._opened.native, self.node.chain
        found = native.canonical_hash(safe), native.canonical_hash(final)
        if found[0] is not None and found[1] is not None:
            await chain.name(found[0], found[1])

    def _expose(self, roles: Roles) -> None:
        add = self._watch.metrics.add
        add("l1", roles.client.metrics)
        add("sequencer", roles.sequencer.metrics)
        add("term", roles.tenure.metrics)
        add("watcher", lambda: watcher.metrics_of(roles.watcher))
        add("coordinator", roles.door.metrics)
        add("jobs", roles.coordinator.metrics)
        add("admission", roles.admission.metrics)
        counted = rollup_figures.Batched()
        roles.batches.listeners.append(counted.note)
        add(
            "batches",
            lambda: rollup_figures.batches(
                roles.batches,
                roles.committer,
                roles.settler,
                roles.coordinator,
                kinds_of(self._asked, self.deployed),
                counted,
            ),
        )
        add("queue", lambda: rollup_figures.queue(roles.store, roles.batches, roles.committer))
        add("versions", lambda: roles.versions.metrics(_next_batch(roles)))
        if roles.committee is not None:
            add("committee", roles.committee.metrics)
        if roles.sponsor is not None:
            add("sponsor", roles.sponsor.metrics)
        add("provers", lambda: rollup_figures.provers(roles.coordinator))
        for number, outbox in enumerate(roles.outboxes):
            add(f"outbox {number}", outbox.metrics)
        self._watch.health.add("term", roles.tenure.why_not_ready)
        self._watch.health.add("pressure", lambda: roles.sequencer.waits_for)
        self._watch.health.add(
            "roles", lambda: "; ".join(f"{name}: {why}" for name, why in roles.troubles.items()) or None
        )


def _next_batch(roles: Roles) -> int:
    newest = roles.batches.newest()
    return 1 + (roles.batches.base if newest is None else newest.number)


async def _ended(tasks: list[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _make_batches(roles: Roles) -> None:
    """A batch each time that one has ended; first those of which a crash left jobs out."""
    ended = asyncio.Event()
    roles.sequencer.listeners.append(lambda _: ended.set())
    try:
        await roles.batches.ask_again(roles.settler.verified)
        while True:
            ended.clear()
            await roles.batches.step()
            await ended.wait()
    finally:
        roles.sequencer.listeners.pop()


def told_by(wanted: settings.Settings, given: Collection[str], deployed: Deployment) -> settings.Settings:
    """
    The node's settings, with the genesis of the deployment as its network, a folder of the chain's own, and the rollup's
    namespace served where nobody chose. `given` are the names of the options that somebody gave.
    """
    folder = wanted.datadir
    if folder is None:
        folder = Path.home() / ".local/share/ethrex" / f"rollup-{deployed.chain_id}"
    served = wanted.http_api if "http.api" in given else (*wanted.http_api, NAMESPACE)
    return replace(wanted, network=str(deployed.genesis), datadir=folder, http_api=served)
