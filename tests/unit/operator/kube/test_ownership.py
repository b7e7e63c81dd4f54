"""Which fields of an object others have added, by what the API server writes down of it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from ethrex_operator.kube import ownership
from ethrex_operator.kube.objects.naming import MANAGER

HTTP = 'k:{"port":80,"protocol":"TCP"}'
OURS = {
    "f:metadata": {"f:labels": {"f:a": {}}},
    "f:spec": {"f:ports": {HTTP: {".": {}, "f:name": {}, "f:port": {}}}, "f:selector": {}},
}


def metadata(*others: dict[str, Any]) -> dict[str, Any]:
    mine = {"manager": MANAGER, "operation": "Apply", "fieldsV1": OURS}
    return {"managedFields": [mine, *others]}


def by(fields: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"manager": "kubectl-edit", "operation": "Update", "fieldsV1": fields, **more}


@pytest.mark.parametrize(
    "theirs",
    [
        pytest.param(by({"f:metadata": {"f:labels": {"f:b": {}}}}), id="a label"),
        pytest.param(by({"f:status": {"f:loadBalancer": {}}}, subresource="status"), id="the status"),
        pytest.param(by({"f:spec": {"f:replicas": {}}}, subresource="scale"), id="the scale"),
        pytest.param(by({"f:spec": {"f:ports": {HTTP: {"f:port": {}}}}}), id="what is ours too"),
        pytest.param(by({"f:spec": {".": {}, "f:ports": {".": {}}}}), id="the list itself"),
    ],
)
def test_what_adds_nothing_to_the_wish_is_not_foreign(theirs: dict[str, Any]) -> None:
    assert ownership.foreign(metadata(theirs)) == ""


def test_an_added_port_and_an_added_file_are_foreign() -> None:
    port = by({"f:spec": {"f:ports": {'k:{"port":81,"protocol":"TCP"}': {".": {}, "f:port": {}}}}})

    assert ownership.foreign(metadata(port)) == 'spec.ports[{"port":81,"protocol":"TCP"}]'
    assert ownership.foreign(metadata(by({"f:data": {"f:extra": {}}}))) == "data"


def test_many_fields_are_counted() -> None:
    fields: dict[str, Any] = {f"f:{name}": {} for name in "abcdef"}

    assert ownership.foreign(metadata(by({"f:spec": fields}))) == "spec.a, spec.b, spec.c, spec.d and 2 more"


def test_an_object_without_records_has_nothing_foreign() -> None:
    assert ownership.foreign({}) == ""


WANTED: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {
        "name": "l1",
        "namespace": "team",
        "labels": {"a": "1"},
        "ownerReferences": [{"uid": "u", "name": "o"}],
    },
    "spec": {
        "ports": [{"name": "http", "port": 80, "protocol": "TCP"}],
        "selector": {"b": "2"},
        "env": [{"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        "empty": {},
        "args": ["x", "y"],
    },
}
APPLIED = {
    "f:metadata": {
        "f:labels": {"f:a": {}},
        "f:ownerReferences": {'k:{"uid":"u"}': {}},
    },
    "f:spec": {
        "f:ports": {HTTP: {".": {}, "f:name": {}, "f:port": {}, "f:protocol": {}}},
        "f:selector": {},
        "f:env": {'k:{"name":"POD"}': {".": {}, "f:name": {}, "f:valueFrom": {"f:fieldRef": {}}}},
        "f:empty": {},
        "f:args": {},
    },
}


def live() -> dict[str, Any]:
    """As the API server has it: with what it and others have written besides."""
    found = copy.deepcopy(WANTED)
    found["metadata"] |= {
        "uid": "x",
        "resourceVersion": "5",
        "managedFields": [{"manager": MANAGER, "operation": "Apply", "fieldsV1": APPLIED}],
    }
    found["metadata"]["labels"]["theirs"] = "3"
    found["spec"] |= {"clusterIP": "10.0.0.1"}
    found["spec"]["ports"][0]["targetPort"] = 80
    found["spec"]["ports"].insert(0, {"name": "theirs", "port": 7, "protocol": "TCP"})
    found["spec"]["env"][0]["valueFrom"]["fieldRef"]["apiVersion"] = "v1"
    found["status"] = {"loadBalancer": {}}
    return found


def test_what_stands_in_our_fields_is_what_was_applied() -> None:
    assert ownership.standing(live()) == ownership.wished(WANTED)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda given: given["spec"]["selector"].update(b="9"), id="a value"),
        pytest.param(lambda given: given["spec"].pop("args"), id="a field that is gone"),
        pytest.param(lambda given: given["spec"]["ports"].pop(1), id="an item that is gone"),
        pytest.param(lambda given: given["metadata"]["labels"].pop("a"), id="a label that is gone"),
        pytest.param(lambda given: given["spec"]["args"].append("z"), id="an item more in what is whole"),
        pytest.param(lambda given: given["metadata"].pop("managedFields"), id="no record"),
    ],
)
def test_what_somebody_changed_does_not_stand_as_it_was_applied(change: Callable[[dict[str, Any]], object]) -> None:
    given = live()
    change(given)

    assert ownership.standing(given) != ownership.wished(WANTED)


def test_another_wish_is_not_what_stands() -> None:
    assert ownership.standing(live()) != ownership.wished(WANTED | {"spec": {"selector": {"b": "2"}}})
