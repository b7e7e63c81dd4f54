"""
`ProverPool`: as many provers as shall be, one Job each.

How many, the spec says or the planner. Who has to go is marked in one run; from the next one on it is cordoned at every
coordinator that it works for, and deleted once none of them knows it to have a job: so no lease ends with a pod.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from ..api.pool import ProverPool
from ..api.rollup import EthrexRollup
from ..chain.errors import ChainError
from ..kube import conditions, kinds, objects
from ..kube.children import Change
from ..kube.client import Object
from ..kube.conditions import Condition
from ..kube.errors import KubeError
from ..kube.objects.naming import OWNER
from ..scaling.decision import Bound, PoolDecision, Reason
from ..topology import attachment
from ..topology import pool as pools
from ..topology.pool import Served
from . import coordinators, l1, provers, registering, running, scaling
from .provers import Member
from .report import Report
from .world import Key, World, cluster_for, owner_of

log = logging.getLogger(__name__)

SOON_SECONDS: Final = 1.0
STEADY_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Asked:
    """How many provers shall be, and who goes first where they are fewer than now."""

    desired: int
    named: frozenset[str]
    active: Condition
    decision: PoolDecision | None = None


async def reconcile(world: World, pool: ProverPool, changes: list[Change]) -> Report:
    """Raises `Unmet`, `KubeError`, `NameTaken`."""
    served = _served(world, pool)
    owner, labels = owner_of(pool), provers.LABELS | {OWNER: pool.name}
    jobs = world.children.bodies(kinds.JOB, pool.namespace, labels)
    pods = world.children.bodies(kinds.POD, pool.namespace, labels)
    found = provers.members(pool, jobs, pods)
    asked = _asked(world, pool, served, found)
    told = [one for one in found if one.leaving_since is not None and one.ended is None]
    gone = await _gone(world, pool, served, told)
    leaving = {one.job: one for one in (*told, *await _chosen(world, served, found, asked))}
    changes += [
        Change("ProverLeaves", f"{job}: {asked.desired} shall be ({asked.active.reason})")
        for job in leaving.keys() - {one.job for one in told}
    ]
    changes += [Change("ProverEnded", f"{one.job}: {one.ended}") for one in found if one.ended is not None]
    stay = [one for one in provers.staying(found) if one.job not in leaving]
    fresh = provers.free_numbers(found, asked.desired - len(stay)) if served else []
    numbers = (*(one.number for one in stay), *(one.number for one in leaving.values() if one not in gone), *fresh)
    workloads = pools.workloads(pool, served, numbers)
    cluster = cluster_for(world, pool.namespace, workloads, served=[one.rollup for one in served])
    rendered = [each for one in workloads for each in objects.children(one, owner, cluster)]
    changes += await world.children.ensure(owner, _marked(rendered, leaving))
    here = [pod for pod in pods if _is_here(pod)]
    ready = sum(_is_ready(pod) for pod in here)
    capacity = _capacity(here, ready, asked)
    holds = capacity.status == conditions.TRUE == asked.active.status
    settled = holds and not leaving and not fresh
    return Report(
        parts=(capacity, asked.active),
        more=(_budget(pool, asked.decision), conditions.unknown("AttestationValid", "NotAsked")),
        fields={
            "replicas": len(here),
            "readyReplicas": ready,
            "desiredReplicas": asked.desired,
            "selector": ",".join(f"{name}={value}" for name, value in labels.items()),
        },
        again=STEADY_SECONDS if settled else SOON_SECONDS,
    )


# How many


def _asked(world: World, pool: ProverPool, served: tuple[Served, ...], found: tuple[Member, ...]) -> Asked:
    spec = pool.spec
    if not served:
        nobody = conditions.no("ScalingActive", "NoRollup", "no rollup with contracts names this pool")
        return Asked(0, frozenset(), nobody)
    decision, words = scaling.decided(world, pool)
    if spec.replicas is not None:
        return Asked(spec.replicas, frozenset(), conditions.yes("ScalingActive", spec.scaling.mode), decision)
    if decision is None:
        stay = len(provers.staying(found))
        floor = min(spec.scaling.max, max(spec.scaling.min, spec.scaling.warm_floor, stay))
        reason = "CheckpointDamaged" if words else "NotLookedYet"
        return Asked(floor, frozenset(), conditions.no("ScalingActive", reason, words))
    named = frozenset((*decision.cordon, *decision.cancel, *decision.retire))
    say = conditions.no if decision.reason is Reason.STALE else conditions.yes
    return Asked(decision.desired, named, say("ScalingActive", decision.reason.value, words), decision)


def _served(world: World, pool: ProverPool) -> tuple[Served, ...]:
    found = []
    for rollup in world.store.models(EthrexRollup, world.store.naming(Key(pool.kind, pool.namespace, pool.name))):
        if not attachment.allows(pool, rollup, world.store.spaces):
            continue
        contracts = registering.contracts_of(
            world.store.status(Key(rollup.kind, rollup.namespace, rollup.name)), rollup
        )
        if contracts is not None:
            found.append(Served(rollup, l1.of(world, rollup), contracts))
    return tuple(sorted(found, key=lambda one: (one.rollup.namespace, one.rollup.name)))


# Who goes


async def _chosen(world: World, served: tuple[Served, ...], found: tuple[Member, ...], asked: Asked) -> list[Member]:
    """Those that leave from now on. Nobody tells a coordinator of them before their Jobs are marked."""
    if len(provers.staying(found)) <= asked.desired:
        return []
    states = await coordinators.states(world, [one.rollup for one in served])
    now = world.scaling.clock()
    return [replace(one, leaving_since=now) for one in provers.to_leave(found, asked.desired, asked.named, states)]


async def _gone(world: World, pool: ProverPool, served: tuple[Served, ...], told: Iterable[Member]) -> list[Member]:
    """Those that no coordinator gives a job any more, nor knows to have one; and those that had their time."""
    found = []
    for one in told:
        spent = world.scaling.clock() - (one.leaving_since or 0.0)
        if one.prover_id is None or spent > pool.spec.drain.grace_period_seconds:
            found.append(one)
            continue
        try:
            if not await coordinators.cordon(world, [each.rollup for each in served], one.prover_id):
                found.append(one)
        except (ChainError, KubeError) as error:
            log.warning("a prover that leaves is not cordoned yet", extra={"job": one.job, "reason": str(error)})
    return found


def _marked(rendered: list[Object], leaving: dict[str, Member]) -> Iterator[Object]:
    """Jobs of those that leave, with the mark. One that runs an older template gets no successor: it ends by SIGTERM."""
    numbers = {one.number for one in leaving.values()}
    for child in rendered:
        metadata = child["metadata"]
        if child["kind"] == kinds.JOB.name and provers.number_of(child) in numbers:
            member = leaving.get(metadata["name"])
            if member is not None:
                mark = {provers.LEAVING: provers.stamp(member.leaving_since or 0.0)}
                yield child | {"metadata": metadata | {"annotations": mark}}
            continue
        yield child


# What is told


def _capacity(here: list[Object], ready: int, asked: Asked) -> Condition:
    if asked.decision is not None and asked.decision.is_starved:
        waits = next((running.why(pod) for pod in here if not _is_ready(pod)), "provers do not come up")
        return conditions.no("CapacityAvailable", "CapacityMissing", waits)
    if ready >= asked.desired:
        return conditions.yes("CapacityAvailable", "AllRun")
    waits = next((running.why(pod) for pod in here if not _is_ready(pod)), "no pod yet")
    return conditions.no("CapacityAvailable", "ProversMissing", waits)


def _budget(pool: ProverPool, decision: PoolDecision | None) -> Condition:
    budget = pool.spec.cost.budget_per_day
    if budget is None:
        return conditions.yes("WithinBudget", "NoBudget")
    if decision is None:
        return conditions.unknown("WithinBudget", "NotCounted")
    if decision.bound is Bound.BUDGET:
        return conditions.no("WithinBudget", "BudgetSpent", f"no more of today's {budget} can be promised")
    return conditions.yes("WithinBudget", "MoneyIsLeft")


def _is_here(pod: Object) -> bool:
    return pod["status"].get("phase") in ("Pending", "Running") and "deletionTimestamp" not in pod["metadata"]


def _is_ready(pod: Object) -> bool:
    return any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions", ()))
