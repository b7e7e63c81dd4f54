"""Who has to be looked at again when a resource changes: those that name it, and those that it names."""

from __future__ import annotations

from collections.abc import Iterable

from ..kube import kinds
from ..kube.client import Object
from . import store as stores
from .store import Key, Store


def of(store: Store, key: Key, body: Object) -> Iterable[Key]:
    return stores.named_by(key, body) if key.kind == kinds.ROLLUP.name else store.naming(key)
