"""
The newest body of each resource, and who names whom among them.

A fleet is thousands of rollups, and each look at one asks who else names its pools and who else settles on its L1: that is
looked up here, and not searched for in all bodies. Bodies lie packed, and without whose the fields are, which nobody asks of
them: unpacked, one takes four times as much.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, TypeVar

import orjson

from ..api import loading
from ..api.base import Resource
from ..kube import kinds
from ..kube.client import Object
from ..kube.kinds import Kind

Some = TypeVar("Some", bound=Resource)
NOTHING: Final[Mapping[Any, Any]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Key:
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class _Kept:
    uid: str | None
    generation: int | None
    version: int
    packed: bytes

    @classmethod
    def of(cls, body: Object) -> _Kept:
        metadata = {name: one for name, one in body["metadata"].items() if name != "managedFields"}
        packed = bytes(memoryview(orjson.dumps(body | {"metadata": metadata})))  # its own holds more than it says
        return cls(metadata.get("uid"), metadata.get("generation"), _version(body), packed)

    def body(self) -> Object:
        found: Object = orjson.loads(self.packed)
        return found


class Store:
    """
    `put` what a watch brings, `answered` what the API server says to a write, `remove` what is gone; nothing else changes it.

    Who gets a body gets one of its own.
    """

    def __init__(self, bodies: Mapping[Key, Object] = NOTHING) -> None:
        self._kept: dict[Key, _Kept] = {}
        self.spaces: dict[str, dict[str, str]] = {}  # labels of namespaces, where those of all are watched
        self._naming: dict[object, dict[Key, None]] = {}  # what is named -> rollups, in the order in which they came
        for key, body in bodies.items():
            self.put(key, body)

    def __len__(self) -> int:
        return len(self._kept)

    def __contains__(self, key: Key) -> bool:
        return key in self._kept

    def __getitem__(self, key: Key) -> Object:
        return self._kept[key].body()

    def get(self, key: Key) -> Object | None:
        kept = self._kept.get(key)
        return None if kept is None else kept.body()

    def manifest(self, key: Key) -> tuple[str | None, int | None] | None:
        """Of which object it is, and its generation: the same as long as nobody asks for something else."""
        kept = self._kept.get(key)
        return None if kept is None else (kept.uid, kept.generation)

    def put(self, key: Key, body: Object) -> None:
        before = self.get(key) if key.kind == kinds.ROLLUP.name else None
        self._kept[key] = _Kept.of(body)
        if key.kind == kinds.ROLLUP.name:
            named = _named(key, body)
            for one in _named(key, before) - named if before is not None else ():
                self._unlist(one, key)
            for one in named:
                self._naming.setdefault(one, {})[key] = None

    def answered(self, key: Key, body: Object) -> bool:
        """Whether it was taken: the watch may have brought a newer one meanwhile, or that it is gone."""
        kept = self._kept.get(key)
        if kept is None or _version(body) <= kept.version:
            return False
        self.put(key, body)
        return True

    def remove(self, key: Key) -> None:
        before = self.get(key)
        self._kept.pop(key, None)
        if before is not None and key.kind == kinds.ROLLUP.name:
            for one in _named(key, before):
                self._unlist(one, key)

    def naming(self, key: Key) -> tuple[Key, ...]:
        """Rollups that name it: as pool, settlement or L1."""
        return tuple(self._naming.get(key, ()))

    def neighbours(self, rollup: Key) -> tuple[Key, ...]:
        """Rollups on the same L1, itself among them."""
        return tuple(self._naming.get(l1_of(rollup, self.get(rollup) or {}), ()))

    def of_kind(self, kind: type[Resource]) -> list[Key]:
        return [key for key in self._kept if key.kind == kind.__name__]

    def uids(self, kind: Kind) -> dict[tuple[str, str], str | None]:
        """By namespace and name."""
        return {(key.namespace, key.name): kept.uid for key, kept in self._kept.items() if key.kind == kind.name}

    def rollups_in(self, namespace: str) -> list[Key]:
        return [key for key in self._kept if key.namespace == namespace and key.kind == kinds.ROLLUP.name]

    def model(self, kind: type[Some], namespace: str, name: str) -> Some | None:
        """None where there is none, or one that is refused: its own reconcile says why."""
        body = self.get(Key(kind.__name__, namespace, name))
        if body is None:
            return None
        try:
            found = loading.read(body)
        except loading.ManifestInvalid:
            return None
        return found if isinstance(found, kind) else None

    def models(self, kind: type[Some], keys: Iterable[Key]) -> Iterator[Some]:
        """Of those that can be read."""
        for key in keys:
            if (found := self.model(kind, key.namespace, key.name)) is not None:
                yield found

    def age(self, key: Key) -> tuple[str, str]:
        """The older one is less."""
        metadata = (self.get(key) or {"metadata": {}})["metadata"]
        return str(metadata.get("creationTimestamp", "")), str(metadata.get("uid", ""))

    def status(self, key: Key) -> Object:
        found: Object = (self.get(key) or {}).get("status") or {}
        return found

    def _unlist(self, named: object, rollup: Key) -> None:
        rollups = self._naming.get(named, {})
        rollups.pop(rollup, None)
        if not rollups:
            self._naming.pop(named, None)


# Out of the bodies as they are: a resource that is refused may name others all the same.


def named_by(rollup: Key, body: Object) -> list[Key]:
    """Pools and the settlement."""
    spec = body.get("spec") or {}
    found = [
        Key(kinds.POOL.name, one["ref"].get("namespace") or rollup.namespace, one["ref"]["name"])
        for one in (spec.get("proving") or {}).get("pools") or ()
    ]
    if spec.get("settlement"):
        ref = spec["settlement"]
        found.append(Key(kinds.SETTLEMENT.name, ref.get("namespace") or rollup.namespace, ref["name"]))
    return found


def l1_of(rollup: Key, body: Object) -> object:
    """A node of ours, or the addresses of others."""
    l1 = (body.get("spec") or {}).get("l1") or {}
    ref: Object = l1.get("ref") or {}
    if ref:
        return Key(kinds.L1_NODE.name, ref.get("namespace") or rollup.namespace, ref["name"])
    return tuple(str(one) for one in l1.get("urls") or ())


def _version(body: Object) -> int:
    return int(body["metadata"].get("resourceVersion") or 0)


def _named(rollup: Key, body: Object) -> set[object]:
    return {*named_by(rollup, body), l1_of(rollup, body)}
