"""What becomes of a job, for every actor and time."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ethrex_node.rollup.coordinator import queue
from ethrex_node.rollup.coordinator.errors import Conflict
from ethrex_node.rollup.store.schema import Job, JobState

SETTINGS = queue.Settings(lease_ms=1000, heartbeat_ms=400, attempts_most=3, retry_ms=100, retry_most_ms=150)
FRESH = Job("7-attested-1", 7, "attested", 1, b"\1" * 32, b"\2" * 32, 1000, created_ms=0, due_ms=9000)
WANTED = queue.Wanted("p", frozenset({"attested"}), 1)


def leased(now_ms: int = 0, prover: str = "p", job: Job = FRESH) -> Job:
    return queue.leased(job, prover, now_ms, SETTINGS)


def test_what_is_due_first_is_given_first() -> None:
    second = dataclasses.replace(FRESH, job_id="8-attested-1")

    assert queue.choose([FRESH, second], WANTED, 0) == FRESH
    assert queue.choose([leased(prover="other"), second], WANTED, 0) == second


@pytest.mark.parametrize(
    "wanted",
    [
        queue.Wanted("p", frozenset({"sp1"}), 1),
        queue.Wanted("p", frozenset({"attested"}), 2),
    ],
)
def test_another_kind_or_version_gets_nothing(wanted: queue.Wanted) -> None:
    assert queue.choose([FRESH], wanted, 0) is None


def test_full_hands_get_nothing() -> None:
    jobs = [FRESH, leased(job=dataclasses.replace(FRESH, job_id="8-attested-1"))]

    assert queue.choose(jobs, WANTED, 0) is None
    assert queue.choose(jobs, dataclasses.replace(WANTED, capacity=2), 0) == FRESH
    assert queue.choose(jobs, WANTED, 1000) is not None, "a lease that ran out fills no hand"


def test_a_restarted_prover_takes_up_what_it_left_behind() -> None:
    left = queue.leased(FRESH, "p", 0, SETTINGS, "first")

    assert queue.choose([left], dataclasses.replace(WANTED, run="first"), 1) is None
    assert queue.choose([left], WANTED, 1) is None, "one that does not say may still be at it"
    assert queue.choose([left], queue.Wanted("q", frozenset({"attested"}), 1, run="second"), 1) is None
    again = queue.choose([left], dataclasses.replace(WANTED, run="second"), 1)
    assert again == left

    taken = queue.leased(left, "p", 1, SETTINGS, "second")
    assert (taken.fences, taken.attempts) == (2, 1), "a job that ends its prover each time is worn out in the end"


def test_a_lease_that_ran_out_goes_to_another_with_a_new_fence() -> None:
    first = leased()
    assert not queue.is_free(first, 999)
    assert queue.is_free(first, 1000)

    second = queue.leased(first, "q", 1000, SETTINGS)

    assert second.lease is not None
    assert (second.lease.prover, second.lease.fence, second.attempts) == ("q", 2, 1)
    with pytest.raises(Conflict, match=r"fence 1 .* the newest is 2"):
        queue.proven(second, "p", 1, b"h", 1001)


def test_a_late_prover_keeps_what_nobody_took() -> None:
    late = queue.extended(leased(), "p", 1, "half", 5000, SETTINGS)

    assert late.lease is not None
    assert (late.lease.until_ms, late.lease.progress) == (6000, "half")
    assert queue.proven(late, "p", 1, b"h", 9000).state is JobState.PROVEN


def test_a_released_job_is_free_at_once_and_nobody_s_fault() -> None:
    given_back = queue.released(leased(), "p", 1)

    assert queue.is_free(given_back, 0)
    assert given_back.attempts == 0
    with pytest.raises(Conflict):
        queue.extended(given_back, "p", 1, "", 1, SETTINGS)


def test_failures_pause_longer_and_end_exhausted() -> None:
    one = queue.failed(leased(), "p", 1, "no memory", 0, SETTINGS)
    assert (one.state, one.not_before_ms, one.reason) == (JobState.WAITING, 100, "no memory")
    assert not queue.is_free(one, 99)

    two = queue.failed(queue.leased(one, "p", 100, SETTINGS), "p", 2, "no memory", 200, SETTINGS)
    assert two.not_before_ms == 200 + 150
    three = queue.failed(queue.leased(two, "p", 400, SETTINGS), "p", 3, "no memory", 500, SETTINGS)
    assert three.state is JobState.EXHAUSTED


def test_leases_that_only_run_out_wear_a_job_out_too() -> None:
    job = leased()
    for fence in (2, 3):
        assert not queue.is_worn_out(job, SETTINGS)
        job = queue.leased(job, "p", 1000 * fence, SETTINGS)

    assert queue.is_worn_out(job, SETTINGS)


def test_unprovable_is_never_tried_again_as_it_is() -> None:
    job = queue.unprovable(leased(), "p", 1, "state root differs")

    assert queue.choose([job], WANTED, 10**9) is None
    assert queue.reopened(job, "mended", 0, SETTINGS).state is JobState.WAITING


@pytest.mark.parametrize("state", [JobState.PROVEN, JobState.UNPROVABLE, JobState.EXHAUSTED])
def test_an_end_is_not_left(state: JobState) -> None:
    job = dataclasses.replace(leased(), state=state)

    assert not queue.is_free(job, 10**9)
    acts: tuple[Callable[[], Job], ...] = (
        lambda: queue.extended(job, "p", 1, "", 1, SETTINGS),
        lambda: queue.released(job, "p", 1),
        lambda: queue.failed(job, "p", 1, "", 1, SETTINGS),
        lambda: queue.unprovable(job, "p", 1, ""),
        lambda: queue.proven(job, "p", 1, b"", 1),
    )
    for act in acts:
        with pytest.raises(Conflict, match=state.value):
            act()


@given(st.lists(st.tuples(st.sampled_from(["lease", "beat", "release", "fail", "prove"]), st.sampled_from("pq"),
                          st.integers(0, 3), st.integers(0, 900)), max_size=30))  # fmt: skip
def test_only_the_newest_fence_ever_changes_a_job(acts: list[tuple[str, str, int, int]]) -> None:
    job, now = FRESH, 0
    for act, prover, back, passed in acts:
        now += passed
        fence = job.fences - back
        before = job
        try:
            if act == "lease":
                if queue.is_free(job, now):
                    job = queue.leased(job, prover, now, SETTINGS)
                continue
            if act == "beat":
                job = queue.extended(job, prover, fence, "", now, SETTINGS)
            elif act == "release":
                job = queue.released(job, prover, fence)
            elif act == "fail":
                job = queue.failed(job, prover, fence, "x", now, SETTINGS)
            else:
                job = queue.proven(job, prover, fence, b"h", now)
        except Conflict:
            assert job == before
        else:
            assert before.lease is not None
            assert (before.lease.prover, before.fences) == (prover, fence)
        assert job.fences >= before.fences


def test_settings_that_lose_leases_are_refused() -> None:
    with pytest.raises(ValueError, match="outlast"):
        queue.Settings(lease_ms=1000, heartbeat_ms=600)
