"""
The roles of a rollup's sequencer put together: who needs whom, and whether chain, data folder and L1 fit together.

What does not fit is refused here, before anything is sealed, and not found out at the first commit.
"""

from __future__ import annotations

import time
from collections import deque
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp

from ..config import genesis
from ..rollup import attested, sponsor
from ..rollup.committee import kept
from ..rollup.committee.committee import Committee
from ..rollup.coordinator import Coordinator, service, verifiers
from ..rollup.coordinator import Settings as QueueSettings
from ..rollup.deploy import Deployment, steps
from ..rollup.epochs import announcing, handover, heads, sequencers, term
from ..rollup.epochs import door as handover_door
from ..rollup.l1 import answers, fees, signers
from ..rollup.l1.client import L1Client
from ..rollup.l1.client import Settings as L1Settings
from ..rollup.outbox import Outbox
from ..rollup.outbox import Settings as OutboxSettings
from ..rollup.sequencer import Limits, Sequencer, sealed
from ..rollup.sequencer import Settings as BlockSettings
from ..rollup.sequencer.draining import Drain, Stages
from ..rollup.settings import RollupSettings
from ..rollup.settlement import batches, committer, contracts, settler, versions, watcher
from ..rollup.store import Store
from ..rollup.store.schema import OUTBOX, Started, Term, TermState
from ..rpc import logs, params
from . import admission, data_committee
from .assembly import Node, Opened

PRICES_SECONDS: Final = 600.0
EXPIRY_MARGIN_SECONDS: Final = (
    600.0  # what a version has left at least, besides what its batch may wait, where one begins
)
HASH_BYTES: Final = 32


class CannotSequence(Exception):
    """Chain, data folder and L1 do not fit together, or a setting is missing."""


class DataBehind(CannotSequence):
    """L1 has batches that the data folder knows nothing of: it is empty, or older than the chain."""


class NotYet(Exception):
    """Come again: L1 is about to change."""


class Prices:
    """
    What a batch names as L1's fees: the lowest that were seen lately. L1 takes a batch whose fees are not far above those
    that it sees when it is committed, which is later, and fees may have fallen by then. A validium takes no blobs, and its
    users pay for none.
    """

    def __init__(self, *, has_blobs: bool) -> None:
        self._has_blobs = has_blobs
        self._seen: deque[tuple[float, int, int]] = deque()

    def note(self, market: answers.Market, now: float) -> None:
        self._seen.append((now, market.base_fee, market.blob_base_fee))
        while self._seen[0][0] < now - PRICES_SECONDS:
            self._seen.popleft()

    def __call__(self) -> tuple[int, int]:
        lowest_blob_fee = min(blob for _, _, blob in self._seen) if self._has_blobs else 0
        return min(base for _, base, _ in self._seen), lowest_blob_fee


@dataclass
class Roles:
    """What works beside the node; `troubles` has why a role does not, by its name."""

    client: L1Client
    store: Store
    prices: Prices
    coordinator: Coordinator
    admission: admission.Admission
    door: service.Service
    announcer: announcing.Announcer
    tenure: handover.Tenure
    sequencer: Sequencer
    watcher: watcher.Watcher
    batches: batches.Batches
    versions: versions.Versions
    outboxes: tuple[Outbox, ...]
    committee: Committee | None
    committer: committer.Committer
    settler: settler.Settler
    sponsor: sponsor.Sponsor | None
    lasting: AsyncExitStack
    troubles: dict[str, str] = field(default_factory=dict)

    async def close(self) -> None:
        """What was opened for them; not the store."""
        await self.lasting.aclose()


@dataclass(frozen=True, slots=True)
class Ground:
    """What is there before L1 has answered."""

    asked: RollupSettings
    deployed: Deployment
    opened: Opened
    store: Store
    node: Node
    started: Started | None  # where the data begins, if not with the genesis

    @property
    def before(self) -> bytes:
        """The batch before the first that is here."""
        if self.started is not None:
            return self.started.statement
        return self.deployed.statement(self.opened.genesis)


async def open_roles(ground: Ground) -> Roles:
    """Raises `CannotSequence`, `NotYet`, and the errors of L1, signers and admission."""
    asked = ground.asked
    async with AsyncExitStack() as lasting:
        client = await L1Client.open(
            L1Settings(urls=asked.eth_rpc_url, needed=asked.eth_agreement, final_depth=asked.eth_final_depth)
        )
        lasting.push_async_callback(client.close)
        session = await lasting.enter_async_context(aiohttp.ClientSession())
        commits, settles = await _signers(asked, client.chain_id, session)
        pays = await _sponsor(ground, client.chain_id, session)
        await _check_nothing_waits(ground, client, {commits.address, settles.address})
        status = await _check_l1(ground, client)
        begun = await term.begin(ground.store)
        await _check_committer(ground, client, commits)
        known = await _versions(ground, client)
        keepers = await data_committee.opened(
            asked, ground.deployed.chain_id, status.data_availability, client, session
        )
        if keepers is not None:
            lasting.push_async_callback(keepers.close)
        prices = Prices(has_blobs=keepers is None)
        prices.note(await client.market(), time.monotonic())
        return _together(
            ground, client, known, prices, commits, settles, pays, keepers, (begun, status), lasting.pop_all()
        )


