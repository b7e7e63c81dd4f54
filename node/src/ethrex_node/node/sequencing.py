"""
A rollup's sequencer put together: a node that seals its own blocks, and the roles that bring them to L1.

Who needs whom is decided here. All roles look at one store and one L1; each is a task that comes again after what it
cannot do now, and says so in readiness and logs. Before anything is sealed the start compares the chain, the data folder
and L1: what does not fit together is refused then, not found out at the first commit.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import aiohttp

from ..config import settings
from ..rollup import attested, methods
from ..rollup.coordinator import Coordinator, identities, service, verifiers
from ..rollup.coordinator import Settings as QueueSettings
from ..rollup.deploy import Deployment, steps
from ..rollup.l1 import answers, errors, fees, signers
from ..rollup.l1.client import L1Client
from ..rollup.l1.client import Settings as L1Settings
from ..rollup.outbox import Outbox
from ..rollup.outbox import Settings as OutboxSettings
from ..rollup.sequencer import Limits, Sequencer, policy
from ..rollup.sequencer import Settings as BlockSettings
from ..rollup.settings import RollupSettings
from ..rollup.settlement import batches, committer, contracts, settler, watcher
from ..rollup.store import Store, schema
from ..rollup.store import batches as stored
from ..rollup.store.environment import key
from ..rollup.store.schema import TABLES
from . import rollup_figures
from .assembly import Node, Opened
from .watch import Watch

log = logging.getLogger(__name__)

NAMESPACE: Final = "ethrex"
FOLDER: Final = "rollup"  # the rollup's own data in a data folder
AGAIN_SECONDS: Final = 5.0
L1_AGAIN_SECONDS: Final = 1.0
OUTBOX_SECONDS: Final = 0.5
HEADS_SECONDS: Final = 1.0
PRICES_SECONDS: Final = 600.0
HASH_BYTES: Final = 32


class CannotSequence(Exception):
    """Chain, data folder and L1 do not fit together, or a setting is missing."""


class Prices:
    """
    What a batch names as L1's fees: the lowest that were seen lately. L1 takes a batch whose fees are not far above those
    that it sees when it is committed, which is later, and fees may have fallen by then.
    """

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int, int]] = deque()

    def note(self, market: answers.Market, now: float) -> None:
        self._seen.append((now, market.base_fee, market.blob_base_fee))
        while self._seen[0][0] < now - PRICES_SECONDS:
            self._seen.popleft()

    def __call__(self) -> tuple[int, int]:
        return min(base for _, base, _ in self._seen), min(blob for _, _, blob in self._seen)


@dataclass
class Roles:
    """What works beside the node; `troubles` has why a role does not, by its name."""

    node: Node
    client: L1Client
    session: aiohttp.ClientSession
    store: Store
    prices: Prices
    coordinator: Coordinator
    door: service.Service
    sequencer: Sequencer
    watcher: watcher.Watcher
    batches: batches.Batches
    outboxes: tuple[Outbox, ...]
    committer: committer.Committer
    settler: settler.Settler
    troubles: dict[str, str] = field(default_factory=dict)


class SequencerNode:
    """From `start` to `stop`. `watch` is running already and ends after it, by its owner."""

    def __init__(
        self, wanted: settings.Settings, asked: RollupSettings, deployed: Deployment, opened: Opened, watch: Watch
    ) -> None:
        self.deployed = deployed
        self.roles: Roles | None = None
        self._wanted = wanted
        self._asked = asked
        self._opened = opened
        self._watch = watch
        self._tasks: list[asyncio.Task[Any]] = []

    @property
    def node(self) -> Node:
        assert self.roles is not None, "it is started"
        return self.roles.node

    @property
    def coordinator_url(self) -> str:
        assert self.roles is not None, "it is started"
        return self.roles.door.url

    async def start(self) -> None:
        """Raises `CannotSequence`, and the errors of L1, signers, store, token file; OSError where an address is taken."""
        self._watch.health.phase = "asking L1"
        self.roles = roles = await self._open_once_l1_answers()
        try:
            self._watch.health.phase = "finding the open batch"
            await roles.sequencer.start()
            roles.sequencer.pressure = lambda: self._pressure(roles)
            await roles.door.start()
            await roles.node.start()
        except BaseException:
            await self._close(roles)
            raise
        self._expose(roles)
        for name, run in self._runs(roles).items():
            self._tasks.append(asyncio.create_task(self._supervised(roles, name, run)))

    async def stop(self) -> None:
        """End the roles, then the node, then what they stand on."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        assert self.roles is not None
        await self.roles.door.stop()
        await self.roles.node.stop()
        await self._close(self.roles)

    async def _close(self, roles: Roles) -> None:
        roles.store.close()
        await roles.client.close()
        await roles.session.close()

    # putting together

    async def _open_once_l1_answers(self) -> Roles:
        """An L1 that is away is waited for: it is not the sequencer's fault, and it comes back."""
        while True:
            try:
                return await self._open()
            except (errors.Unreachable, errors.Disagreement) as error:
                log.warning("the start waits for L1", extra={"reason": str(error)})
                await asyncio.sleep(L1_AGAIN_SECONDS)

    async def _open(self) -> Roles:
        asked, addresses = self._asked, self.deployed.addresses
        client = await L1Client.open(
            L1Settings(urls=asked.eth_rpc_url, needed=asked.eth_agreement, final_depth=asked.eth_final_depth)
        )
        session = aiohttp.ClientSession()
        try:
            store = Store.open(self._opened.folder / FOLDER, TABLES)
        except BaseException:
            await client.close()
            await session.close()
            raise
        try:
            await self._check_l1(client, store)
            commit_signer, settle_signer = await self._signers(client, session)
            market = await client.market()
        except BaseException:
            store.close()
            await client.close()
            await session.close()
            raise
        coordinator = Coordinator(store, self._verifiers(client), QueueSettings(), _now_ms)
        prices = Prices()
        prices.note(market, time.monotonic())
        made = batches.Batches(
            store,
            self._opened.native.reader(),
            coordinator,
            self.deployed.statement(self._opened.genesis),
            batches.Settings(
                program_version=self.deployed.program_version,
                kinds=asked.proof_kinds,
                prove_within_seconds=asked.prove_within,
            ),
        )
        outbox = Outbox(store, client, commit_signer, self._outbox_settings(), _now_ms)
        other = outbox
        if settle_signer.address != commit_signer.address:
            other = Outbox(store, client, settle_signer, self._outbox_settings(), _now_ms)
        node = Node(self._wanted, self._opened, self._watch, [(methods.METHODS, self._methods(store, client, outbox))])
        return Roles(
            node=node,
            client=client,
            session=session,
            store=store,
            prices=prices,
            coordinator=coordinator,
            door=service.Service(
                coordinator,
                identities.from_file(_needed(asked.coordinator_tokens, "proof-coordinator.tokens")),
                service.Settings(host=asked.coordinator_addr, port=asked.coordinator_port),
            ),
            sequencer=Sequencer(
                node.chain,
                node.builder,
                store,
                prices,
                BlockSettings(block_seconds=asked.block_time, limits=self._limits()),
            ),
            watcher=watcher.Watcher(
                store,
                client,
                addresses,
                watcher.Settings(
                    tag=asked.watcher_tag, depth=asked.watcher_depth, every_seconds=asked.watcher_interval
                ),
            ),
            batches=made,
            outboxes=(outbox,) if other is outbox else (outbox, other),
            committer=committer.Committer(store, made, outbox, client, addresses, self._commit_settings()),
            settler=settler.Settler(
                made,
                coordinator,
                other,
                client,
                addresses,
                settler.Settings(kinds=asked.proof_kinds, most_batches=asked.settle_batches),
            ),
        )

    def _methods(self, store: Store, client: L1Client, outbox: Outbox) -> methods.Rollup:
        rules = self._opened.genesis.config["rollup"]
        return methods.Rollup(store, self._opened.native.reader(), client, self.deployed, rules, outbox.find)

    async def _check_l1(self, client: L1Client, store: Store) -> None:
        """Raises `CannotSequence`."""
        deployed, genesis = self.deployed, self._opened.genesis
        if client.chain_id != deployed.l1_chain_id:
            raise CannotSequence(f"L1 is chain {client.chain_id}, the deployment is on chain {deployed.l1_chain_id}")
        head = await client.head()
        asked = steps.RECORD.call(deployed.chain_id, 0)
        (first,) = steps.RECORD.result(await client.call(deployed.proposer, asked, head.number))
        expected = contracts.hash_of(deployed.statement(genesis))
        if first[0] != expected:
            raise CannotSequence(
                f"chain {deployed.chain_id} is registered at 0x{deployed.proposer.hex()} with "
                f"{'nothing' if first[0] == bytes(HASH_BYTES) else f'0x{first[0].hex()}'}, this genesis is "
                f"0x{expected.hex()}: another genesis, deployment or L1"
            )
        status = await settler.status_at(client, deployed.addresses, head.number)
        with store.read() as txn:
            newest = stored.newest(txn)
        known = 0 if newest is None else newest.number
        if status.last_committed > known:
            raise CannotSequence(
                f"L1 has batches up to {status.last_committed}, the data in {store.folder} ends with {known}: "
                "it is older than the chain; nothing was sealed"
            )

    async def _signers(self, client: L1Client, session: aiohttp.ClientSession) -> tuple[signers.Signer, signers.Signer]:
        """Who commits, who has it verified. Raises `SignerError`, `CannotSequence`."""
        asked = self._asked
        reference = _needed(asked.committer_key, "committer.key")
        commits = await signers.open_signer(reference, client.chain_id, session)
        settles = commits
        if asked.settler_key is not None:
            settles = await signers.open_signer(asked.settler_key, client.chain_id, session)
        head = await client.head()
        data = steps.IS_COMMITTER.call(self.deployed.chain_id, f"0x{commits.address.hex()}")
        answer = await client.call(self.deployed.proposer, data, head.number)
        if steps.IS_COMMITTER.result(answer) != (True,):
            raise CannotSequence(
                f"0x{commits.address.hex()} may not commit for chain {self.deployed.chain_id}: --committer.key is "
                "another account's, or it was not registered"
            )
        return commits, settles

    def _verifiers(self, client: L1Client) -> dict[str, verifiers.Verifier]:
        """Proofs are checked at intake as L1 will check them."""
        deployed = self.deployed
        found: dict[str, verifiers.Verifier] = {}
        for kind in self._asked.proof_kinds:
            if kind in attested.KIND_NUMBERS:
                domain = attested.Domain(deployed.l1_chain_id, deployed.attested_verifier)
                known = verifiers.registered_on_l1(client, deployed.attested_verifier, deployed.chain_id, kind)
                found[kind] = verifiers.attested_verifier(domain, known, kind)
            elif kind in contracts.KINDS:
                found[kind] = verifiers.contract_verifier(
                    client, deployed.registry, deployed.chain_id, contracts.KINDS[kind]
                )
            else:
                raise CannotSequence(f"--proof-coordinator.kinds: {kind!r} is none of {', '.join(contracts.KINDS)}")
        return found

    def _limits(self) -> Limits:
        asked = self._asked
        return Limits(
            seconds=asked.commit_time, idle_seconds=asked.idle_time, gas=asked.batch_gas, blobs=asked.batch_blobs
        )

    def _commit_settings(self) -> committer.Settings:
        asked = self._asked
        return committer.Settings(
            wait_seconds=asked.commit_wait,
            cheap_blob_fee_wei=asked.cheap_blob_fee,
            most_uncommitted=asked.most_uncommitted,
        )

    def _outbox_settings(self) -> OutboxSettings:
        asked = self._asked
        return OutboxSettings(
            fees=fees.Policy(most_per_gas=asked.eth_max_fee, most_per_blob_gas=asked.eth_max_blob_fee),
            patience_ms=int(asked.eth_patience * 1000),
            low_balance_wei=asked.eth_low_balance,
        )

    # working

    def _runs(self, roles: Roles) -> dict[str, Callable[[], Awaitable[None]]]:
        runs: dict[str, Callable[[], Awaitable[None]]] = {
            "prices": lambda: self._follow_prices(roles),
            "watcher": roles.watcher.run,
            "sequencer": roles.sequencer.run,
            "batches": lambda: _make_batches(roles),
            "committer": roles.committer.run,
            "settler": roles.settler.run,
            "heads": lambda: self._follow_heads(roles),
        }
        for number, outbox in enumerate(roles.outboxes):
            runs[f"outbox {number}"] = lambda outbox=outbox: outbox.run(OUTBOX_SECONDS)  # type: ignore[misc]
        return runs

    def _pressure(self, roles: Roles) -> str | None:
        asked, kinds = self._asked, set(self._asked.proof_kinds)
        verified = roles.settler.verified
        with roles.store.read() as txn:
            above = [row for _, row in txn.scan(schema.BATCHES, start=key(verified + 1))]
        backlog = policy.Backlog.of(
            above,
            max(roles.committer.committed, verified),
            lambda number: kinds <= roles.coordinator.proofs(number).keys(),
        )
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
            safe, final = (
                0 if (batch := roles.batches.get(number)) is None else batch.last_block
                for number in (roles.committer.committed, roles.settler.final)
            )
            if (safe, final) != told and safe:
                await self._name_heads(roles, safe, final)
                told = (safe, final)
            await asyncio.sleep(HEADS_SECONDS)

    async def _name_heads(self, roles: Roles, safe: int, final: int) -> None:
        native, chain = self._opened.native, roles.node.chain
        found = native.canonical_hash(safe), native.canonical_hash(final)
        if found[0] is not None and found[1] is not None:
            await chain.set_head(chain.head.hash, found[0], found[1])

    def _expose(self, roles: Roles) -> None:
        add = self._watch.metrics.add
        add("l1", roles.client.metrics)
        add("sequencer", roles.sequencer.metrics)
        add("watcher", lambda: watcher.metrics_of(roles.watcher))
        add("coordinator", roles.door.metrics)
        add("jobs", roles.coordinator.metrics)
        counted = rollup_figures.Batched()
        roles.batches.listeners.append(counted.note)
        add(
            "batches",
            lambda: rollup_figures.batches(
                roles.batches, roles.committer, roles.settler, roles.coordinator, self._asked.proof_kinds, counted
            ),
        )
        add("provers", lambda: rollup_figures.provers(roles.coordinator))
        for number, outbox in enumerate(roles.outboxes):
            add(f"outbox {number}", outbox.metrics)
        self._watch.health.add("pressure", lambda: roles.sequencer.waits_for)
        self._watch.health.add(
            "roles", lambda: "; ".join(f"{name}: {why}" for name, why in roles.troubles.items()) or None
        )


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


def _needed(value: Any, option: str) -> Any:
    if value is None:
        raise CannotSequence(f"--{option} is missing")
    return value


def _now_ms() -> int:
    return int(time.time() * 1000)


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
