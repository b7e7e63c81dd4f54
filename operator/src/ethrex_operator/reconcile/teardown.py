"""
What happens when a resource goes.

Children with an owner go with it by themselves. Volumes have none: they stay under ``Retain``, and under ``Delete`` a
finalizer holds the resource until the operator has deleted them.
"""

from __future__ import annotations

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
from . import report
from .report import Report
from .world import Key, World, kind_of

IN_USE_SECONDS: Final = 10.0
FINALIZER: Final = "ethrex.dev/teardown"


async def guard(world: World, key: Key, body: Object, resource: Resource) -> None:
    """A finalizer exactly while there is something to settle. Raises `KubeError`."""
    has = FINALIZER in (body["metadata"].get("finalizers") or ())
    wants = _deletes(resource) or (isinstance(resource, EthrexSettlement) and bool(world.store.naming(key)))
    if wants != has:
        await _set(world, key, body, present=not has)


async def step(world: World, key: Key, body: Object) -> Again:
    """Raises `KubeError`."""
    if FINALIZER not in (body["metadata"].get("finalizers") or ()):
        return Again()
    if key.kind == kinds.SETTLEMENT.name and (users := world.store.naming(key)):
        await report.write(world, key, body, _in_use([f"{one.namespace}/{one.name}" for one in users], body))
        return Again(IN_USE_SECONDS)
    owner = Owner(key.kind, key.name, key.namespace, body["metadata"]["uid"])
    claims = world.children.claims(owner)
    try:
        resource = loading.read(body)
    except loading.ManifestInvalid:
        resource = None
    if resource is not None and _deletes(resource):
        for name in claims:
            await world.kube.delete(kinds.CLAIM, key.namespace, name)
        if claims:
            note = f"deleted volumes {', '.join(claims)}"
            await events.tell(world.kube, body, "VolumesDeleted", note, instance=world.identity)
    await _set(world, key, body, present=False)
    return Again()


def _in_use(users: list[str], body: Object) -> Report:
    """Whoever settles by it would have nobody to register it, and to say whether its contracts are what they were."""
    note = f"is deleted once nobody settles by it: {', '.join(users)}"
    return Report(stalled=conditions.no("Ready", "InUse", note), fields=report.kept(body) | {"rollups": users[:128]})


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
