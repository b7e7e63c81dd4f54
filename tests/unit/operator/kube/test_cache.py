"""What is remembered of children: found by owner and label, never older than what the watch has told."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from ethrex_operator.kube import kinds
from ethrex_operator.kube.cache import JOB_NAME, Cache
from ethrex_operator.kube.objects.naming import OWNER, OWNER_KIND, WORKLOAD
from ethrex_operator.topology.settlement import SIGNER

Object = dict[str, Any]
PLACE = ("Pod", "team", "l1-0")


def pod(version: int, name: str = "l1-0", **status: Any) -> Object:
    labels = {OWNER_KIND: "EthrexL1Node", OWNER: "l1", WORKLOAD: "l1"}
    metadata = {
        "name": name,
        "namespace": "team",
        "uid": f"uid-{name}",
        "resourceVersion": str(version),
        "labels": labels,
    }
    return {
        "metadata": metadata | {"managedFields": [{"manager": "kubelet", "fieldsV1": {}}]},
        "spec": {"long": True},
        "status": status,
    }


def test_a_body_holds_how_a_pod_does_and_nothing_else() -> None:
    cache = Cache()
    state = {"terminated": {"exitCode": 1}}
    cache.watched(kinds.POD, pod(1, phase="Failed", hostIP="h", containerStatuses=[{"state": state, "imageID": "i"}]))

    body = cache.body(kinds.POD, "team", "l1-0")

    assert body is not None
    assert body["status"] == {"phase": "Failed", "containerStatuses": [{"state": state}]}
    assert set(body) == {"metadata", "status"}
    assert "managedFields" not in body["metadata"]


def test_bodies_are_found_by_labels_in_one_namespace_and_in_all() -> None:
    cache = Cache()
    for name in ("b", "a"):
        cache.watched(kinds.POD, pod(1, name))
    other = pod(2, "c")
    other["metadata"]["labels"] = {JOB_NAME: "deploy"}
    cache.watched(kinds.POD, other)

    def names(namespace: str | None, **labels: str) -> list[str]:
        return [one["metadata"]["name"] for one in cache.bodies(kinds.POD, namespace, labels)]

    assert names("team", **{WORKLOAD: "l1"}) == ["a", "b"]
    assert names("team", **{WORKLOAD: "l1", OWNER: "another"}) == []
    assert names("team", **{JOB_NAME: "deploy"}) == ["c"]
    assert sorted(names(None, **{OWNER_KIND: "EthrexL1Node"})) == ["a", "b"]
    assert names("elsewhere", **{WORKLOAD: "l1"}) == []


def test_who_signs_is_asked_without_a_look_at_all_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    cache, unpacked = Cache(), list[bytes]()
    for number in range(20):
        job = pod(number + 1, f"job-{number}")
        job["metadata"]["labels"] |= {SIGNER: str(number % 10), WORKLOAD: f"w{number}"}
        cache.watched(kinds.JOB, job)
    cache.forget(("Job", "team", "job-13"))
    loads = orjson.loads

    def counted(given: bytes) -> Any:
        unpacked.append(given)
        return loads(given)

    monkeypatch.setattr(orjson, "loads", counted)

    found = cache.bodies(kinds.JOB, None, {SIGNER: "3"}) + cache.bodies(kinds.JOB, None, {SIGNER: "4"})

    assert [one["metadata"]["name"] for one in found] == ["job-3", "job-14", "job-4"]
    assert len(unpacked) == 3


def test_another_label_moves_an_object() -> None:
    cache = Cache()
    cache.watched(kinds.POD, pod(1))
    moved = pod(2)
    moved["metadata"]["labels"] |= {WORKLOAD: "l2", OWNER: "l2"}
    cache.watched(kinds.POD, moved)

    assert cache.bodies(kinds.POD, "team", {WORKLOAD: "l1"}) == []
    assert len(cache.bodies(kinds.POD, "team", {WORKLOAD: "l2"})) == 1
    assert cache.of_owner("EthrexL1Node", "team", "l1") == []
    assert [place for place, _ in cache.of_owner("EthrexL1Node", "team", "l2")] == [PLACE]


def test_an_answer_that_the_watch_has_passed_is_not_taken() -> None:
    cache = Cache()
    cache.watched(kinds.POD, pod(5, phase="Running"))
    cache.answered(kinds.POD, pod(4, phase="Pending"))

    body = cache.body(kinds.POD, "team", "l1-0")

    assert body is not None
    assert body["status"] == {"phase": "Running"}


def test_an_answer_does_not_bring_back_what_was_deleted_meanwhile() -> None:
    cache = Cache()
    cache.passed(kinds.POD, 5)  # with the word that it is gone
    cache.answered(kinds.POD, pod(4))

    assert cache.get(PLACE) is None


def test_an_answer_is_known_before_the_watch_tells_it() -> None:
    cache = Cache()
    cache.passed(kinds.POD, 3)
    cache.answered(kinds.POD, pod(4))

    assert cache.get(PLACE) is not None
    assert cache.watched(kinds.POD, pod(4)) is None


def test_what_is_forgotten_is_found_no_more() -> None:
    cache = Cache()
    cache.watched(kinds.POD, pod(1))
    cache.forget(PLACE)

    assert len(cache) == 0
    assert cache.bodies(kinds.POD, "team", {WORKLOAD: "l1"}) == []
    assert cache.of_owner("EthrexL1Node", "team", "l1") == []
