"""
Which accounts sign for a rollup, remembered for as long as its manifest stays as it is.

Every look at a rollup asks this of all others on its L1: reading a thousand manifests again each time would take longer than the
time between two looks.
"""

from __future__ import annotations

from ..api.rollup import EthrexRollup
from ..kube import kinds
from ..topology import rollup as rollups
from ..topology.errors import Unmet
from ..topology.facts import L1
from .store import Key, Store

Known = tuple[object, bool, frozenset[str]]  # whose: uid and generation; on a dev L1; the accounts


class Signers:
    def __init__(self) -> None:
        self._known: dict[Key, Known] = {}

    def of(self, store: Store, key: Key, at: L1) -> frozenset[str]:
        """Of the rollup `key`, which settles on `at`. One whose keys are refused signs with none."""
        whose = store.manifest(key)
        if whose is None:
            self._known.pop(key, None)
            return frozenset()
        known = self._known.get(key)
        if known is not None and known[:2] == (whose, at.dev):
            return known[2]
        found = _read(store, key, at)
        self._known[key] = (whose, at.dev, found)
        return found

    def others(self, store: Store, rollup: Key, at: L1) -> dict[Key, frozenset[str]]:
        """Of all others on the same L1."""
        return {key: self.of(store, key, at) for key in store.neighbours(rollup) if key != rollup}

    def forget(self, key: Key) -> None:
        if key.kind == kinds.ROLLUP.name:
            self._known.pop(key, None)


def _read(store: Store, key: Key, at: L1) -> frozenset[str]:
    rollup = store.model(EthrexRollup, key.namespace, key.name)
    if rollup is None:
        return frozenset()
    try:
        return rollups.signers(rollup, at)
    except Unmet:
        return frozenset()
