"""What a reconcile found, written to the status: only what changed, and only then."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..kube import conditions
from ..kube.client import Object
from ..kube.conditions import Condition
from .world import Key, World, kind_of


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
