"""
What the operator made, kept as it was made.

All children are watched; so an object that nobody touched costs no request, and one that somebody deleted or changed is
applied again at once. Of most kinds only the metadata comes; of pods and of what makes them also how they do (``cache``), so
that a look costs no request either.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from . import cache, errors, kinds, ownership
from .cache import Cache, Place, Seen
from .client import Kube, Object
from .kinds import Kind
from .objects.naming import MANAGER, OWNER, OWNER_KIND, Owner, digest

log = logging.getLogger(__name__)

OURS: Final = {"app.kubernetes.io/managed-by": MANAGER}
AGAIN_SECONDS: Final = 1.0
# What lets somebody in, what a node reads, whom a drain spares: an addition is as bad as a change.
EXACT: Final = frozenset(one.name for one in (kinds.NETWORK_POLICY, kinds.SERVICE, kinds.CONFIG_MAP, kinds.BUDGET))
FRAME: Final = ("apiVersion", "kind", "status")


@dataclass(frozen=True, slots=True)
class Change:
    """Something that was done, for an event."""

    reason: str
    note: str
    warning: bool = False


class NameTaken(Exception):
    """An object of that name exists, and it is not the resource's."""


class Children:
    """`watch` runs as long as the operator; `ensure` may be called once it is `ready`."""

    def __init__(self, kube: Kube, namespace: str | None, told: Callable[[str, str, str], None]) -> None:
        """`told` hears kind, namespace and name of the owner of a child that changed."""
        self._kube, self._namespace, self._told = kube, namespace, told
        self._cache = Cache()
        self._applied: dict[Place, tuple[str, Seen]] = {}  # the digest that was applied, and what came of it
        self._waiting = set(kinds.CHILDREN) | {kinds.POD}
        self._listing = (
            asyncio.Lock()
        )  # a page at a time: one of each kind at once is as much memory as all that is kept
        self.ready = asyncio.Event()

    async def watch(self) -> None:
        async with asyncio.TaskGroup() as group:
            for kind in tuple(self._waiting):
                group.create_task(self._watch(kind))

    async def ensure(self, owner: Owner, wanted: Iterable[Object]) -> list[Change]:
        """Apply what differs, delete what is no longer wanted. Raises `KubeError`, `NameTaken`."""
        changes: list[Change] = []
        places: set[Place] = set()
        for one in wanted:
            places.add(place_of(one))
            change = await self._apply(owner, one)
            if change is not None:
                changes.append(change)
        for place, seen in self._of(owner):
            if place not in places and owner.uid in seen.owners and place[0] != kinds.CLAIM.name:
                await self._kube.delete(_kind(place), place[1], place[2], uid=seen.uid)
                changes.append(Change("Removed", f"{place[0]} {place[2]} is no longer wanted"))
        return changes

    async def remove(self, kind: Kind, namespace: str, name: str) -> None:
        """One that is wanted, so that it is made anew: nobody's doing but ours. Raises `KubeError`."""
        seen = self._cache.get((kind.name, namespace, name))
        await self._kube.delete(kind, namespace, name, uid=None if seen is None else seen.uid)
        self._applied.pop((kind.name, namespace, name), None)

    def claims(self, owner: Owner) -> list[str]:
        """Names of the volumes' claims that were made for it."""
        return [place[2] for place, _ in self._of(owner) if place[0] == kinds.CLAIM.name]

    def body(self, kind: Kind, namespace: str, name: str) -> Object | None:
        """How a StatefulSet, a Job or a pod does: its metadata and the fields of its status that `cache.STATUS` names."""
        return self._cache.body(kind, namespace, name)

    def bodies(self, kind: Kind, namespace: str | None, labels: Mapping[str, str]) -> list[Object]:
        """As `body`, of all that have these labels; by name."""
        return self._cache.bodies(kind, namespace, labels)

    def __len__(self) -> int:
        return len(self._cache)

    async def _apply(self, owner: Owner, wanted: Object) -> Change | None:
        place, asked = place_of(wanted), digest(wanted)
        seen, applied = self._cache.get(place), self._applied.get(place)
        if seen is not None and applied is not None and applied[0] == asked and seen.is_as(applied[1]):
            if seen.foreign == applied[1].foreign or place[0] == kinds.CLAIM.name:
                return None  # a claim is written to by whoever binds it
            if place[0] not in EXACT:
                self._applied[place] = (asked, seen)
                told = Change("ForeignFields", f"{place[0]} {place[2]}: {seen.foreign} is another's and stays")
                return told if seen.foreign else None
        if seen is not None and applied is None and self._cache.stands(place) == ownership.wished(wanted):
            self._applied[place] = (asked, seen)
            applied = self._applied[place]
            if not (seen.foreign and place[0] in EXACT):
                return None
        if seen is not None and seen.leaving:
            return None  # it is made again once it is gone
        if seen is None:
            await self._refuse_foreign(owner, wanted)
        try:
            done = self._cache.answered(_kind(place), await self._applied_whole(wanted))
        except errors.Refused as error:
            if seen is None or place[0] == kinds.CLAIM.name:
                raise
            await self._kube.delete(_kind(place), place[1], place[2], uid=seen.uid)
            self._applied.pop(place, None)
            raise errors.Conflict(
                f"{place[0]} {place[2]} cannot be changed in place and is made anew: {error}"
            ) from error
        self._applied[place] = (asked, done)
        name = f"{place[0]} {place[2]}"
        if applied is None:
            return None if seen is not None and seen.version == done.version else Change("Applied", name)
        if applied[0] != asked:
            return Change("Changed", name)
        if done.uid != applied[1].uid:
            return Change("Recreated", f"{name} had been deleted")
        return Change("Repaired", f"{name} had been changed")

    async def _applied_whole(self, wanted: Object) -> Object:
        """Of some kinds nothing may be there but what is wanted. Raises `KubeError`."""
        done = await self._kube.apply(wanted)
        if wanted["kind"] not in EXACT or not ownership.foreign(done["metadata"]):
            return done
        frame = {name: one for name, one in done.items() if name in FRAME}
        metadata = {name: one for name, one in done["metadata"].items() if name != "managedFields"}
        return await self._kube.replace({**wanted, **frame, "metadata": metadata})

    async def _refuse_foreign(self, owner: Owner, wanted: Object) -> None:
        """Raises `NameTaken`."""
        place = place_of(wanted)
        found = await self._kube.find(_kind(place), place[1], place[2])
        if found is None:
            return
        labels = found["metadata"].get("labels") or {}
        belongs = any(one["uid"] == owner.uid for one in found["metadata"].get("ownerReferences") or ())
        if not belongs and (labels.get(OWNER_KIND), labels.get(OWNER)) != (owner.kind, owner.name):
            raise NameTaken(f"{place[0]} {place[2]} exists and is not of {owner.kind} {owner.name}")

    def _of(self, owner: Owner) -> list[tuple[Place, Seen]]:
        found = self._cache.of_owner(owner.kind, owner.namespace, owner.name)
        return [(place, seen) for place, seen in found if place[0] != kinds.POD.name]

    async def _watch(self, kind: Kind) -> None:
        """One that breaks goes on where it was: a list of all is made where the API server knows that place no more."""
        whole = kind in cache.STATUS
        version: str | None = None
        while True:
            try:
                if version is None:
                    async with self._listing:
                        version = await self._list(kind)
                async for event, given in self._kube.watch(kind, self._namespace, version, OURS, whole=whole):
                    version = given["metadata"]["resourceVersion"]
                    self._note(kind, event, given)
            except errors.Gone:
                version = None
            except errors.KubeError as error:
                log.warning("a watch begins again", extra={"kind": kind.name, "reason": str(error)})
                await asyncio.sleep(AGAIN_SECONDS)

    async def _list(self, kind: Kind) -> str:
        there: set[Place] = set()
        version = ""
        async for page, newest in self._kube.pages(kind, self._namespace, OURS):
            version = newest
            for one in page:
                there.add((kind.name, one["metadata"]["namespace"], one["metadata"]["name"]))
                seen = self._cache.listed(kind, one)
                if seen is not None:
                    self._tell(seen)
        for place in self._cache.places(kind):
            if place not in there:
                self._forget(place)
        self._cache.passed(kind, int(version))
        self._waiting.discard(kind)
        if not self._waiting:
            self.ready.set()
        return version

    def _note(self, kind: Kind, event: str, given: Object) -> None:
        metadata = given["metadata"]
        if event in ("BOOKMARK", "DELETED"):
            self._cache.passed(kind, int(metadata["resourceVersion"]))
        if event == "BOOKMARK":
            return
        place = (kind.name, metadata["namespace"], metadata["name"])
        if event == "DELETED":
            self._forget(place)
            return
        before = self._cache.get(place)
        seen = self._cache.watched(kind, given)
        if seen is not None:
            self._tell(seen)
        if seen is not None and before is not None and before.owner != seen.owner:
            self._tell(before)  # somebody changed the labels that say whose it is

    def _forget(self, place: Place) -> None:
        seen = self._cache.forget(place)
        if seen is not None:
            self._tell(seen)

    def _tell(self, seen: Seen) -> None:
        if seen.owner is not None:
            self._told(*seen.owner)


def place_of(given: Object) -> Place:
    return given["kind"], given["metadata"]["namespace"], given["metadata"]["name"]


def _kind(place: Place) -> Kind:
    return next(kind for kind in (*kinds.CHILDREN, kinds.POD) if kind.name == place[0])