def _together(
    ground: Ground,
    client: L1Client,
    program: versions.Versions,
    prices: Prices,
    commits: signers.Signer,
    settles: signers.Signer,
    pays: sponsor.Sponsor | None,
    keepers: Committee | None,
    found: tuple[Term, contracts.ChainStatus],
    lasting: AsyncExitStack,
) -> Roles:
    asked, deployed, store, node = ground.asked, ground.deployed, ground.store, ground.node
    begun, status = found
    addresses = deployed.addresses
    queued = QueueSettings(decoy_rate=asked.decoy_rate)
    coordinator = Coordinator(store, _verifiers(ground, client), queued, now_ms)
    made = batches.Batches(
        store,
        ground.opened.native.reader(),
        coordinator,
        ground.before,
        batches.Settings(
            program_version=deployed.program_version,
            kinds=kinds_of(asked, deployed),
            prove_within_seconds=asked.prove_within,
            pointer=None if keepers is None else kept.POINTER,
        ),
    )
    made.version_of = program.of_batch
    outbox = Outbox(store, client, commits, _outbox_settings(asked), now_ms)
    other = outbox
    if settles.address != commits.address:
        other = Outbox(store, client, settles, _outbox_settings(asked), now_ms)
    known = admission.opened(admission.of_coordinator(asked))
    door = service.Settings(host=asked.coordinator_addr, port=asked.coordinator_port)
    sequencer = Sequencer(
        node.chain, node.builder, store, prices, BlockSettings(block_seconds=asked.block_time, limits=_limits(asked))
    )
    commits_to = committer.Committer(
        store, made, outbox, client, addresses, _commit_settings(asked), keepers, base=begun.base
    )
    settles_to = settler.Settler(
        *(made, coordinator, other, client, addresses),
        settler.Settings(kinds=kinds_of(asked, deployed), most_batches=asked.settle_batches),
    )
    drain = Drain(sequencer, node.pool, lambda: _stages(store, made, commits_to, settles_to))
    queue = watcher.Settings(tag=asked.watcher_tag, depth=asked.watcher_depth, every_seconds=asked.watcher_interval)
    announcer = announcing.Announcer(
        commits, heads.domain(deployed.l1_chain_id, deployed.proposer), deployed.chain_id, begun.epoch
    )
    outboxes = (outbox,) if other is outbox else (outbox, other)
    settles_to.verified = status.last_verified
    working = handover.Working(
        chain=node.chain,
        door=node.door,
        sequencer=sequencer,
        coordinator=coordinator,
        committer=commits_to,
        settler=settles_to,
        outboxes=outboxes,
        announcer=announcer,
        sequencers=sequencers.Sequencers(client, addresses),
    )
    tenure = handover.Tenure(store, working, begun)
    return Roles(
        client=client,
        store=store,
        prices=prices,
        coordinator=coordinator,
        admission=known,
        door=service.Service(coordinator, known.authenticate, door, drain=drain, more=handover_door.routes(tenure)),
        sequencer=sequencer,
        announcer=announcer,
        tenure=tenure,
        watcher=watcher.Watcher(store, client, addresses, queue),
        batches=made,
        versions=program,
        outboxes=outboxes,
        committee=keepers,
        committer=commits_to,
        settler=settles_to,
        sponsor=pays,
        lasting=lasting,
    )


def _stages(store: Store, made: batches.Batches, commits: committer.Committer, settles: settler.Settler) -> Stages:
    newest = made.newest()
    highest = made.base if newest is None else newest.number
    last = made.last_block_of(highest)
    with store.read() as txn:
        unmade = sealed.ended_above(txn, last)
    return Stages(highest, max(commits.committed, settles.verified), settles.verified, unmade)


