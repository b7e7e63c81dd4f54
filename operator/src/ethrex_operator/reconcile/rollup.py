"""`EthrexRollup`: contracts first, then the chain, and how it does."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from ..api.rollup import EthrexRollup, RollupSpec
from ..chain import figures
from ..chain.errors import ChainError
from ..kube import conditions, objects
from ..kube.children import Change
from ..kube.client import Object
from ..kube.conditions import Condition
from ..topology import archive, committee
from ..topology import rollup as rollups
from ..topology.facts import Contracts
from ..topology.workload import Workload
from . import data_lost, deploying, handover, l1, registering, report, running
from .report import Report
from .world import Key, World, cluster_for, owner_of, url

SOON_SECONDS: Final = 1.0
STEADY_SECONDS: Final = 15.0
BEHIND_BATCHES: Final = 16  # more than these on their way from one stage to the next are a trouble


async def reconcile(world: World, rollup: EthrexRollup, changes: list[Change]) -> Report:
    """Raises `Unmet`, `KubeError`, `NameTaken`, `BadResult`."""
    wanted = registering.resolved(world, rollup)
    key, owner = Key(rollup.kind, rollup.namespace, rollup.name), owner_of(rollup)
    reserved = _reserved(world, rollup, wanted)
    if reserved.status != conditions.TRUE and (body := world.store.get(key)) is not None:
        return report.stopped(body, reserved, again=STEADY_SECONDS)
    known = registering.contracts_of(world.store.status(key), rollup)
    reachable = await l1.reachable(world, wanted.l1, rollup.namespace)
    if known is None and reachable.status != conditions.TRUE:
        return _report(reachable, [conditions.no("Deployed", "WaitsForL1", reachable.message)], {}, again=SOON_SECONDS)
    workloads = rollups.workloads(wanted) if known is not None else ()
    cluster = cluster_for(world, rollup.namespace, workloads, l1.name_of(rollup))
    chain = [each for one in workloads for each in objects.children(one, owner, cluster)]
    if workloads:
        chain.append(objects.door(rollups.door(rollup), owner))
        chain += [objects.budget(role, owner) for role in rollups.spared(rollup)]
    found = await _registered(world, wanted, chain, changes)
    fields = found.fields | {"chainId": rollup.spec.chain_id}
    if known is None:
        starts = [conditions.no("Sequencing", "Starting")] if found.current else []
        parts = [found.deployed, found.verified, *starts]
        return _report(reachable, parts, fields, again=0.1 if found.current else SOON_SECONDS)
    beside = await _beside(world, rollup, workloads[1:], found, changes)
    parts = [reachable, found.deployed, found.verified, *beside]
    return await _chain(world, wanted, workloads[0], found, fields, parts, changes)


async def _registered(
    world: World, wanted: rollups.Wanted, chain: list[Object], changes: list[Change]
) -> deploying.Found:
    """Keeps the children, and says how far the contracts are. Raises `Unmet`, `KubeError`, `NameTaken`, `BadResult`."""
    rollup = wanted.rollup
    key, owner = Key(rollup.kind, rollup.namespace, rollup.name), owner_of(rollup)

    def read(result: bytes) -> dict[str, Any]:
        return registering.recorded(Contracts.read(result, rollup.spec.chain_id))

    settlement = registering.settlement_of(world, rollup)
    if settlement is None:
        deployer = registering.own(world, wanted)
        made, _ = await deploying.ensure(world, owner, [deployer], chain)
        changes += made
        urls = l1.addresses(wanted.l1, rollup.namespace)
        asked = deploying.Asked(key, rollup.namespace, deploying.job_of(deployer), read, urls)
        return await deploying.look(world, asked, changes)
    changes += await world.children.ensure(owner, chain)
    settled = registering.settled(world, settlement)
    kept = world.store.status(key)
    if not kept.get("contracts") and settled.status != conditions.TRUE:
        waits = conditions.no("Deployed", "WaitsForSettlement", settled.message)
        return deploying.Found(waits, settled, {}, current=False, why=settled.message)
    job = deploying.job_of(registering.shared(world, rollup))
    asked = deploying.Asked(key, settlement.namespace, job, read, ())
    return replace(await deploying.look(world, asked, changes), verified=settled)


async def _chain(
    world: World,
    wanted: rollups.Wanted,
    sequencer: Workload,
    contracts: deploying.Found,
    fields: dict[str, Any],
    others: list[Condition],
    changes: list[Change],
) -> Report:
    reachable, *known = others
    rollup = wanted.rollup
    found = running.instance(world, rollup.namespace, sequencer)
    current = await _up_to_date(world, rollup, contracts, found, changes)
    fields = fields | {"endpoints": {"rpc": url(rollups.door(rollup).name, rollup.namespace, rollups.RPC.number)}}
    parts = [conditions.yes("SignerReserved", "NobodyElses"), current, *known]
    if (lost := data_lost.look(world, rollup, found, changes)) is not None:
        return replace(_report(reachable, [*parts, lost], fields, again=STEADY_SECONDS), stalled=lost)
    if not found.ready:
        parts.append(conditions.no("Sequencing", "PodNotReady", found.reason))
        return _report(reachable, parts, fields, again=SOON_SECONDS)
    try:
        metrics = url(sequencer.name, rollup.namespace, rollups.METRICS.number)
        seen = await figures.of_sequencer(world.session, metrics)
        parts += [*_progress(seen), timely(seen, rollup.spec, time.time())]
    except ChainError as error:
        parts.append(conditions.no("Sequencing", "NoAnswer", str(error)))
    holds = all(one.status == conditions.TRUE for one in parts)
    return _report(reachable, parts, fields, again=STEADY_SECONDS if holds else SOON_SECONDS)


async def _up_to_date(
    world: World,
    rollup: EthrexRollup,
    contracts: deploying.Found,
    found: running.Instance,
    changes: list[Change],
) -> Condition:
    """A pod starts where L1 is as the plan says: it is not rolled before, and hands over first. Raises `KubeError`."""
    if not contracts.current:
        return conditions.no("UpToDate", "Registering", contracts.why)
    if found.outdated:
        return await handover.step(world, rollup, found, changes)
    world.handing.pop(Key(rollup.kind, rollup.namespace, rollup.name), None)
    return conditions.yes("UpToDate", "TemplateRuns")


async def _beside(
    world: World,
    rollup: EthrexRollup,
    others: tuple[Workload, ...],
    contracts: deploying.Found,
    changes: list[Change],
) -> list[Condition]:
    """A condition for each role besides the sequencer's. Probes of followers know by how much they lag."""
    behind: dict[str, list[str]] = {one.role: [] for one in others}
    for one in others:
        found = running.instance(world, rollup.namespace, one)
        if contracts.current and await running.roll(world, rollup.namespace, found):
            changes.append(Change("Rolled", f"pod {found.pod} ran an older template"))
        if not found.ready:
            behind[one.role].append(f"{one.name}: {found.reason}")
    told = []
    for role, reasons in behind.items():
        type, reason = BESIDE[role]
        told.append(conditions.no(type, "PodNotReady", "; ".join(reasons)) if reasons else conditions.yes(type, reason))
    return told


