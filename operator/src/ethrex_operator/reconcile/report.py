"""What a reconcile found, written to the status: only what changed, and only then."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from ..kube import conditions
from ..kube.client import Object
from ..kube.conditions import Condition
from .world import Key, World, kind_of

ON_L1: Final = ("Deployed", "Verified")  # what a resource has found of its contracts
NOT_LOOKED_AT: Final = "NotLookedAt"


@dataclass(frozen=True, slots=True)
class Report:
    """`parts` have to hold for the resource to be ready; `more` are told besides. `again` is in seconds."""

    parts: tuple[Condition, ...] = ()
    more: tuple[Condition, ...] = ()
    fields: dict[str, Any] = field(default_factory=dict)
    stalled: Condition | None = None
    paused: bool = False
    again: float | None = None


def kept(body: Object) -> dict[str, Any]:
    """What an earlier reconcile has recorded stays where this one could not look."""
    status = body.get("status") or {}
    return {name: value for name, value in status.items() if name not in ("conditions", "observedGeneration")}


def unlooked(body: Object, why: str) -> tuple[Condition, ...]:
    """
    The parts where this reconcile could not look: how they were, as what nobody knows now. What L1 was found to have stays.
    """
    told = (one for one in conditions.read(body.get("status") or {}) if one.type not in conditions.SUMMARY)
    return tuple(one if one.type in ON_L1 or one.reason == NOT_LOOKED_AT else _before(one, why) for one in told)


def stopped(body: Object, why: Condition, *, again: float | None = None) -> Report:
    """It waits for somebody, as `why` says, and of the rest only what was known before can be told."""
    parts = () if why.type in conditions.SUMMARY else (why,)
    more = tuple(one for one in unlooked(body, "stalled") if one.type != why.type)
    return Report(parts=parts, more=more, fields=kept(body), stalled=why, again=again)


def _before(one: Condition, why: str) -> Condition:
    was = f"{one.status}, {one.reason}" + (f": {one.message}" if one.message else "")
    return conditions.unknown(one.type, NOT_LOOKED_AT, f"{why}; before: {was}")


async def write(world: World, key: Key, body: Object, report: Report) -> None:
    """Raises `KubeError`."""
    generation = body["metadata"]["generation"]
    before = body.get("status") or {}
    every = (
        *conditions.summary(report.parts, paused=report.paused, stalled=report.stalled),
        *report.parts,
        *report.more,
    )
    status = {
        **report.fields,
        "observedGeneration": generation,
        "conditions": conditions.merged(before.get("conditions") or (), every, generation),
    }
    if status == before:
        return
    kind = kind_of(key)
    applied = {
        "apiVersion": kind.api_version,
        "kind": kind.name,
        "metadata": {"name": key.name, "namespace": key.namespace},
        "status": status,
    }
    done = await world.kube.apply(applied, status=True)
    if world.store.answered(key, done):
        world.wrote(key, body)
