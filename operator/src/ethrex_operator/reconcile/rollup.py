"""`EthrexRollup`: contracts first, then the chain, and how it does."""

from __future__ import annotations

from typing import Any, Final

from ..api.l1node import EthrexL1Node
from ..api.pool import ProverPool
from ..api.rollup import EthrexRollup
from ..api.settlement import EthrexSettlement
from ..chain import figures, rpc
from ..chain.errors import ChainError
from ..kube import conditions, objects
from ..kube.children import Change
from ..kube.client import Object
from ..kube.conditions import Condition
from ..topology import l1 as l1s
from ..topology import rollup as rollups
from ..topology import settlement as settlements
from ..topology.errors import Unmet
from ..topology.facts import L1, Contracts
from ..topology.workload import UrlOf, Workload
from . import attachment, running
from .report import Report
from .world import Key, World, cluster_for, owner_of, url

SOON_SECONDS: Final = 1.0
STEADY_SECONDS: Final = 15.0
BEHIND_BATCHES: Final = 16  # more than these on their way from one stage to the next are a trouble


async def reconcile(world: World, rollup: EthrexRollup, changes: list[Change]) -> Report:
    """Raises `Unmet`, `KubeError`, `NameTaken`, `BadResult`."""
    wanted = resolved(world, rollup)
    known = contracts_of(world.store.status(_key(rollup)), rollup)
    workloads = rollups.workloads(wanted, known)
    deployer = workloads[0]
    cluster = cluster_for(world, rollup.namespace, workloads, _l1_name(rollup))
    reachable = await _l1_reachable(world, rollup, wanted.l1)
    if known is None and reachable.status != conditions.TRUE:
        return _report(reachable, [conditions.no("Deployed", "WaitsForL1", reachable.message)], {}, again=SOON_SECONDS)
    owner = owner_of(rollup)
    children = [each for one in workloads for each in objects.children(one, owner, cluster)]
    changes += await world.children.ensure(owner, children)
    if known is None:
        job = next(one["metadata"]["name"] for one in children if one["kind"] == "Job")
        return await _deployment(world, rollup, deployer, job, reachable, changes)
    following = await _following(world, rollup, workloads[2:], changes)
    return await _chain(world, rollup, wanted, workloads[1], known, [reachable, *following], changes)


def resolved(world: World, rollup: EthrexRollup) -> rollups.Wanted:
    """With all that it refers to. Raises `Unmet`."""
    at = l1_of(world, rollup)
    found = None
    if rollup.spec.settlement is not None:
        name = rollup.spec.settlement.name
        found = world.store.model(EthrexSettlement, rollup.namespace, name)
        if found is None:
            raise Unmet("SettlementNotFound", f"spec.settlement: there is no EthrexSettlement {name}")
    settlement = settlements.own(rollup, at) if found is None else settlements.of(found, at)
    pools: list[ProverPool] = []
    for each in rollup.spec.proving.pools:
        namespace = each.ref.namespace or rollup.namespace
        pool = world.store.model(ProverPool, namespace, each.ref.name)
        if pool is None:
            raise Unmet("PoolNotFound", f"spec.proving.pools: there is no ProverPool {namespace}/{each.ref.name}")
        attachment.refuse_foreign(pool, rollup)
        pools.append(pool)
    return rollups.Wanted(rollup, at, settlement, tuple(pools), rollups.Operator(world.namespace, world.account))


def l1_of(world: World, rollup: EthrexRollup) -> L1:
    """Raises `Unmet`."""
    asked = rollup.spec.l1
    if asked.ref is None:
        return L1(urls=asked.urls, beacon=asked.beacon_url, dev=False)
    namespace = asked.ref.namespace or rollup.namespace
    node = world.store.model(EthrexL1Node, namespace, asked.ref.name)
    if node is None:
        raise Unmet("L1NotFound", f"spec.l1.ref: there is no EthrexL1Node {namespace}/{asked.ref.name}")
    return l1s.seen_from(node, rollup.namespace)


def contracts_of(status: Object, rollup: EthrexRollup) -> Contracts | None:
    """As an earlier reconcile has recorded them."""
    given = status.get("contracts")
    if not given or status.get("chainId") != rollup.spec.chain_id:
        return None
    return Contracts(
        l1_chain_id=given["l1ChainId"],
        proposer=given["proposer"],
        bridge=given["bridge"],
        registry=given["registry"],
        attested_verifier=given["attestedVerifier"],
        timelock=given.get("timelock"),
        deployed_at_block=given["deployedAtBlock"],
        program_version=rollup.spec.proving.program_version,
    )


def recorded(contracts: Contracts, rollup: EthrexRollup) -> dict[str, Any]:
    """Fields of a status."""
    return {
        "chainId": rollup.spec.chain_id,
        "contracts": shared(contracts) | {"deployedAtBlock": contracts.deployed_at_block},
    }


async def _deployment(
    world: World, rollup: EthrexRollup, deployer: Workload, job: str, reachable: Condition, changes: list[Change]
) -> Report:
    result, reason = running.result(world, rollup.namespace, job)
    if result is None:
        deployed = conditions.no("Deployed", "Deploying", reason)
        return _report(reachable, [deployed], {}, again=SOON_SECONDS)
    contracts = Contracts.read(result, rollup.spec.chain_id)
    changes.append(Change("Deployed", f"bridge {contracts.bridge}, proposer {contracts.proposer}"))
    deployed = conditions.yes("Deployed", "Recorded")
    starts = conditions.no("Sequencing", "Starting")
    return _report(reachable, [deployed, starts], recorded(contracts, rollup), again=0.1)


