"""`ProverPool`: as many provers as shall be, one Job each."""

from __future__ import annotations

from typing import Final

from ..api.pool import ProverPool
from ..api.rollup import EthrexRollup
from ..kube import conditions, kinds, objects
from ..kube.children import Change
from ..kube.client import Object
from ..kube.conditions import Condition
from ..kube.objects.naming import OWNER, OWNER_KIND, ROLE
from ..topology import pool as pools
from ..topology.pool import Served
from . import attachment, running
from . import rollup as rollups
from .report import Report
from .world import Key, World, cluster_for, owner_of

SOON_SECONDS: Final = 1.0
STEADY_SECONDS: Final = 30.0
UNPLANNED: Final = "PlannerNotServed"


async def reconcile(world: World, pool: ProverPool, changes: list[Change]) -> Report:
    """Raises `Unmet`, `KubeError`, `NameTaken`."""
    served = _served(world, pool)
    wanted = desired(pool) if served else 0
    workloads = pools.workloads(pool, served, tuple(range(wanted)))
    cluster = cluster_for(world, pool.namespace, workloads)
    owner = owner_of(pool)
    children = [each for one in workloads for each in objects.children(one, owner, cluster)]
    changes += await world.children.ensure(owner, children)
    pods, _ = await world.kube.list(
        kinds.POD, pool.namespace, {OWNER_KIND: pool.kind, OWNER: pool.name, ROLE: "prover"}
    )
    await _retry_failed(world, pool, changes)
    here = [pod for pod in pods if pod["status"].get("phase") in ("Pending", "Running")]
    ready = [pod for pod in here if _is_ready(pod)]
    capacity = _capacity(here, len(ready), wanted)
    active = _active(pool, served)
    is_planned = active.reason == UNPLANNED
    holds = capacity.status == conditions.TRUE and (is_planned or active.status == conditions.TRUE)
    return Report(
        parts=(capacity,) if is_planned else (capacity, active),
        more=(
            *((active,) if is_planned else ()),
            conditions.unknown("WithinBudget", "NotCounted"),
            conditions.unknown("AttestationValid", "NotAsked"),
        ),
        fields={
            "replicas": len(here),
            "readyReplicas": len(ready),
            "desiredReplicas": wanted,
            "selector": f"{OWNER_KIND}={pool.kind},{OWNER}={pool.name},{ROLE}=prover",
        },
        again=STEADY_SECONDS if holds else SOON_SECONDS,
    )


def desired(pool: ProverPool) -> int:
    """Of a pool that somebody else scales, what was written; of one that is planned, its floor."""
    spec = pool.spec
    if spec.replicas is not None:
        return spec.replicas
    return min(spec.scaling.max, max(spec.scaling.min, spec.scaling.warm_floor, 1))


def _served(world: World, pool: ProverPool) -> tuple[Served, ...]:
    found = []
    for rollup in world.store.every(EthrexRollup):
        if not (attachment.names(rollup, pool) and attachment.allows(pool, rollup)):
            continue
        contracts = rollups.contracts_of(world.store.status(Key(rollup.kind, rollup.namespace, rollup.name)), rollup)
        if contracts is not None:
            found.append(Served(rollup, rollups.l1_of(world, rollup), contracts))
    return tuple(sorted(found, key=lambda one: (one.rollup.namespace, one.rollup.name)))


async def _retry_failed(world: World, pool: ProverPool, changes: list[Change]) -> None:
    """A Job that has given up is made anew by the next look."""
    jobs, _ = await world.kube.list(kinds.JOB, pool.namespace, {OWNER_KIND: pool.kind, OWNER: pool.name})
    for job in jobs:
        ended = [one for one in job.get("status", {}).get("conditions", ()) if one["status"] == "True"]
        if any(one["type"] in ("Failed", "Complete") for one in ended):
            metadata = job["metadata"]
            await world.kube.delete(kinds.JOB, pool.namespace, metadata["name"], uid=metadata["uid"])
            changes.append(Change("ProverEnded", f"{metadata['name']}: {ended[-1].get('reason', ended[-1]['type'])}"))


def _active(pool: ProverPool, served: tuple[Served, ...]) -> Condition:
    if not served:
        return conditions.no("ScalingActive", "NoRollup", "no rollup with contracts names this pool")
    if pool.spec.replicas is None:
        return conditions.no(
            "ScalingActive", UNPLANNED, "the floor runs: work, deadlines and budget are not looked at yet"
        )
    return conditions.yes("ScalingActive", pool.spec.scaling.mode)


def _capacity(here: list[Object], ready: int, wanted: int) -> Condition:
    if ready >= wanted:
        return conditions.yes("CapacityAvailable", "AllRun")
    waits = next((running.why(pod) for pod in here if not _is_ready(pod)), "no pod yet")
    return conditions.no("CapacityAvailable", "ProversMissing", waits)


def _is_ready(pod: Object) -> bool:
    return any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions", ()))
