"""Several pools, several rollups: where work goes when a pool cannot do it, and who gets what of one that is short."""

from __future__ import annotations

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from ethrex_operator.scaling import planner, shares
from ethrex_operator.scaling.decision import Bound, Decision, Reason
from ethrex_operator.scaling.learned import Learned, Rate
from ethrex_operator.scaling.observation import Job, Observation, Pool, Prover, ProverState
from ethrex_operator.scaling.settings import Settings

from . import scenes
from .scenes import NOW

BOTH = ("gpu", "spare")
URGENT = tuple(scenes.job(number, 120.0, due_in=330.0) for number in range(4))


def two_pools(first: Pool, provers: tuple[Prover, ...] = (), jobs: tuple[Job, ...] = URGENT) -> Decision:
    seen = Observation(
        rollups=(scenes.rollup(pools=BOTH),), pools=(scenes.pool("spare"), first), jobs=jobs, provers=provers
    )
    return planner.plan(seen, scenes.measured(*BOTH), Settings(), NOW)


def test_work_stays_with_the_first_pool_that_can_do_it() -> None:
    decision = two_pools(scenes.pool())

    assert (decision.of("gpu").start, decision.of("spare").start) == (4, 0)


def test_what_the_first_pool_may_not_start_falls_back() -> None:
    decision = two_pools(scenes.pool(max=1))

    assert (decision.of("gpu").start, decision.of("gpu").bound) == (1, Bound.MAX)
    assert decision.of("gpu").reason is Reason.LATE
    assert decision.of("spare").start == 3


def test_a_budget_that_is_spent_moves_work_too() -> None:
    decision = two_pools(scenes.pool(budget_per_day=0.0))

    assert (decision.of("gpu").start, decision.of("gpu").bound) == (0, Bound.BUDGET)
    assert decision.of("spare").start == 4


def test_an_idle_prover_of_a_later_pool_is_counted_on_and_stays() -> None:
    idle = scenes.prover(0, of="spare")
    one = two_pools(scenes.pool(), (idle,), URGENT[:1])
    two = two_pools(scenes.pool(), (idle,), URGENT[:2])

    assert (one.of("gpu").start, one.of("spare").start, one.of("spare").cordon) == (0, 0, ())
    assert (two.of("gpu").start, two.of("spare").start, two.of("spare").cordon) == (1, 0, ())


def test_a_later_pool_counts_only_where_it_ends_in_time_and_tells_of_itself() -> None:
    idle = scenes.prover(0, of="spare")
    slow = dataclasses.replace(scenes.measured(*BOTH), rates={("gpu", scenes.KIND): Rate(40.0, 2400e6, 2400.0, 0.0)})

    def starts(spare: Pool, learned: Learned) -> int:
        seen = Observation(
            rollups=(scenes.rollup(pools=BOTH),), pools=(spare, scenes.pool()), jobs=URGENT[:1], provers=(idle,)
        )
        return planner.plan(seen, learned, Settings(), NOW).of("gpu").start

    assert starts(scenes.pool("spare", rate_hint=scenes.RATE / 10), slow) == 1
    assert starts(scenes.pool("spare", read_at=NOW - 600), scenes.measured(*BOTH)) == 1
    assert starts(scenes.pool("spare"), scenes.measured(*BOTH)) == 0


def test_the_first_pools_own_idle_provers_come_before_a_later_ones() -> None:
    provers = (scenes.prover(0), scenes.prover(1, of="spare"))
    decision = two_pools(scenes.pool(), provers, URGENT[:1])

    assert decision.of("gpu").cordon == ()
    assert (decision.of("gpu").start, decision.of("spare").start) == (0, 0)


def test_an_unschedulable_pool_is_starved_and_its_work_moves() -> None:
    waiting = tuple(scenes.prover(n, ProverState.STARTING, placed_at=None, started_at=NOW - 90) for n in range(4))
    patient = two_pools(scenes.pool(unschedulable_since=NOW - 60), waiting)
    starved = two_pools(scenes.pool(unschedulable_since=NOW - 301), waiting)

    assert not patient.of("gpu").is_starved
    assert (starved.of("gpu").is_starved, starved.of("gpu").bound) == (True, Bound.STARVED)
    assert starved.of("spare").start == 4
    assert "do not come up" in starved.of("gpu").message


def test_starts_that_never_end_are_starvation_only_if_no_other_came_up() -> None:
    stuck = scenes.prover(0, ProverState.STARTING, started_at=NOW - 900, placed_at=NOW - 890)
    other = scenes.prover(1, started_at=NOW - 800, ready_at=NOW - 700)

    alone = two_pools(scenes.pool(), (stuck,))
    beside = two_pools(scenes.pool(), (stuck, other))

    assert (alone.of("gpu").is_starved, alone.of("gpu").start, alone.of("spare").start) == (True, 0, 4)
    assert (beside.of("gpu").is_starved, beside.of("spare").start) == (False, 0)
    assert beside.of("gpu").start == 2  # the idle one does two, and nobody waits for the stuck one


def test_a_rollup_has_no_more_than_its_share_of_a_pool() -> None:
    rollups = (scenes.rollup("one", BOTH), scenes.rollup("two", BOTH))
    jobs = tuple(scenes.job(number, 120.0, due_in=330.0) for number in range(10))
    seen = Observation(rollups=rollups, pools=(scenes.pool(max_share_percent=30), scenes.pool("spare")), jobs=jobs)

    decision = planner.plan(seen, scenes.measured(*BOTH), Settings(), NOW)

    assert decision.of("gpu").start == 3
    assert decision.of("gpu").shares == {"one": 3, "two": 0}
    assert decision.of("spare").start == 7


def test_a_pool_that_is_short_is_shared_by_weight() -> None:
    rollups = (scenes.rollup("one", weight=3), scenes.rollup("two", weight=1))
    jobs = tuple(scenes.job(n, 120.0, due_in=330.0, of=("one", "two")[n % 2]) for n in range(24))
    seen = Observation(rollups=rollups, pools=(scenes.pool(max=8),), jobs=jobs)

    decision = planner.plan(seen, scenes.measured(), Settings(), NOW).pools[0]

    assert (decision.desired, decision.shares) == (8, {"one": 6, "two": 2})


def test_a_pool_that_makes_other_proofs_is_passed_by() -> None:
    seen = Observation(
        rollups=(scenes.rollup(pools=("tee", "gpu")),),
        pools=(dataclasses.replace(scenes.pool("tee"), kinds=frozenset(("tee",))), scenes.pool()),
        jobs=URGENT,
    )

    decision = planner.plan(seen, scenes.measured(), Settings(), NOW)

    assert (decision.of("tee").start, decision.of("gpu").start) == (0, 4)


@given(
    st.integers(0, 50),
    st.dictionaries(st.sampled_from("abcdef"), st.tuples(st.integers(0, 20), st.integers(1, 9)), min_size=1),
)
def test_shares_are_fair(provers: int, rollups: dict[str, tuple[int, int]]) -> None:
    demands = {name: demand for name, (demand, _) in rollups.items()}
    weights = {name: weight for name, (_, weight) in rollups.items()}

    given_out = shares.divided(provers, demands, weights)

    assert sum(given_out.values()) == min(provers, sum(demands.values()))
    assert all(given_out[name] <= demands[name] for name in demands)
    for hungry in (name for name in demands if given_out[name] < demands[name]):
        # nobody has one that would still be less by weight in the hands of who asks for more
        assert all((given_out[hungry] + 1) / weights[hungry] >= given_out[name] / weights[name] for name in demands)
