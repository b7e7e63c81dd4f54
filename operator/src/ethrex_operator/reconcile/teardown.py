"""
What happens when a resource goes.

Children with an owner go with it by themselves; a finalizer holds the resource while there is something to do before. A rollup
settles what it has taken (``settling``), a settlement waits for whoever settles by it. Volumes have no owner: they stay under
``Retain``, and under ``Delete`` the operator deletes them.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from ..api import loading
from ..api.base import Resource
from ..api.l1node import EthrexL1Node
from ..api.rollup import EthrexRollup
from ..api.settlement import EthrexSettlement
from ..kube import conditions, errors, events, kinds
from ..kube.client import Object
from ..kube.objects.naming import Owner
from ..kube.queue import Again
from ..topology import attachment
from . import report, settling
from .report import Report
from .settlement import MOST_TOLD
from .world import Key, World, kind_of

log = logging.getLogger(__name__)

IN_USE_SECONDS: Final = 10.0
SETTLE_SECONDS: Final = 2.0
FINALIZER: Final = "ethrex.dev/teardown"


async def guard(world: World, key: Key, body: Object, resource: Resource) -> None:
    """A finalizer exactly while there is something to settle. Raises `KubeError`."""
    has = FINALIZER in (body["metadata"].get("finalizers") or ())
    if _holds(world, key, body, resource) != has:
        await _set(world, key, body, present=not has)


def _holds(world: World, key: Key, body: Object, resource: Resource) -> bool:
    if isinstance(resource, EthrexSettlement):
        return bool(_users(world, key, resource))
    is_there = bool((body.get("status") or {}).get("contracts"))
    settles = isinstance(resource, EthrexRollup) and resource.spec.deletion.settle == "Wait" and is_there
    return settles or _deletes(resource)


async def step(world: World, key: Key, body: Object) -> Again:
    """Raises `KubeError`."""
    if FINALIZER not in (body["metadata"].get("finalizers") or ()):
        return Again()
    try:
        resource = loading.read(body)
    except loading.ManifestInvalid:
        resource = None
    if isinstance(resource, EthrexSettlement) and (users := _users(world, key, resource)):
        await report.write(world, key, body, _in_use(users, body))
        return Again(IN_USE_SECONDS)
    claims = world.children.claims(Owner(key.kind, key.name, key.namespace, body["metadata"]["uid"]))
    deletes = resource is not None and _deletes(resource)
    last = None
    if isinstance(resource, EthrexRollup) and (body.get("status") or {}).get("contracts"):
        last = await settling.look(world, resource, body)
        if not last.verdict.go:
            await report.write(world, key, body, _waited_for(last, body))
            return Again(SETTLE_SECONDS)
    if deletes:
        for name in claims:
            await world.kube.delete(kinds.CLAIM, key.namespace, name)
        if claims:
            note = f"deleted volumes {', '.join(claims)}"
            await events.tell(world.kube, body, "VolumesDeleted", note, instance=world.identity)
    await _set(world, key, body, present=False)
    if last is not None:
        await _tell(world, key, body, last, () if deletes else claims)
    return Again()


def _waited_for(found: settling.Looked, body: Object) -> Report:
    verdict = found.verdict
    return Report(
        parts=(conditions.no("Settled", verdict.reason, verdict.why), found.reachable), fields=report.kept(body)
    )


async def _tell(world: World, key: Key, body: Object, last: settling.Looked, claims: Sequence[str]) -> None:
    """Nothing can be written into a namespace that ends: then it is told of the namespace."""
    about, reason = last.ending or body, last.verdict.reason
    note = f"{key.kind} {key.name}: {settling.told(last, () if last.ending else claims)}"
    log.info(note, extra={"key": str(key), "reason": reason})
    warns = reason != settling.SETTLED
    await events.tell(world.kube, about, reason, note, instance=world.identity, warning=warns)


def _users(world: World, key: Key, settlement: EthrexSettlement) -> list[str]:
    """Rollups that settle by it. Whoever it does not let in holds it up no longer than anybody else."""
    every = world.store.models(EthrexRollup, world.store.naming(key))
    return sorted(
        f"{one.namespace}/{one.name}" for one in every if attachment.allows(settlement, one, world.store.spaces)
    )


def _in_use(users: list[str], body: Object) -> Report:
    """Whoever settles by it goes on, and is ready by what was found last of its contracts."""
    note = f"is deleted once nobody settles by it: {', '.join(users)}"
    stopped = report.stopped(body, conditions.no("Ready", "InUse", note))
    return replace(stopped, fields=stopped.fields | {"rollups": users[:MOST_TOLD]})


def _deletes(resource: Resource) -> bool:
    return isinstance(resource, EthrexL1Node | EthrexRollup) and resource.spec.deletion.policy == "Delete"


async def _set(world: World, key: Key, body: Object, *, present: bool) -> None:
    before = body["metadata"].get("finalizers") or []
    after = [*before, FINALIZER] if present else [one for one in before if one != FINALIZER]
    patch = {"metadata": {"finalizers": after, "resourceVersion": body["metadata"]["resourceVersion"]}}
    path = kind_of(key).path(key.namespace, key.name)
    try:
        done = await world.kube.request("PATCH", path, patch, content="application/merge-patch+json")
    except errors.NotFound:
        return
    body["metadata"] |= {name: done["metadata"].get(name) for name in ("finalizers", "resourceVersion")}
    world.store.answered(key, done)
