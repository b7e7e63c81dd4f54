"""Who the provers of a pool are, and who of them goes."""

from __future__ import annotations

from typing import Any

import pytest

from ethrex_operator.api.pool import ProverPool
from ethrex_operator.kube.cache import JOB_NAME
from ethrex_operator.kube.objects.naming import WORKLOAD
from ethrex_operator.reconcile import provers
from ethrex_operator.reconcile.provers import Member
from ethrex_operator.scaling.observation import ProverState

POOL = ProverPool.model_validate(
    {
        "apiVersion": "ethrex.dev/v1alpha1",
        "kind": "ProverPool",
        "metadata": {"name": "gpu", "namespace": "team"},
        "spec": {},
    }
)


def job(number: int, *, status: dict[str, Any] | None = None, leaving: str | None = None) -> dict[str, Any]:
    return {
        "metadata": {
            "name": f"gpu-{number}-abc",
            "labels": {WORKLOAD: f"gpu-{number}"},
            "annotations": {} if leaving is None else {provers.LEAVING: leaving},
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "status": status or {},
    }


def pod(
    number: int, name: str, *conditions: tuple[str, str, str], phase: str = "Running", at: int = 1
) -> dict[str, Any]:
    told = [{"type": type, "status": status, "lastTransitionTime": time} for type, status, time in conditions]
    return {
        "metadata": {
            "name": name,
            "labels": {JOB_NAME: f"gpu-{number}-abc"},
            "creationTimestamp": f"2026-01-01T00:00:{at:02}Z",
        },
        "status": {"phase": phase, "conditions": told},
    }


def member(number: int, **changes: Any) -> Member:
    plain: dict[str, Any] = {"number": number, "job": f"gpu-{number}", "started_at": 100.0 + number}
    return Member(**({"prover_id": f"team.gpu.{number}"} | plain | changes))


def test_a_prover_is_its_jobs_newest_pod_that_lives() -> None:
    begun = provers.members(POOL, [job(0)], [])[0].started_at
    pods = [
        pod(0, "a", phase="Failed", at=30),
        pod(0, "b", ("PodScheduled", "True", "2026-01-01T00:00:03Z"), ("Ready", "True", "2026-01-01T00:00:09Z"), at=2),
        pod(1, "c", ("PodScheduled", "False", "2026-01-01T00:00:04Z"), phase="Pending"),
    ]

    first, second, third = provers.members(POOL, [job(1), job(0), job(2)], pods)

    assert (first.prover_id, first.started_at - begun, first.ready_at) == ("team.gpu.b", 2.0, begun + 9)
    assert first.placed_at == begun + 3
    assert (second.prover_id, second.placed_at, second.unschedulable_since) == ("team.gpu.c", None, begun + 4)
    assert third.prover_id is None


def test_who_was_told_to_leave_or_has_ended_does_not_count() -> None:
    failed = {"conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]}

    found = provers.members(POOL, [job(0, leaving="2026-01-01T00:01:00Z"), job(1, status=failed), job(2)], [])

    assert found[0].leaving_since is not None
    assert found[1].ended == "BackoffLimitExceeded"
    assert [one.number for one in provers.staying(found)] == [2]
    assert provers.stamp(found[0].leaving_since) == "2026-01-01T00:01:00Z"


def test_a_mark_that_is_no_time_is_none() -> None:
    (found,) = provers.members(POOL, [job(0, leaving="soon")], [])

    assert found.leaving_since is None


def test_provers_whose_pod_is_still_to_be_made_are_known_to_the_planner() -> None:
    found = provers.placed([member(0), member(1, prover_id=None), member(2, ended="Failed")], "team.gpu")

    assert [one.prover_id for one in found] == ["team.gpu.0", "gpu-1"]


@pytest.mark.parametrize(
    ("desired", "named", "leave"),
    [
        (5, (), []),
        (4, (), [4]),  # cordoned already
        (3, (), [4, 1]),  # nobody has seen it yet
        (2, (), [4, 1, 3]),  # idle ones, the newest first
        (0, (), [4, 1, 3, 2, 0]),
        (4, ("team.gpu.0",), [0]),  # whom the planner has named, although it is busy
    ],
)
def test_whoever_does_least_goes_first(desired: int, named: tuple[str, ...], leave: list[int]) -> None:
    found = [member(number) for number in range(5)]
    states = {
        "team.gpu.0": ProverState.BUSY,
        "team.gpu.2": ProverState.IDLE,
        "team.gpu.3": ProverState.IDLE,
        "team.gpu.4": ProverState.CORDONED,
    }

    assert [one.number for one in provers.to_leave(found, desired, named, states)] == leave


def test_new_ones_take_the_lowest_numbers_that_are_free() -> None:
    assert provers.free_numbers([member(0), member(2, leaving_since=1.0)], 3) == [1, 3, 4]
    assert provers.free_numbers([member(0)], -1) == []
