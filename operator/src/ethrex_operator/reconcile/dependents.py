"""Who has to be looked at again when a resource changes: those that name it, and those that it names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..kube import kinds
from ..kube.client import Object
from .world import Key, Store


def of(store: Store, key: Key, body: Object) -> Iterator[Key]:
    """Out of the bodies as they are: a resource that is refused may name others all the same."""
    if key.kind == kinds.ROLLUP.name:
        yield from _named_by(key, body)
        return
    for other, given in list(store.bodies.items()):
        if other.kind == kinds.ROLLUP.name and (key in _named_by(other, given) or _same_l1(key, other, given)):
            yield other


def _named_by(rollup: Key, body: Object) -> list[Key]:
    """Pools and the settlement."""
    spec: dict[str, Any] = body.get("spec") or {}
    found = [
        Key(kinds.POOL.name, one["ref"].get("namespace") or rollup.namespace, one["ref"]["name"])
        for one in (spec.get("proving") or {}).get("pools") or ()
    ]
    if spec.get("settlement"):
        found.append(Key(kinds.SETTLEMENT.name, rollup.namespace, spec["settlement"]["name"]))
    return found


def _same_l1(key: Key, rollup: Key, body: Object) -> bool:
    ref: dict[str, Any] = ((body.get("spec") or {}).get("l1") or {}).get("ref") or {}
    return bool(ref) and key == Key(kinds.L1_NODE.name, ref.get("namespace") or rollup.namespace, ref["name"])
