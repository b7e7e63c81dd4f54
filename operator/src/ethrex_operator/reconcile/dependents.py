"""Who has to be looked at again when a resource changes: those that name it, and those that it names."""

from __future__ import annotations

from collections.abc import Iterator

from ..kube import kinds
from ..kube.client import Object
from . import store as stores
from .store import Key, Store


def of(store: Store, key: Key, body: Object) -> Iterator[Key]:
    """Whoever is named by a rollup that is concerned may have to register it anew: its settlement."""
    if key.kind == kinds.ROLLUP.name:
        yield from stores.named_by(key, body)
        return
    for rollup in store.naming(key):
        yield rollup
        named = stores.named_by(rollup, store.get(rollup) or {})
        yield from (one for one in named if one.kind == kinds.SETTLEMENT.name and one != key)
