"""Children are applied when something differs, and cost nothing when nothing does."""

from __future__ import annotations

import asyncio
import contextlib
import copy
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from ethrex_operator.kube import errors, kinds
from ethrex_operator.kube.children import Children, NameTaken
from ethrex_operator.kube.client import Kube
from ethrex_operator.kube.objects.naming import MANAGER, Owner
from unit.operator.virtual_time import run

Object = dict[str, Any]
OWNER = Owner("EthrexL1Node", "l1", "team", "uid-1")


class ApplyStandIn:
    """An API server that keeps what is applied, counts a generation, and refuses a changed ``immutable``."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], Object] = {}
        self.requests: list[str] = []
        self.version = 0

    async def apply(self, wanted: Object) -> Object:
        self.requests.append("apply")
        key = (wanted["kind"], wanted["metadata"]["name"])
        before = self.objects.get(key)
        if before is not None and before.get("immutable") != wanted.get("immutable"):
            raise errors.Refused("immutable")
        same = before is not None and before["wanted"] == wanted
        added = before["metadata"].get("managedFields", []) if before else []
        self.version += 0 if same else 1
        stored = {**copy.deepcopy(wanted), "wanted": copy.deepcopy(wanted)}
        generation = before["metadata"]["generation"] + (not same) if before else 1
        stored["metadata"] |= {
            "uid": before["metadata"]["uid"] if before else f"child-{self.version}",
            "resourceVersion": before["metadata"]["resourceVersion"] if same and before else str(self.version),
            "generation": generation,
            "managedFields": added,
        }
        self.objects[key] = stored
        return stored

    async def replace(self, wanted: Object) -> Object:
        """What is not there goes, and with it whoever had added it."""
        self.requests.append("replace")
        assert "managedFields" not in wanted["metadata"]
        self.version += 1
        metadata = wanted["metadata"] | {"resourceVersion": str(self.version)}
        stored = self.objects[wanted["kind"], wanted["metadata"]["name"]] = {
            **wanted,
            "metadata": metadata,
            "wanted": {},
        }
        return stored

    async def find(self, kind: kinds.Kind, _: str, name: str) -> Object | None:
        self.requests.append("get")
        return self.objects.get((kind.name, name))

    async def delete(self, kind: kinds.Kind, _: str, name: str, *, uid: str) -> None:
        self.requests.append("delete")
        assert self.objects.pop((kind.name, name))["metadata"]["uid"] == uid


def child(name: str = "l1", **fields: Any) -> Object:
    metadata = {"name": name, "namespace": "team", "labels": OWNER.labels, "ownerReferences": [OWNER.reference]}
    return {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": metadata, **fields}


def made() -> tuple[ApplyStandIn, Children]:
    server = ApplyStandIn()
    return server, Children(cast("Kube", server), None, lambda *_: None)


def ensured(children: Children, *wanted: Object) -> list[str]:
    return [change.reason for change in run(children.ensure(OWNER, wanted))]


def gone(server: ApplyStandIn, children: Children, name: str = "l1") -> None:
    """As the watch tells it."""
    server.version += 1
    metadata = {"name": name, "namespace": "team", "resourceVersion": str(server.version)}
    children._note(kinds.STATEFUL_SET, "DELETED", {"metadata": metadata})


def test_what_nobody_touched_costs_no_request() -> None:
    server, children = made()
    first = ensured(children, child())
    server.requests.clear()

    assert first == ["Applied"]
    assert ensured(children, child()) == []
    assert server.requests == []


def test_a_changed_wish_is_applied() -> None:
    server, children = made()
    ensured(children, child(spec=1))

    assert ensured(children, child(spec=2)) == ["Changed"]
    assert server.objects["StatefulSet", "l1"]["spec"] == 2


def test_what_was_deleted_is_made_again() -> None:
    server, children = made()
    ensured(children, child())
    server.objects.clear()
    gone(server, children)

    assert ensured(children, child()) == ["Recreated"]


def test_what_somebody_changed_is_put_back() -> None:
    server, children = made()
    ensured(children, child(spec=1))
    theirs = server.objects["StatefulSet", "l1"]
    theirs |= {"spec": 9, "wanted": {}}
    theirs["metadata"] |= {"generation": 2, "resourceVersion": "77"}
    children._note(kinds.STATEFUL_SET, "MODIFIED", theirs)

    assert ensured(children, child(spec=1)) == ["Repaired"]
    assert server.objects["StatefulSet", "l1"]["spec"] == 1


def test_a_status_that_moves_is_nobodys_change() -> None:
    server, children = made()
    ensured(children, child())
    theirs = server.objects["StatefulSet", "l1"]
    theirs["metadata"]["resourceVersion"] = "77"
    children._note(kinds.STATEFUL_SET, "MODIFIED", theirs)
    server.requests.clear()

    assert ensured(children, child()) == []
    assert server.requests == []


def test_what_is_no_longer_wanted_goes() -> None:
    server, children = made()
    ensured(children, child("a"), child("b"))

    assert ensured(children, child("a")) == ["Removed"]
    assert set(server.objects) == {("StatefulSet", "a")}


def test_what_cannot_be_changed_in_place_is_made_anew() -> None:
    server, children = made()
    ensured(children, child(immutable=1))
    with pytest.raises(errors.Conflict, match="made anew"):
        ensured(children, child(immutable=2))
    gone(server, children)
    ensured(children, child(immutable=2))

    assert server.objects["StatefulSet", "l1"]["immutable"] == 2


def test_an_object_of_somebody_else_is_not_taken_over() -> None:
    server, children = made()
    foreign = child()
    foreign["metadata"] |= {"labels": {}, "ownerReferences": []}
    run(server.apply(foreign))

    with pytest.raises(NameTaken, match="is not of EthrexL1Node l1"):
        ensured(children, child())


def service(children: Children, server: ApplyStandIn, **fields: Any) -> Object:
    found = child(**fields) | {"apiVersion": "v1", "kind": "Service"}
    ensured(children, found)
    return server.objects["Service", "l1"]


def added(server: ApplyStandIn, children: Children, kind: kinds.Kind, by: str = "kubectl-patch") -> None:
    """A field of somebody else, as the watch tells it."""
    server.version += 1
    theirs = server.objects[kind.name, "l1"]
    theirs["extra"] = 1
    theirs["metadata"] |= {
        "resourceVersion": str(server.version),
        "managedFields": [{"manager": by, "operation": "Update", "fieldsV1": {"f:spec": {"f:extra": {}}}}],
    }
    children._note(kind, "MODIFIED", theirs)


def test_what_somebody_added_to_a_service_is_taken_away() -> None:
    server, children = made()
    service(children, server, spec=1)
    added(server, children, kinds.SERVICE)
    wanted = child(spec=1) | {"apiVersion": "v1", "kind": "Service"}

    assert ensured(children, wanted) == ["Repaired"]
    assert "extra" not in server.objects["Service", "l1"]
    server.requests.clear()
    assert ensured(children, wanted) == []
    assert server.requests == []


def test_what_somebody_added_to_a_set_is_told_once_and_stays() -> None:
    server, children = made()
    ensured(children, child(spec=1))
    added(server, children, kinds.STATEFUL_SET)

    assert ensured(children, child(spec=1)) == ["ForeignFields"]
    assert ensured(children, child(spec=1)) == []
    assert "replace" not in server.requests


def test_what_is_going_is_left_alone_until_it_is_gone() -> None:
    server, children = made()
    ensured(children, child())
    going = server.objects["StatefulSet", "l1"]
    going["metadata"] |= {"deletionTimestamp": "2026-01-01T00:00:00Z", "generation": 2, "resourceVersion": "50"}
    server.version = 50
    children._note(kinds.STATEFUL_SET, "MODIFIED", going)
    server.requests.clear()

    assert ensured(children, child()) == []
    assert server.requests == []
    server.objects.clear()
    gone(server, children)
    assert ensured(children, child()) == ["Recreated"]


def test_both_owners_hear_of_a_child_whose_labels_were_changed() -> None:
    server = ApplyStandIn()
    told: list[tuple[str, str, str]] = []
    children = Children(cast("Kube", server), None, lambda *owner: told.append(owner))
    ensured(children, child())
    theirs = server.objects["StatefulSet", "l1"]
    theirs["metadata"] |= {"labels": {"app.kubernetes.io/managed-by": "x"}, "resourceVersion": "9"}
    theirs["wanted"], server.version = {}, 9

    children._note(kinds.STATEFUL_SET, "MODIFIED", theirs)

    assert told == [("EthrexL1Node", "team", "l1")]
    assert ensured(children, child()) == ["Repaired"]


class ListStandIn(ApplyStandIn):
    """That lists what it has, with records of whose the fields are."""

    async def pages(self, kind: kinds.Kind, *_: object) -> Any:
        fields: Object = {"f:metadata": {"f:labels": {}, "f:ownerReferences": {}}, "f:spec": {}}
        mine = [{"manager": MANAGER, "operation": "Apply", "fieldsV1": fields}]
        for one in self.objects.values():
            one["metadata"]["managedFields"] = mine
        yield [one for one in self.objects.values() if one["kind"] == kind.name], str(self.version)


def restarted(server: ApplyStandIn) -> Children:
    children = Children(cast("Kube", server), None, lambda *_: None)
    run(children._list(kinds.STATEFUL_SET))
    server.requests.clear()
    return children


def test_an_operator_that_starts_applies_only_what_is_not_as_it_shall_be() -> None:
    server = ListStandIn()
    before = Children(cast("Kube", server), None, lambda *_: None)
    ensured(before, child("a", spec=1), child("b", spec=1))
    server.objects["StatefulSet", "b"]["spec"] = 9
    children = restarted(server)

    ensured(children, child("a", spec=1), child("b", spec=1))
    assert server.requests == ["apply"]
    assert server.objects["StatefulSet", "b"]["spec"] == 1


def test_an_operator_that_starts_with_another_wish_applies_it() -> None:
    server = ListStandIn()
    ensured(Children(cast("Kube", server), None, lambda *_: None), child(spec=1))
    children = restarted(server)

    ensured(children, child(spec=2))
    assert server.objects["StatefulSet", "l1"]["spec"] == 2


def test_what_changed_after_it_was_listed_is_applied() -> None:
    server = ListStandIn()
    ensured(Children(cast("Kube", server), None, lambda *_: None), child(spec=1))
    children = restarted(server)
    added(server, children, kinds.STATEFUL_SET)

    ensured(children, child(spec=1))
    assert server.requests == ["apply"]


def test_who_binds_a_volume_is_no_stranger() -> None:
    server, children = made()
    wanted = child(spec=1) | {"apiVersion": "v1", "kind": "PersistentVolumeClaim"}
    ensured(children, wanted)
    theirs = server.objects["PersistentVolumeClaim", "l1"]
    mine = {"manager": MANAGER, "operation": "Apply", "fieldsV1": {"f:spec": {"f:resources": {}}}}
    theirs["metadata"]["managedFields"] = [mine]
    children._note(kinds.CLAIM, "MODIFIED", theirs | {"metadata": theirs["metadata"] | {"resourceVersion": "7"}})
    ensured(children, wanted)
    binder = {"manager": "kube-controller-manager", "operation": "Update", "fieldsV1": {"f:spec": {"f:volumeName": {}}}}
    bound = theirs["metadata"] | {"resourceVersion": "8", "managedFields": [mine, binder]}
    server.requests.clear()
    children._note(kinds.CLAIM, "MODIFIED", theirs | {"metadata": bound})

    assert ensured(children, wanted) == []
    assert server.requests == []


class BreakingStandIn:
    """An API server whose lists and watches end as they are told to; then nothing happens."""

    def __init__(self, *ends: Exception) -> None:
        self.ends, self.asked = list(ends), list[str]()

    async def pages(self, *_: object) -> AsyncIterator[tuple[list[Object], str]]:
        self.asked.append("list")
        yield [], "7"

    async def watch(
        self, kind: kinds.Kind, _: object, version: str, *__: object, whole: bool
    ) -> AsyncIterator[tuple[str, Object]]:
        self.asked.append(f"watch from {version}")
        if not self.ends:
            await asyncio.sleep(1e9)
        yield "BOOKMARK", {"metadata": {"resourceVersion": str(int(version) + 1)}}
        raise self.ends.pop(0)


def test_a_watch_that_breaks_goes_on_where_it_was_and_lists_anew_where_that_is_too_old() -> None:
    server = BreakingStandIn(errors.Away("silence"), errors.Gone("too old"))
    children = Children(cast("Kube", server), None, lambda *_: None)

    async def watched() -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(children._watch(kinds.SERVICE), 60.0)

    run(watched())

    assert server.asked == ["list", "watch from 7", "watch from 8", "list", "watch from 7"]
