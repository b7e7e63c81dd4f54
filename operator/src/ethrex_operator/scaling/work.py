"""A pool's open work in seconds of its provers, and when which prover has a hand free, by what was learned so far."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from .learned import UNKNOWN_SPREAD, Learned, start_up_p95
from .limits import stuck
from .observation import Job, Observation, Pool, Prover, ProverState
from .schedule import Piece, in_order
from .settings import Settings

OVERTIME: Final = 0.3  # a job that takes longer than expected: so much of its time so far is still to come
MEASURED_PROOFS: Final = 3.0  # before so many, nobody waits on the strength of a hint


@dataclass(frozen=True, slots=True)
class Hands:
    """A pool's provers by what they do, and the seconds that busy ones still need."""

    idle: tuple[Prover, ...]
    busy: tuple[Prover, ...]
    coming: tuple[Prover, ...]  # start, and are expected
    stuck: tuple[Prover, ...]  # start, and are not
    leaving: tuple[Prover, ...]
    left: dict[str, float]

    @property
    def staying(self) -> int:
        """Provers that work or will."""
        return len(self.idle) + len(self.busy) + len(self.coming)

    @property
    def all(self) -> tuple[Prover, ...]:
        return (*self.idle, *self.busy, *self.coming, *self.stuck, *self.leaving)


def rate(learned: Learned, pool: Pool, kind: str, caution: float) -> float:
    """Gas per second to reckon with: what was measured (or hinted), and less the less is known."""
    known = learned.rates.get((pool.name, kind))
    return pool.rate_hint if known is None else known.mean * math.exp(-caution * known.doubt)


def swing(learned: Learned, pool: Pool, kind: str) -> float:
    """By what part of its expected time a single proof may well take longer."""
    known = learned.rates.get((pool.name, kind))
    return math.expm1(UNKNOWN_SPREAD if known is None else known.spread)


def is_measured(learned: Learned, pool: Pool, jobs: Iterable[Job]) -> bool:
    rates = (learned.rates.get((pool.name, kind)) for kind in {one.kind for one in jobs})
    return all(one is not None and one.proofs >= MEASURED_PROOFS for one in rates)


def hands(seen: Observation, pool: Pool, learned: Learned, settings: Settings, now: float) -> Hands:
    provers = [one for one in seen.provers if one.pool == pool.name]
    in_vain = stuck(pool, provers, learned, now)
    working = {one.prover: one for one in seen.jobs if one.prover}

    def of(state: ProverState) -> tuple[Prover, ...]:
        return tuple(one for one in provers if one.state is state)

    return Hands(
        idle=of(ProverState.IDLE),
        busy=of(ProverState.BUSY),
        coming=tuple(one for one in of(ProverState.STARTING) if one not in in_vain),
        stuck=tuple(in_vain),
        leaving=of(ProverState.CORDONED),
        left={
            one.prover_id: remaining(working.get(one.prover_id), pool, learned, settings, now)
            for one in provers
            if one.state in (ProverState.BUSY, ProverState.CORDONED)
        },
    )


def remaining(job: Job | None, pool: Pool, learned: Learned, settings: Settings, now: float) -> float:
    """Seconds that a job in work still takes. Of one without a beginning: all of it."""
    if job is None:
        return settings.period
    expected = job.gas / rate(learned, pool, job.kind, settings.caution)
    elapsed = 0.0 if job.leased_at is None else max(0.0, now - job.leased_at)
    return max(expected - elapsed, OVERTIME * elapsed)


def free_at(
    found: Hands, pool: Pool, learned: Learned, now: float, *, idle: bool = True, starved: bool = False
) -> list[float]:
    """
    When provers take their next job: idle ones now, busy ones after theirs, coming ones when they are up.

    Where the pool is starved, nobody waits for those that have no machine.
    """
    start_up = start_up_p95(learned, pool)
    times = [now] * len(found.idle) if idle else []
    times += [now + found.left[one.prover_id] for one in found.busy]
    for one in (one for one in found.coming if one.placed_at is not None or not starved):
        due = one.started_at + start_up
        times.append(due if due > now else now + OVERTIME * (now - one.started_at))
    return times


def pieces(
    jobs: Sequence[Job], seen: Observation, pool: Pool, learned: Learned, settings: Settings, first_hand: float
) -> tuple[list[Piece], int]:
    """
    Jobs that wait, in the coordinators' order, and how many of them are late whatever is done.

    `first_hand`: the earliest that anybody could begin one. What is late gets a deadline by which it shall be made
    good, so that it neither hides nor overrules those that can be met.
    """
    within = {one.name: one.verify_within for one in seen.rollups}
    rates = {kind: rate(learned, pool, kind, settings.caution) for kind in {one.kind for one in jobs}}
    swings = {kind: swing(learned, pool, kind) for kind in rates}
    found, late = [], 0
    for job in jobs:
        seconds = job.gas / rates[job.kind]
        kept = settings.margin * (job.due_at - job.created_at) + settings.period
        kept += seconds * settings.caution * swings[job.kind]
        kept += seconds if pool.is_spot else 0.0  # a prover that is taken away costs the job in its hands
        piece = Piece(seconds, job.due_at, job.due_at - kept, job.rollup, job.job_id)
        if first_hand + seconds > piece.latest:
            late += first_hand + seconds > job.due_at
            soon = first_hand + seconds + settings.recover_within * within.get(job.rollup, 0.0)
            piece = replace(piece, latest=max(piece.latest, soon))
        found.append(piece)
    return in_order(found), late