BESIDE: Final = {
    rollups.FOLLOWER: ("Following", "KeepUp"),
    archive.ROLE: ("Archiving", "Runs"),
    committee.ROLE: ("DataKept", "MembersServe"),
}


def _report(reachable: Condition, parts: list[Condition], fields: dict[str, Any], *, again: float) -> Report:
    """An L1 that is away stalls nothing: the chain goes on, and batches wait."""
    told = {one.type for one in parts}
    missing = [conditions.unknown(type) for type in TYPES if type not in told]
    return Report(parts=(*parts, reachable), more=tuple(missing), fields=fields, again=again)


TYPES: Final = (
    "Deployed",
    "Verified",
    "Sequencing",
    "Committing",
    "Proving",
    "Settling",
    "FundsSufficient",
    "ForcedInclusionTimely",
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


def timely(seen: figures.Rollup, spec: RollupSpec, now: float) -> Condition:
    """
    Whether what L1 has queued for the rollup is in batches there long before L1 takes none without it: half of the time that
    it gives, at the most. Where it gives none each batch has to hold all there is.
    """
    type, left = "ForcedInclusionTimely", seen.queue_due_at - now
    given = spec.delays.inclusion_seconds
    if given == 0 or seen.queue_due_at == 0 or left > min(spec.alarms.forced_inclusion_seconds, given / 2):
        return conditions.yes(type, "InTime")
    due = datetime.fromtimestamp(seen.queue_due_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    note = f"L1's queue has an item that no batch on L1 holds, due at {due}"
    if left > 0:
        return conditions.no(type, "DueSoon", f"{note}: after that L1 takes no batch without it")
    return conditions.no(
        type, "Overdue", f"{note}: L1 takes no batch without it any more, and users may freeze the chain"
    )


def _follows(type: str, reason: str, behind: int) -> Condition:
    if behind > BEHIND_BATCHES:
        return conditions.no(type, "Behind", f"more than {BEHIND_BATCHES} batches wait")
    return conditions.yes(type, reason)


def _reserved(world: World, rollup: EthrexRollup, wanted: rollups.Wanted) -> Condition:
    """Two rollups that sign with one account on one L1 take each other's nonces: the older one has it, the other waits."""
    mine, key = rollups.signers(rollup, wanted.l1), Key(rollup.kind, rollup.namespace, rollup.name)
    for other, theirs in world.signers.others(world.store, key, wanted.l1).items():
        shared = mine & theirs
        if shared and world.store.age(other) < world.store.age(key):
            note = f"{min(shared)} signs for {other.namespace}/{other.name} already: spec.keys names who else shall"
            return conditions.no("SignerReserved", "SignerInUse", note)
    return conditions.yes("SignerReserved", "NobodyElses")