async def check_chain(deployed: Deployment, first: genesis.Genesis, client: L1Client) -> int:
    """L1 has this chain with this genesis; gives the head of L1 that says so. Raises `CannotSequence`."""
    if client.chain_id != deployed.l1_chain_id:
        raise CannotSequence(f"L1 is chain {client.chain_id}, the deployment is on chain {deployed.l1_chain_id}")
    head = await client.head()
    asked = steps.RECORD.call(deployed.chain_id, 0)
    (record,) = steps.RECORD.result(await client.call(deployed.proposer, asked, head.number))
    expected = contracts.hash_of(deployed.statement(first))
    if record[0] != expected:
        raise CannotSequence(
            f"chain {deployed.chain_id} is registered at 0x{deployed.proposer.hex()} with "
            f"{'nothing' if record[0] == bytes(HASH_BYTES) else f'0x{record[0].hex()}'}, this genesis is "
            f"0x{expected.hex()}: another genesis, deployment or L1"
        )
    return head.number


async def _check_l1(ground: Ground, client: L1Client) -> contracts.ChainStatus:
    """Where L1 says that the chain stands. Raises `CannotSequence`."""
    deployed, store = ground.deployed, ground.store
    head = await check_chain(deployed, ground.opened.genesis, client)
    status = await settler.status_at(client, deployed.addresses, head)
    with store.read() as txn:
        known = sealed.open_batch(txn) - 1
    own = term.current(store)
    is_over = own is not None and own.state in term.OVER  # it only serves what it has: others go on
    if own is not None and own.state is TermState.FENCING:
        # The one before may have committed once more: `node.outrun` adopts it.
        known = max(known, status.last_committed)
    if ground.started is not None and not is_over:
        await _check_start(ground.started, client, deployed, status, head, known)
    if status.last_committed > known and not is_over:
        raise DataBehind(
            f"L1 has batches up to {status.last_committed}, the data in {store.folder} ends with {known}: "
            "it is older than the chain; nothing was sealed"
        )
    return status


async def _check_start(
    started: Started,
    client: L1Client,
    deployed: Deployment,
    status: contracts.ChainStatus,
    head: int,
    known: int,
) -> None:
    """
    L1 has verified the batch that the data begins with, and took no batch since that nobody can prove. Raises
    `CannotSequence`.
    """
    number, expected = contracts.number_of(started.statement, "number"), contracts.hash_of(started.statement)
    (record,) = steps.RECORD.result(
        await client.call(deployed.proposer, steps.RECORD.call(deployed.chain_id, number), head)
    )
    if number > status.last_committed or record[0] != expected:
        raise CannotSequence(
            f"L1 does not have batch {number} 0x{expected.hex()}, with which this data begins: it took it back, or never had it"
        )
    if number > status.last_verified:
        raise CannotSequence(
            f"batch {number}, with which this data begins, is not verified on L1, and nobody can prove it: its blocks are "
            f"lost. Begin with batch {status.last_verified} (`ethrex l2 reconstruct --verified`)"
        )
    if status.last_committed > known:
        raise DataBehind(
            f"L1 has batches up to {status.last_committed}, verified up to {status.last_verified}, and this data ends with "
            f"{known}. What is verified can be reconstructed; what is not nobody can prove, since its blocks are lost: the "
            f"chain's admin or the guardian has to take it back (revertBatches({deployed.chain_id}, {status.last_verified})), "
            "or anybody once its proof window is over (revertUnproven)"
        )


async def _check_nothing_waits(ground: Ground, client: L1Client, accounts: set[bytes]) -> None:
    """
    Before the first action of data that was begun: what the lost sequencer sent and L1 has not taken yet may still change
    what is committed. Raises `NotYet`.
    """
    with ground.store.read() as txn:
        has_acted = txn.last(OUTBOX) is not None
    if ground.started is None or has_acted:
        return
    head = await client.head()
    for account in accounts:
        mined, sent = await client.nonce(account, head.number), await client.next_nonce(account)
        if sent > mined:
            raise NotYet(f"L1 has {sent - mined} transactions of 0x{account.hex()} waiting that are not from here")


async def _signers(
    asked: RollupSettings, l1_chain_id: int, session: aiohttp.ClientSession
) -> tuple[signers.Signer, signers.Signer]:
    """Who commits, who has it verified. Raises `SignerError`, `CannotSequence`."""
    commits = await signers.open_signer(_needed(asked.committer_key, "committer.key"), l1_chain_id, session)
    if asked.settler_key is None:
        return commits, commits
    return commits, await signers.open_signer(asked.settler_key, l1_chain_id, session)


async def _check_committer(ground: Ground, client: L1Client, commits: signers.Signer) -> None:
    """Raises `CannotSequence`."""
    deployed = ground.deployed
    head = await client.head()
    data = contracts.IS_COMMITTER.call(deployed.chain_id, f"0x{commits.address.hex()}")
    answer = await client.call(deployed.proposer, data, head.number)
    if contracts.IS_COMMITTER.result(answer) != (True,):
        raise CannotSequence(
            f"0x{commits.address.hex()} may not commit for chain {deployed.chain_id}: --committer.key is "
            "another account's, or it was not registered"
        )