async def _chain(
    world: World,
    rollup: EthrexRollup,
    wanted: rollups.Wanted,
    sequencer: Workload,
    contracts: Contracts,
    others: list[Condition],
    changes: list[Change],
) -> Report:
    reachable, *following = others
    found = running.instance(world, rollup.namespace, sequencer)
    if await running.roll(world, rollup.namespace, found):
        changes.append(Change("Rolled", f"pod {found.pod} ran an older template"))
    current = conditions.no("UpToDate", "Rolling") if found.outdated else conditions.yes("UpToDate", "TemplateRuns")
    fields = recorded(contracts, rollup) | {
        "endpoints": {"rpc": url(sequencer.name, rollup.namespace, rollups.RPC.number)}
    }
    parts = [conditions.yes("Deployed", "Recorded"), _reserved(world, rollup, wanted), current, *following]
    if not found.ready:
        parts.append(conditions.no("Sequencing", "PodNotReady", found.reason))
        return _report(reachable, parts, fields, again=SOON_SECONDS)
    try:
        metrics = url(sequencer.name, rollup.namespace, rollups.METRICS.number)
        parts += _progress(await figures.of_sequencer(world.session, metrics))
    except ChainError as error:
        parts.append(conditions.no("Sequencing", "NoAnswer", str(error)))
    holds = all(one.status == conditions.TRUE for one in parts)
    return _report(reachable, parts, fields, again=STEADY_SECONDS if holds else SOON_SECONDS)


async def _following(
    world: World, rollup: EthrexRollup, followers: tuple[Workload, ...], changes: list[Change]
) -> list[Condition]:
    """Where any is wanted: whether they all keep up. Their probes know by how much they lag."""
    behind = []
    for one in followers:
        found = running.instance(world, rollup.namespace, one)
        if await running.roll(world, rollup.namespace, found):
            changes.append(Change("Rolled", f"pod {found.pod} ran an older template"))
        if not found.ready:
            behind.append(f"{one.name}: {found.reason}")
    if not followers:
        return []
    if behind:
        return [conditions.no("Following", "PodNotReady", "; ".join(behind))]
    return [conditions.yes("Following", "KeepUp")]


def _report(reachable: Condition, parts: list[Condition], fields: dict[str, Any], *, again: float) -> Report:
    """An L1 that is away stalls nothing: the chain goes on, and batches wait."""
    told = {one.type for one in parts}
    missing = [conditions.unknown(type) for type in TYPES if type not in told]
    return Report(parts=(*parts, reachable), more=tuple(missing), fields=fields, again=again)


TYPES: Final = (
    "Deployed",
    "Sequencing",
    "Committing",
    "Proving",
    "Settling",
    "FundsSufficient",
    "SignerReserved",
    "UpToDate",
)


def _progress(seen: figures.Rollup) -> list[Condition]:
    stages = seen.batches
    low = sorted(address for address, account in seen.accounts.items() if account.low)
    return [
        conditions.no("Sequencing", "Waits", "L1 or provers are behind")
        if seen.waiting
        else conditions.yes("Sequencing", "Sealing"),
        _follows("Committing", "Committed", stages.made - stages.committed),
        _follows("Proving", "Proven", stages.made - stages.proven),
        _follows("Settling", "Verified", min(stages.committed, stages.proven) - stages.verified),
        conditions.no("FundsSufficient", "BalanceLow", ", ".join(low))
        if low
        else conditions.yes("FundsSufficient", "EnoughForLong"),
    ]


def _follows(type: str, reason: str, behind: int) -> Condition:
    if behind > BEHIND_BATCHES:
        return conditions.no(type, "Behind", f"more than {BEHIND_BATCHES} batches wait")
    return conditions.yes(type, reason)


def _reserved(world: World, rollup: EthrexRollup, wanted: rollups.Wanted) -> Condition:
    """Two rollups that sign with one account on one L1 take each other's nonces: the older one has it."""
    mine, key = rollups.signers(rollup, wanted.l1), _key(rollup)
    for other, theirs in world.signers.others(world.store, key, wanted.l1).items():
        shared = mine & theirs
        if shared and _age(world, other) < _age(world, key):
            note = f"{min(shared)} signs for {other.namespace}/{other.name}"
            return conditions.no("SignerReserved", "SignerInUse", note)
    return conditions.yes("SignerReserved", "NobodyElses")


def _age(world: World, key: Key) -> tuple[str, str]:
    metadata = (world.store.get(key) or {"metadata": {}})["metadata"]
    return str(metadata.get("creationTimestamp", "")), str(metadata.get("uid", ""))


async def _l1_reachable(world: World, rollup: EthrexRollup, at: L1) -> Condition:
    """One of its nodes that answers is enough: whether they agree is the sequencer's to judge."""
    reasons = []
    for part in at.urls:
        address = part if isinstance(part, str) else ""
        if isinstance(part, UrlOf):
            address = url(part.workload, part.namespace or rollup.namespace, l1s.RPC.number)
        try:
            await rpc.number(world.session, address, "eth_chainId")
            return conditions.yes("L1Reachable", "Answers")
        except ChainError as error:
            reasons.append(str(error))
    return conditions.no("L1Reachable", "NoAnswer", "; ".join(reasons))


def _l1_name(rollup: EthrexRollup) -> str | None:
    return None if rollup.spec.l1.ref is None else rollup.spec.l1.ref.name


def _key(rollup: EthrexRollup) -> Key:
    return Key(rollup.kind, rollup.namespace, rollup.name)


def shared(contracts: Contracts) -> dict[str, Any]:
    """Addresses that all rollups of a settlement have in common."""
    found = {
        "l1ChainId": contracts.l1_chain_id,
        "proposer": contracts.proposer,
        "bridge": contracts.bridge,
        "registry": contracts.registry,
        "attestedVerifier": contracts.attested_verifier,
    }
    return found | ({"timelock": contracts.timelock} if contracts.timelock else {})
