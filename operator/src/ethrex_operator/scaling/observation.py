"""
What the planner looks at: jobs, provers, pools and rollups at one moment, as data.

Times are seconds since 1970, durations seconds, work is gas, rates are gas per second, money is in the unit that the
pools' prices are in. Whoever observes says when each source was read last (`read_at`): the planner decides what is too
old. How coordinators say it: see ``scaling.observe``.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class ProverState(enum.StrEnum):
    STARTING = "starting"  # asked for, and not yet seen by a coordinator
    IDLE = "idle"
    BUSY = "busy"
    CORDONED = "cordoned"  # takes no job any more, and leaves when it has none


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A proof to be made, that waits or is in work."""

    job_id: str  # unique among the jobs of its rollup
    rollup: str
    kind: str
    version: int = 1
    gas: int
    created_at: float
    due_at: float
    prover: str = ""  # "": it waits
    leased_at: float | None = None  # None with a prover: not told


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A finished job: what it took, on a prover of which pool."""

    pool: str
    kind: str
    gas: int
    seconds: float
    proven_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Prover:
    prover_id: str
    pool: str
    state: ProverState
    started_at: float  # when it was asked for
    placed_at: float | None  # on a machine, where it costs; None: it waits for one
    ready_at: float | None = None  # None while it starts


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollup:
    name: str
    pools: tuple[str, ...]  # in the order in which work falls back
    verify_within: float
    read_at: float | None  # when its coordinator answered last
    weight: int | None = None  # its part where pools are short; None: the pool's own for all


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    name: str
    kinds: frozenset[str]
    read_at: float | None  # when its provers were listed last
    min: int = 0
    max: int = 4
    warm_floor: int = 0  # so many stay while a rollup names the pool
    scale_up_delay: float = 0.0
    scale_down_delay: float = 300.0
    pause_scale_up: bool = False
    pause_scale_down: bool = False
    price_per_hour: float = 0.0  # of one prover
    budget_per_day: float | None = None
    billed_by: float = 1.0  # what is begun of so many seconds is paid
    rate_hint: float = 1e6  # believed until proofs were measured
    start_up_hint: float = 120.0
    is_spot: bool = False  # provers may be taken away in the middle of a job
    default_weight: int = 1
    max_share_percent: int = 100  # of `max`, for one rollup
    unschedulable_since: float | None = None  # as the scheduler says of the provers that start
    quota: int | None = None  # as the cloud or Kueue say


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    rollups: tuple[Rollup, ...]
    pools: tuple[Pool, ...]
    jobs: tuple[Job, ...] = ()
    provers: tuple[Prover, ...] = ()
    proofs: tuple[Proof, ...] = ()  # of late; those that were learned before do no harm
