"""Children are applied when something differs, and cost nothing when nothing does."""

from __future__ import annotations

import copy
from typing import Any, cast

import pytest

from ethrex_operator.kube import errors, kinds
from ethrex_operator.kube.children import Children, NameTaken
from ethrex_operator.kube.client import Kube
from ethrex_operator.kube.objects.naming import Owner
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
        self.version += 0 if same else 1
        stored = {**copy.deepcopy(wanted), "wanted": copy.deepcopy(wanted)}
        generation = before["metadata"]["generation"] + (not same) if before else 1
        stored["metadata"] |= {
            "uid": before["metadata"]["uid"] if before else f"child-{self.version}",
            "resourceVersion": before["metadata"]["resourceVersion"] if same and before else str(self.version),
            "generation": generation,
        }
        self.objects[key] = stored
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
    foreign["metadata"]["labels"] = {}
    run(server.apply(foreign))

    with pytest.raises(NameTaken, match="is not of EthrexL1Node l1"):
        ensured(children, child())