def kinds_of(asked: RollupSettings, deployed: Deployment) -> tuple[str, ...]:
    """The proofs that are asked for."""
    return asked.proof_kinds or deployed.proof_kinds


async def _versions(ground: Ground, client: L1Client) -> versions.Versions:
    """The versions of the program that this node makes, as L1 has them. Raises `CannotSequence` where it has none."""
    asked, deployed = ground.asked, ground.deployed
    wrong = [
        text for text in asked.program_versions if not (text.isascii() and text.isdecimal() and 0 < int(text) < 1 << 32)
    ]
    if wrong:
        raise CannotSequence(f"--program-versions: {wrong[0]!r:.60} is no version, 1 or more")
    numbers = tuple(int(text) for text in asked.program_versions) or (deployed.program_version, *deployed.upgrades)
    settings = versions.Settings(
        made=tuple(sorted(set(numbers))),
        margin_seconds=asked.commit_time + asked.commit_wait + EXPIRY_MARGIN_SECONDS,
        every_seconds=asked.watcher_interval,
    )
    found = versions.Versions(client, deployed.registry, deployed.chain_id, settings)
    await found.step()
    if not any(one.is_known for one in found.known):
        raise CannotSequence(
            f"L1 knows no version {' or '.join(map(str, settings.made))} of the program of chain {deployed.chain_id}: "
            "register it, or start the node with the version that is; nothing was sealed"
        )
    return found


async def _sponsor(ground: Ground, l1_chain_id: int, session: aiohttp.ClientSession) -> sponsor.Sponsor | None:
    """Who pays for users. On a rollup of a real L1 the key of a dev account is refused. Raises `SignerError`."""
    asked = ground.asked
    if asked.sponsor_key is None:
        return None
    rules = sponsor.Policy(
        targets=addresses_of(asked.sponsor_targets, "sponsor.targets"),
        delegates=addresses_of(asked.sponsor_delegates, "sponsor.delegates"),
        gas_limit=asked.sponsor_gas,
        account=sponsor.Budget(asked.sponsor_account_transactions, asked.sponsor_account_wei),
        day=sponsor.Budget(asked.sponsor_day_transactions, asked.sponsor_day_wei),
        total=sponsor.Budget(asked.sponsor_all_transactions, asked.sponsor_all_wei),
    )
    if not rules.targets | rules.delegates:
        raise CannotSequence("--sponsor.key pays for nothing: name --sponsor.targets or --sponsor.delegates")
    signer = await signers.open_signer(asked.sponsor_key, l1_chain_id, session)
    native = ground.opened.native
    chain = sponsor.Chain(
        chain_id=ground.deployed.chain_id,
        pool=ground.node.door,
        ask=lambda method, *given: logs.ask(ground.node.reader, method, list(given)),
        account=lambda address: native.accounts([address])[0][:2],
        bump_percent=max(fees.BUMP_PERCENT, ground.node.pool.limits.price_bump_percent),
    )
    return sponsor.Sponsor(chain, ground.store, signer, rules, time.time, asked.sponsor_low_balance)


def addresses_of(given: tuple[str, ...], option: str) -> frozenset[bytes]:
    """Raises `CannotSequence`."""
    try:
        return frozenset(params.data(one, 20) for one in given)
    except ValueError as error:
        raise CannotSequence(f"--{option}: an address is expected: {error}") from error


def _verifiers(ground: Ground, client: L1Client) -> dict[str, verifiers.Verifier]:
    """Proofs are checked at intake as L1 will check them."""
    deployed = ground.deployed
    found: dict[str, verifiers.Verifier] = {}
    for kind in kinds_of(ground.asked, deployed):
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


def _limits(asked: RollupSettings) -> Limits:
    return Limits(seconds=asked.commit_time, idle_seconds=asked.idle_time, gas=asked.batch_gas, blobs=asked.batch_blobs)


def _commit_settings(asked: RollupSettings) -> committer.Settings:
    return committer.Settings(
        wait_seconds=asked.commit_wait,
        cheap_blob_fee_wei=asked.cheap_blob_fee,
        most_uncommitted=asked.most_uncommitted,
    )


def _outbox_settings(asked: RollupSettings) -> OutboxSettings:
    return OutboxSettings(
        fees=fees.Policy(most_per_gas=asked.eth_max_fee, most_per_blob_gas=asked.eth_max_blob_fee),
        patience_ms=int(asked.eth_patience * 1000),
        low_balance_wei=asked.eth_low_balance,
    )


def _needed(value: Any, option: str) -> Any:
    if value is None:
        raise CannotSequence(f"--{option} is missing")
    return value


def now_ms() -> int:
    return int(time.time() * 1000)
