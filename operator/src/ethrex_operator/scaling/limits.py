"""
How far a pool may grow now: its maximum, quota, budget, and whether more of it can be had at all.

Money that provers will still cost before they can be let go counts as spent: so a day ends within its budget although
nobody is interrupted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .decision import Bound, Limit
from .learned import Learned, billed, start_up_p95
from .observation import Pool, Prover, ProverState

STUCK_AFTER_START_UPS = 2.0  # p95 of them: a start that takes longer has most likely failed


@dataclass(frozen=True, slots=True)
class Purse:
    """A pool's money of today. `left` may be below zero; `of_one` is what one more prover costs at least."""

    spent: float
    promised: float
    left: float
    of_one: float

    @property
    def starts(self) -> float:
        if self.left < 0:
            return 0
        return math.floor(self.left / self.of_one) if self.of_one > 0 else math.inf


def purse(
    pool: Pool,
    provers: Sequence[Prover],
    left: dict[str, float],
    learned: Learned,
    job: float,
    now: float,
    period: float,
) -> Purse:
    """`left`: seconds that a busy prover's job may still take; `job`: seconds that one may take that is begun next."""
    spent = learned.ledgers[pool.name].spent
    promised = math.fsum(promise(pool, one, left.get(one.prover_id, 0.0), job, now, period) for one in provers)
    of_one = billed(pool, start_up_p95(learned, pool) + job + 2 * period)
    budget = math.inf if pool.budget_per_day is None else pool.budget_per_day
    return Purse(spent, promised, budget - spent - promised, of_one)


def promise(pool: Pool, prover: Prover, left: float, job: float, now: float, period: float) -> float:
    """What a prover may cost from now until it can be let go: it may take one job more before the next look."""
    age = 0.0 if prover.placed_at is None else now - prover.placed_at
    takes_another = prover.state is not ProverState.CORDONED and left < 2 * period
    until = left + (job if takes_another else 0.0) + 2 * period
    return billed(pool, age + until) - billed(pool, age)


def stuck(pool: Pool, provers: Sequence[Prover], learned: Learned, now: float) -> list[Prover]:
    """Provers that have been starting for so long that nobody should wait for them."""
    patience = STUCK_AFTER_START_UPS * start_up_p95(learned, pool)
    return [one for one in provers if one.state is ProverState.STARTING and now - one.started_at > patience]


def is_starved(
    pool: Pool, provers: Sequence[Prover], waited_in_vain: Sequence[Prover], now: float, starved_after: float
) -> bool:
    """
    The scheduler says so for a while, or no start has come up since the first that is stuck began.

    One stuck pod while others come up is that pod's trouble and not the pool's.
    """
    if pool.unschedulable_since is not None and now - pool.unschedulable_since >= starved_after:
        return True
    if not waited_in_vain:
        return False
    first = min(one.started_at for one in waited_in_vain)
    return not any(one.ready_at is not None and one.started_at >= first for one in provers)


def limit(pool: Pool, provers: Sequence[Prover], money: Purse, *, starved: bool) -> Limit:
    """The tightest of all bounds. Whoever exists counts, also who leaves and who only starts."""
    count = len(provers)
    bounds = [Limit(max(0, pool.max - count), Bound.MAX, f"max is {pool.max}")]
    if pool.quota is not None:
        bounds.append(Limit(max(0, pool.quota - count), Bound.QUOTA, f"the quota is {pool.quota}"))
    if pool.budget_per_day is not None:
        words = (
            f"{money.spent:.2f} of {pool.budget_per_day:.2f} are spent today and {money.promised:.2f} promised, "
            f"one more prover is {money.of_one:.2f} at least"
        )
        starts = min(money.starts, float(pool.max))
        bounds.append(Limit(int(starts), Bound.BUDGET, words))
    if starved:
        bounds.append(Limit(0, Bound.STARVED, "provers that were asked for do not come up"))
    if pool.pause_scale_up:
        bounds.append(Limit(0, Bound.PAUSED, "scaling up is paused"))
    return min(bounds, key=lambda one: one.starts)
