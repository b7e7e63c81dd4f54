"""
What the watches have told of the operator's children: of each a few words, of those that run something also how it does.

Tens of thousands of objects are known at a time, so nothing is kept that nobody asks for, and bodies lie packed. What the
API server answers to an apply is taken in as well, unless the watch has passed that version already: then the watch knows better,
also that the object is gone.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from ..topology.settlement import SIGNER
from . import kinds, ownership
from .kinds import Kind
from .objects.naming import OWNER, OWNER_KIND, WORKLOAD

Object = dict[str, Any]
Place = tuple[str, str, str]  # kind, namespace, name
OwnerPlace = tuple[str, str, str]  # kind, namespace, name of whom it was made for
Group = tuple[str, str | None, str]  # kind, namespace and workload; or kind, None and signer, wherever they are

JOB_NAME: Final = "batch.kubernetes.io/job-name"
METADATA: Final = (
    *("name", "namespace", "uid", "labels", "annotations", "generation"),
    *("creationTimestamp", "deletionTimestamp"),
)
# How those that run something do: these fields of their status are kept.
STATUS: Final[Mapping[Kind, tuple[str, ...]]] = {
    kinds.POD: ("phase", "conditions", "initContainerStatuses", "containerStatuses"),
    kinds.STATEFUL_SET: ("updateRevision", "observedGeneration"),
    kinds.JOB: ("conditions",),
}
CONTAINER: Final = ("name", "state", "lastState", "ready", "restartCount")


@dataclass(frozen=True, slots=True)
class Seen:
    """As much as is remembered of every child."""

    uid: str
    version: int
    ours: bytes  # a digest: which of its fields are as they were applied
    owners: tuple[str, ...]  # uids
    owner: OwnerPlace | None  # by its labels
    foreign: str = ""  # fields that others have added
    leaving: bool = False

    @classmethod
    def of(cls, given: Object) -> Seen:
        metadata = given["metadata"]
        labels = metadata.get("labels") or {}
        kind, name = labels.get(OWNER_KIND), labels.get(OWNER)
        return cls(
            uid=metadata["uid"],
            version=int(metadata["resourceVersion"]),
            ours=ownership.ours(metadata),
            owners=tuple(sorted(sys.intern(one["uid"]) for one in metadata.get("ownerReferences") or ())),
            owner=_interned(kind, metadata["namespace"], name) if kind and name else None,
            foreign=ownership.foreign(metadata),
            leaving="deletionTimestamp" in metadata,
        )

    def is_as(self, other: Seen) -> bool:
        """Whether all that is ours in it is the same, whatever else has changed."""
        return (self.uid, self.ours, self.owners, self.owner) == (other.uid, other.ours, other.owners, other.owner)


class Cache:
    """Of all kinds together. `passed`: how far the watch of a kind has come."""

    def __init__(self) -> None:
        self._seen: dict[Place, Seen] = {}
        self._bodies: dict[Place, bytes] = {}
        self._of_owner: dict[OwnerPlace, set[Place]] = {}
        # Of those with a body; tuples, since nearly all hold one place and a set of one is four times as big.
        self._groups: dict[Group, tuple[Place, ...]] = {}
        self._passed: dict[str, int] = {}
        self._standing: dict[Place, tuple[int, bytes]] = {}

    def __len__(self) -> int:
        return len(self._seen)

    def get(self, place: Place) -> Seen | None:
        return self._seen.get(place)

    def of_owner(self, kind: str, namespace: str, name: str) -> list[tuple[Place, Seen]]:
        return [(place, self._seen[place]) for place in self._of_owner.get((kind, namespace, name), ())]

    def places(self, kind: Kind) -> list[Place]:
        return [place for place in self._seen if place[0] == kind.name]

    def body(self, kind: Kind, namespace: str, name: str) -> Object | None:
        """As much of it as `STATUS` says. Of other kinds there is none."""
        packed = self._bodies.get((kind.name, namespace, name))
        return None if packed is None else orjson.loads(packed)

    def bodies(self, kind: Kind, namespace: str | None, labels: Mapping[str, str]) -> list[Object]:
        """Those that have all `labels`, in one namespace or in all of them."""
        return [one for one in self._candidates(kind, namespace, labels) if _has(one, labels)]

    def listed(self, kind: Kind, given: Object) -> Seen | None:
        """What a list tells, as `watched`; and what stands in the fields that were applied, until somebody asks for it."""
        seen = self._take(kind, given)
        if seen is not None:
            metadata = given["metadata"]
            self._standing[kind.name, metadata["namespace"], metadata["name"]] = (
                seen.version,
                ownership.standing(given),
            )
        return seen

    def stands(self, place: Place) -> bytes | None:
        """What stood in the fields that were applied when it was listed, if it is still the same. Answered once."""
        version, standing = self._standing.pop(place, (0, b""))
        seen = self._seen.get(place)
        return standing if seen is not None and seen.version == version else None

    def watched(self, kind: Kind, given: Object) -> Seen | None:
        """What the watch tells; the new view of it, or None where it is the one that was known."""
        self.passed(kind, int(given["metadata"]["resourceVersion"]))
        return self._take(kind, given)

    def answered(self, kind: Kind, given: Object) -> Seen:
        """What the API server says to an apply."""
        seen = Seen.of(given)
        if seen.version > self._passed.get(kind.name, 0):
            self._take(kind, given)
        return seen

    def passed(self, kind: Kind, version: int) -> None:
        self._passed[kind.name] = max(version, self._passed.get(kind.name, 0))

    def forget(self, place: Place) -> Seen | None:
        seen = self._seen.pop(place, None)
        if seen is None:
            return None
        if seen.owner is not None:
            listed = self._of_owner[seen.owner]
            listed.discard(place)
            if not listed:
                del self._of_owner[seen.owner]
        packed = self._bodies.pop(place, None)
        if packed is not None:
            for key in _groups(place, orjson.loads(packed)):
                left = tuple(one for one in self._groups.get(key, ()) if one != place)
                if left:
                    self._groups[key] = left
                else:
                    self._groups.pop(key, None)
        return seen

    def _take(self, kind: Kind, given: Object) -> Seen | None:
        seen, metadata = Seen.of(given), given["metadata"]
        place = _interned(kind.name, metadata["namespace"], metadata["name"])
        if self._seen.get(place) == seen:
            return None
        self.forget(place)
        self._seen[place] = seen
        if seen.owner is not None:
            self._of_owner.setdefault(seen.owner, set()).add(place)
        if kind in STATUS:
            kept = _kept(given, STATUS[kind])
            self._bodies[place] = bytes(memoryview(orjson.dumps(kept)))  # its own holds 8 kB for each
            for key in _groups(place, kept):
                self._groups[key] = (*self._groups.get(key, ()), place)
        return seen

    def _candidates(self, kind: Kind, namespace: str | None, labels: Mapping[str, str]) -> Iterator[Object]:
        places: Iterable[Place]
        if namespace is not None and WORKLOAD in labels:
            places = self._groups.get((kind.name, namespace, labels[WORKLOAD]), ())
        elif namespace is None and SIGNER in labels:
            places = self._groups.get((kind.name, None, labels[SIGNER]), ())
        elif namespace is not None and OWNER in labels and OWNER_KIND in labels:
            places = self._of_owner.get((labels[OWNER_KIND], namespace, labels[OWNER]), ())
        else:
            places = [place for place in self._bodies if namespace in (None, place[1])]
        return (orjson.loads(self._bodies[place]) for place in sorted(places) if place[0] == kind.name)


def _kept(given: Object, fields: tuple[str, ...]) -> Object:
    metadata, status = given["metadata"], given.get("status") or {}
    found = {name: status[name] for name in fields if name in status}
    for name in ("initContainerStatuses", "containerStatuses"):
        if name in found:
            found[name] = [{part: one[part] for part in CONTAINER if part in one} for one in found[name]]
    return {"metadata": {name: metadata[name] for name in METADATA if name in metadata}, "status": found}


def _groups(place: Place, kept: Object) -> Iterator[Group]:
    labels = kept["metadata"].get("labels") or {}
    yield place[0], place[1], sys.intern(labels.get(WORKLOAD, ""))
    if SIGNER in labels:
        yield place[0], None, labels[SIGNER]


def _has(given: Object, labels: Mapping[str, str]) -> bool:
    found = given["metadata"].get("labels") or {}
    return all(found.get(label) == value for label, value in labels.items())


def _interned(kind: str, namespace: str, name: str) -> tuple[str, str, str]:
    return sys.intern(kind), sys.intern(namespace), sys.intern(name)
