"""
Before the pod of a sequencer is rolled: it takes no more transactions and seals those that it took, so that nobody waits for a
receipt over its end. What it does not get done in time its journal and its outbox have: the next one goes on with them.
"""

from __future__ import annotations

import time
from typing import Final

from ..api.rollup import EthrexRollup
from ..chain import coordinator
from ..chain.errors import ChainError
from ..kube import conditions
from ..kube.children import Change
from ..kube.conditions import Condition
from ..kube.errors import KubeError
from . import coordinators, running
from .world import Key, World

MOST_SECONDS: Final = 20.0  # what cannot be sealed within is sealed by the next one


async def step(world: World, rollup: EthrexRollup, found: running.Instance, changes: list[Change]) -> Condition:
    """`UpToDate` of a pod with an older template: handing over, or rolling. Raises `KubeError`."""
    if found.pod is None:
        return conditions.no("UpToDate", "Rolling")
    key = Key(rollup.kind, rollup.namespace, rollup.name)
    since = world.handing.setdefault(key, time.monotonic())
    why = await _missing(world, rollup) if found.ready else f"it was not ready: {found.reason}"
    if why is not None and found.ready and time.monotonic() - since < MOST_SECONDS:
        return conditions.no("UpToDate", "HandingOver", f"{found.pod}: {why}")
    del world.handing[key]
    note = "has sealed all that it took" if why is None else f"was not waited for: {why}"
    changes.append(Change("HandedOver", f"{found.pod} {note}"))
    if await running.roll(world, rollup.namespace, found):
        changes.append(Change("Rolled", f"pod {found.pod} ran an older template"))
    return conditions.no("UpToDate", "Rolling")


async def _missing(world: World, rollup: EthrexRollup) -> str | None:
    """What is left to seal; None: nothing."""
    try:
        at = await coordinators.of(world, rollup)
        seen = await coordinator.drain(world.session, at, end_batch=False)
    except (ChainError, KubeError) as error:
        return f"it does not answer: {error}"
    return None if seen.drained else f"{seen.pool} transactions wait to be sealed"
