"""Observations by hand and by chance."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from ethrex_operator.scaling.learned import Learned, Rate
from ethrex_operator.scaling.observation import Job, Observation, Pool, Prover, ProverState, Rollup

NOW = 1_000_000.0
KIND = "sp1"
RATE = 1e6
MINUTE = 60.0


def pool(name: str = "gpu", **changes: Any) -> Pool:
    plain: dict[str, Any] = {
        "name": name,
        "kinds": frozenset((KIND,)),
        "read_at": NOW,
        "max": 10,
        "scale_down_delay": 0.0,
        "price_per_hour": 2.0,
        "rate_hint": RATE,
        "start_up_hint": 100.0,
    }
    return Pool(**(plain | changes))


def rollup(name: str = "one", pools: tuple[str, ...] = ("gpu",), **changes: Any) -> Rollup:
    plain: dict[str, Any] = {"name": name, "pools": pools, "verify_within": 30 * MINUTE, "read_at": NOW}
    return Rollup(**(plain | changes))


def job(number: int, seconds: float = 60.0, due_in: float = 30 * MINUTE, of: str = "one", **changes: Any) -> Job:
    """That takes `seconds` at the usual rate."""
    plain: dict[str, Any] = {
        "job_id": f"{number}-sp1-1",
        "rollup": of,
        "kind": KIND,
        "gas": round(seconds * RATE),
        "created_at": min(NOW, NOW + due_in - 30 * MINUTE),
        "due_at": NOW + due_in,
    }
    return Job(**(plain | changes))


def prover(number: int, state: ProverState = ProverState.IDLE, of: str = "gpu", **changes: Any) -> Prover:
    starts = state is ProverState.STARTING
    plain: dict[str, Any] = {
        "prover_id": f"{of}-{number}",
        "pool": of,
        "state": state,
        "started_at": NOW - (20.0 if starts else 3600.0),
        "placed_at": NOW - (20.0 if starts else 3600.0),
        "ready_at": None if starts else NOW - 3500.0,
    }
    return Prover(**(plain | changes))


def measured(*pools: str) -> Learned:
    """The usual rate, well known; nobody watched before."""
    return Learned(rates={(name, KIND): Rate(40.0, 40 * 60 * RATE, 40 * 60.0, 0.0) for name in pools or ("gpu",)})


@st.composite
def pools(draw: st.DrawFn) -> Pool:
    most = draw(st.integers(0, 12))
    return pool(
        max=most,
        min=draw(st.integers(0, most)),
        warm_floor=draw(st.integers(0, most)),
        scale_up_delay=draw(st.sampled_from((0.0, 60.0))),
        scale_down_delay=draw(st.sampled_from((0.0, 300.0))),
        pause_scale_up=draw(st.booleans()),
        pause_scale_down=draw(st.booleans()),
        budget_per_day=draw(st.none() | st.floats(0.0, 40.0)),
        billed_by=draw(st.sampled_from((1.0, 60.0, 3600.0))),
        is_spot=draw(st.booleans()),
        quota=draw(st.none() | st.integers(0, 12)),
        max_share_percent=draw(st.sampled_from((25, 50, 100))),
        unschedulable_since=draw(st.none() | st.sampled_from((NOW - 1000.0, NOW - 10.0))),
    )


@st.composite
def observations(draw: st.DrawFn) -> Observation:
    """One pool, one to three rollups, provers in every state, jobs that wait, run and are late."""
    rollups = [rollup(f"r{number}") for number in range(draw(st.integers(1, 3)))]
    states = draw(st.lists(st.sampled_from(list(ProverState)), max_size=12))
    provers = [
        prover(
            number, state, started_at=NOW - age, placed_at=NOW - age, ready_at=None if state == "starting" else NOW - 1
        )
        for number, state in enumerate(states)
        for age in (draw(st.floats(0.0, 7200.0)),)
    ]
    jobs = [
        job(number, seconds, due, rollups[number % len(rollups)].name)
        for number, (seconds, due) in enumerate(
            draw(st.lists(st.tuples(st.floats(1.0, 900.0), st.floats(-600.0, 1800.0)), max_size=25))
        )
    ]
    busy = [one for one in provers if one.state is ProverState.BUSY]
    jobs += [
        job(100 + number, 120.0, prover=one.prover_id, leased_at=NOW - 30.0, of=rollups[0].name)
        for number, one in enumerate(busy)
    ]
    return Observation(rollups=tuple(rollups), pools=(draw(pools()),), jobs=tuple(jobs), provers=tuple(provers))
