"""What holds for every decision, and what single situations ask for."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ethrex_operator.scaling import planner
from ethrex_operator.scaling.decision import Bound, PoolDecision, Reason
from ethrex_operator.scaling.learned import DAY, Learned, Ledger, billed
from ethrex_operator.scaling.observation import Job, Observation, Pool, Prover, ProverState
from ethrex_operator.scaling.settings import Settings

from . import scenes
from .scenes import NOW

SETTINGS = Settings()
IDLE, BUSY, STARTING = ProverState.IDLE, ProverState.BUSY, ProverState.STARTING
Learneds = st.sampled_from((Learned(), scenes.measured()))


def decided(
    seen: Observation, learned: Learned | None = None, settings: Settings = SETTINGS, now: float = NOW
) -> PoolDecision:
    known = scenes.measured() if learned is None else learned
    return planner.plan(seen, known, settings, now).pools[0]


def scene(
    pool: Pool | None = None, jobs: tuple[Job, ...] = (), provers: tuple[Prover, ...] = (), **changes: Any
) -> Observation:
    rollups = changes.pop("rollups", (scenes.rollup(),))
    return Observation(rollups=rollups, pools=(pool or scenes.pool(),), jobs=jobs, provers=provers)


# Whatever is observed


@given(scenes.observations(), Learneds)
def test_never_above_the_maximum_nor_the_quota(seen: Observation, learned: Learned) -> None:
    decision, pool = decided(seen, learned), seen.pools[0]

    assert decision.desired <= pool.max
    if decision.start:
        assert len(seen.provers) + decision.start <= min(pool.max, pool.max if pool.quota is None else pool.quota)


@given(scenes.observations(), st.floats(0.0, 50.0))
def test_nothing_is_started_that_the_day_does_not_pay_for(seen: Observation, spent: float) -> None:
    pool = seen.pools[0]
    assume(pool.budget_per_day is not None)
    assert pool.budget_per_day is not None
    learned = dataclasses.replace(scenes.measured(), ledgers={"gpu": Ledger(int(NOW // DAY), spent)}, seen_at=NOW)

    decision = decided(seen, learned)

    start_up = billed(pool, pool.start_up_hint)
    assert spent + decision.start * start_up <= pool.budget_per_day or decision.start == 0


@given(scenes.observations(), Learneds)
def test_only_idle_provers_are_cordoned_and_only_starting_ones_taken_back(seen: Observation, learned: Learned) -> None:
    decision = decided(seen, learned)

    states = {one.prover_id: one.state for one in seen.provers}
    assert {states[name] for name in decision.cordon} <= {IDLE}
    assert {states[name] for name in decision.cancel} <= {STARTING}
    assert {states[name] for name in decision.retire} <= {BUSY}
    assert not decision.retire or decision.bound is Bound.BUDGET
    assert not (decision.start and (decision.cordon or decision.cancel))


@given(scenes.observations())
def test_never_below_the_floor_but_for_money(seen: Observation) -> None:
    pool = dataclasses.replace(
        seen.pools[0], budget_per_day=None, quota=None, unschedulable_since=None, pause_scale_up=False
    )
    seen = dataclasses.replace(
        seen, pools=(pool,), provers=tuple(one for one in seen.provers if one.state in (IDLE, BUSY))
    )

    assert decided(seen).desired >= min(pool.max, max(pool.min, pool.warm_floor))


@given(scenes.observations(), Learneds, st.floats(61.0, 7200.0))
def test_without_news_of_any_rollup_everything_stays(seen: Observation, learned: Learned, age: float) -> None:
    old = tuple(dataclasses.replace(one, read_at=NOW - age) for one in seen.rollups)

    decision = decided(dataclasses.replace(seen, rollups=old), learned)

    assert decision.reason is Reason.STALE
    assert (decision.start, decision.cordon, decision.cancel, decision.retire) == (0, (), (), ())


@given(scenes.observations(), Learneds)
def test_without_a_fresh_list_of_provers_everything_stays(seen: Observation, learned: Learned) -> None:
    old = dataclasses.replace(seen.pools[0], read_at=None)

    decision = decided(dataclasses.replace(seen, pools=(old,)), learned)

    assert (decision.reason, decision.start, decision.cordon) == (Reason.STALE, 0, ())


@given(scenes.observations(), Learneds)
def test_the_same_question_has_the_same_answer_in_whatever_order_it_is_put(seen: Observation, learned: Learned) -> None:
    turned = dataclasses.replace(seen, jobs=seen.jobs[::-1], provers=seen.provers[::-1], rollups=seen.rollups[::-1])

    first, again = (planner.plan(seen, learned, SETTINGS, NOW) for _ in range(2))
    other = planner.plan(turned, learned, SETTINGS, NOW)

    assert first == again
    assert first == other


@given(st.lists(st.floats(1.0, 300.0), min_size=1, max_size=30), st.floats(1.0, 300.0), st.floats(900.0, 1800.0))
def test_more_work_never_asks_for_fewer_provers(sizes: list[float], more: float, due: float) -> None:
    """As long as all of it can be met at all."""
    pool = scenes.pool(max=100)
    at_once = Settings(patience=0.0)
    jobs = tuple(scenes.job(number, size, due) for number, size in enumerate(sizes))

    less = decided(scene(pool, jobs), settings=at_once)
    with_one = decided(scene(pool, (*jobs, scenes.job(99, more, due))), settings=at_once)
    larger = decided(scene(pool, (dataclasses.replace(jobs[0], gas=jobs[0].gas * 2), *jobs[1:])), settings=at_once)

    assert all(one.reason is Reason.MORE for one in (less, with_one, larger))
    assert with_one.desired >= less.desired
    assert larger.desired >= less.desired


@given(scenes.observations())
def test_shares_of_rollups_add_up_to_no_more_than_there_are(seen: Observation) -> None:
    decision = decided(seen)

    assert sum(decision.shares.values()) <= decision.desired
    most = max(1, seen.pools[0].max * seen.pools[0].max_share_percent // 100)
    assert all(share <= most for share in decision.shares.values())


# Deadlines


def test_as_many_are_started_as_deadlines_ask_for() -> None:
    jobs = tuple(
        scenes.job(number, 120.0, due_in=620.0) for number in range(12)
    )  # 24 minutes of work, 10 minutes to do it

    decision = decided(scene(jobs=jobs))

    assert (decision.reason, decision.start) == (
        Reason.MORE,
        4,
    )  # (620 - 100 to start) / 120 = 4 jobs each, less what is spare


def test_work_that_can_wait_gathers_before_a_prover_is_paid_for() -> None:
    seen = scene(jobs=(scenes.job(1),))

    decision = decided(seen)
    impatient = decided(seen, settings=Settings(patience=0.0))

    assert (decision.reason, decision.start) == (Reason.PATIENT, 0)
    assert (impatient.reason, impatient.start) == (Reason.MORE, 1)


def test_nobody_waits_on_the_strength_of_a_hint() -> None:
    decision = decided(scene(jobs=(scenes.job(1),)), Learned())

    assert (decision.reason, decision.start) == (Reason.MORE, 1)


def test_provers_that_start_already_count() -> None:
    jobs = tuple(scenes.job(number, 60.0, due_in=240.0) for number in range(2))
    starting = (scenes.prover(0, STARTING), scenes.prover(1, STARTING))

    assert decided(scene(jobs=jobs)).start == 2
    assert decided(scene(jobs=jobs, provers=starting)).start == 0


def test_one_job_that_is_late_does_not_call_everybody() -> None:
    decision = decided(scene(jobs=(scenes.job(1, 60.0, due_in=-60.0),)))

    assert (decision.reason, decision.start) == (Reason.LATE, 1)
    assert "1 of them too late already" in decision.message


def test_a_scale_up_is_confirmed_for_its_delay() -> None:
    seen = scene(scenes.pool(scale_up_delay=60.0), jobs=(scenes.job(1, due_in=330.0),))

    first = planner.plan(seen, scenes.measured(), SETTINGS, NOW)
    soon = planner.plan(seen, first.learned, SETTINGS, NOW + 30)
    later = planner.plan(seen, soon.learned, SETTINGS, NOW + 60)

    assert [one.pools[0].start for one in (first, soon, later)] == [0, 0, 1]
    assert first.pools[0].reason is Reason.CONFIRMING


# Fewer


def test_an_idle_prover_leaves_after_the_delay() -> None:
    seen = scene(scenes.pool(scale_down_delay=120.0), provers=(scenes.prover(0), scenes.prover(1, BUSY)))

    first = planner.plan(seen, scenes.measured(), SETTINGS, NOW)
    later = dataclasses.replace(
        seen,
        pools=(dataclasses.replace(seen.pools[0], read_at=NOW + 120),),
        rollups=(dataclasses.replace(seen.rollups[0], read_at=NOW + 120),),
    )
    second = planner.plan(later, first.learned, SETTINGS, NOW + 120)

    assert first.pools[0].cordon == ()
    assert (second.pools[0].cordon, second.pools[0].desired) == (("gpu-0",), 1)


def test_where_no_work_can_gather_one_leaves_for_each_quarter_of_a_start_that_the_pool_stood_idle() -> None:
    learned, left = scenes.measured(), []
    for step in range(5):
        now = NOW + 10.0 * step
        provers = (scenes.prover(step % 2), scenes.prover(1 - step % 2, BUSY))  # by turns: none is idle for long
        seen = Observation(
            rollups=(scenes.rollup(verify_within=300.0, read_at=now),),
            pools=(scenes.pool(read_at=now),),
            jobs=(),
            provers=provers,
        )
        decision = planner.plan(seen, learned, SETTINGS, now)
        learned = decision.learned
        left.append((learned.idled["gpu"], len(decision.pools[0].cordon)))

    assert left == [(0.0, 0), (10.0, 0), (20.0, 0), (0.0, 1), (10.0, 0)]


def test_time_that_is_paid_already_is_used() -> None:
    by_hour = scenes.pool(billed_by=3600.0)
    half = scenes.prover(0, started_at=NOW - 1800, placed_at=NOW - 1800)
    nearly = scenes.prover(1, started_at=NOW - 3580, placed_at=NOW - 3580)

    assert decided(scene(by_hour, provers=(half, nearly))).cordon == ("gpu-1",)


def test_a_rollup_that_gives_no_news_keeps_everybody_but_others_may_ask_for_more() -> None:
    rollups = (scenes.rollup(), scenes.rollup("dark", read_at=NOW - 600))
    idle = decided(scene(provers=(scenes.prover(0),), rollups=rollups))
    urgent = decided(scene(jobs=(scenes.job(1, due_in=300.0),), rollups=rollups))

    assert (idle.cordon, idle.desired) == ((), 1)
    assert "no news of dark" in idle.message
    assert urgent.start == 1


@pytest.mark.parametrize("state", [IDLE, BUSY])
def test_when_the_budget_is_spent_nobody_takes_another_job(state: ProverState) -> None:
    spent = dataclasses.replace(scenes.measured(), ledgers={"gpu": Ledger(int(NOW // DAY), 10.0)}, seen_at=NOW)
    jobs = (scenes.job(1, prover="gpu-0", leased_at=NOW - 10),) if state is BUSY else ()

    decision = decided(scene(scenes.pool(budget_per_day=10.0), jobs, (scenes.prover(0, state),)), spent)

    assert decision.retire + decision.cordon == ("gpu-0",)
    assert (decision.desired, decision.bound) == (0, Bound.BUDGET if state is BUSY else None)


def test_a_new_day_has_a_new_budget() -> None:
    spent = dataclasses.replace(scenes.measured(), ledgers={"gpu": Ledger(int(NOW // DAY) - 1, 10.0)}, seen_at=NOW - 15)

    decision = decided(scene(scenes.pool(budget_per_day=10.0), (scenes.job(1, due_in=300.0),)), spent)

    assert decision.start == 1


def test_a_decision_tells_work_rate_deadline_and_cost() -> None:
    jobs = tuple(scenes.job(number, 120.0, due_in=620.0) for number in range(12))

    words = decided(scene(jobs=jobs)).message

    assert words.startswith("12 jobs of 1.4 Ggas wait: 24 min of one prover at ")
    assert "the first due in 10 min; 4 provers, 4 started now and ready in 100 s; 8.00 an hour, 0.00 today" in words
