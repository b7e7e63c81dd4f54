"""One run for one key: what every kind has in common, around what its module does."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

from ..api import loading
from ..api.base import Resource
from ..kube import conditions, errors, events, kinds
from ..kube.children import Change, NameTaken
from ..kube.client import Object
from ..kube.queue import Again
from ..topology.errors import Unmet
from ..topology.facts import BadResult
from . import l1node, pool, report, rollup, settlement, teardown
from .report import Report
from .world import Key, World

log = logging.getLogger(__name__)

Reconcile = Callable[[World, Any, list[Change]], Awaitable[Report]]

BY_KIND: Final[dict[str, Reconcile]] = {
    kinds.L1_NODE.name: l1node.reconcile,
    kinds.SETTLEMENT.name: settlement.reconcile,
    kinds.ROLLUP.name: rollup.reconcile,
    kinds.POOL.name: pool.reconcile,
}
UNMET_SECONDS: Final = 5.0  # what is missing may be applied a moment later
FORBIDDEN_SECONDS: Final = 60.0


async def reconcile(world: World, key: Key) -> Again:
    """Raises `KubeError`: the queue comes again."""
    body = world.store.get(key)
    if body is None:
        return Again()
    if "deletionTimestamp" in body["metadata"]:
        return await teardown.step(world, key, body)
    try:
        resource = loading.read(body)
    except loading.ManifestInvalid as error:
        invalid = conditions.no("Ready", "Invalid", str(error))
        await report.write(world, key, body, report.stopped(body, invalid))
        return Again()
    changes: list[Change] = []
    try:
        found = await _found(world, key, body, resource, changes)
    finally:
        for change in changes:
            log.info(change.note, extra={"key": str(key), "reason": change.reason})
            await events.tell(
                world.kube, body, change.reason, change.note, instance=world.identity, warning=change.warning
            )
    await report.write(world, key, body, found)
    return Again(found.again)


async def _found(world: World, key: Key, body: Object, resource: Resource, changes: list[Change]) -> Report:
    if getattr(resource, "spec").paused:  # noqa: B009  every kind has one
        return Report(paused=True, more=report.unlooked(body, "paused"), fields=report.kept(body))
    await teardown.guard(world, key, body, resource)
    try:
        return await BY_KIND[key.kind](world, resource, changes)
    except Unmet as error:
        return report.stopped(body, conditions.no("Ready", error.reason, str(error)), again=UNMET_SECONDS)
    except (NameTaken, BadResult) as error:
        taken = conditions.no("Ready", type(error).__name__, str(error))
        return report.stopped(body, taken, again=UNMET_SECONDS)
    except errors.Forbidden as error:
        forbidden = conditions.no("Ready", "Forbidden", str(error))
        return report.stopped(body, forbidden, again=FORBIDDEN_SECONDS)
