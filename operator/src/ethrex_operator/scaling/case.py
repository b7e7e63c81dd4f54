"""All that is known of one pool when it is decided on, and what follows from that without any choice."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from . import limits, shares, work
from .decision import Limit
from .learned import Learned, start_up_p95
from .limits import Purse
from .observation import Job, Observation, Pool, Rollup
from .schedule import Piece, fewest
from .settings import Settings
from .work import Hands


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """All that is known of one pool when it is decided on."""

    seen: Observation
    pool: Pool
    rollups: tuple[Rollup, ...]  # that name the pool
    jobs: tuple[Job, ...]  # waiting ones that are this pool's to do
    learned: Learned
    settings: Settings
    now: float
    hands: Hands
    start_up: float
    pieces: list[Piece]
    late: int
    free: list[float]
    fresh_at: float  # when a prover is ready that is started now
    purse: Purse
    limit: Limit
    is_starved: bool

    @property
    def silent(self) -> tuple[str, ...]:
        """Rollups of which there is no fresh news."""
        return tuple(one.name for one in self.rollups if not is_fresh(one.read_at, self.settings, self.now))

    @property
    def floor(self) -> int:
        """So many stay, as far as money and `max` go."""
        pool = self.pool
        wanted = max(pool.min, pool.warm_floor if self.rollups else 0, standing(self))
        return min(wanted, pool.max)


def of_pool(
    seen: Observation, pool: Pool, jobs: tuple[Job, ...], learned: Learned, settings: Settings, now: float
) -> Case:
    hands = work.hands(seen, pool, learned, settings, now)
    start_up = start_up_p95(learned, pool)
    starved = limits.is_starved(pool, hands.all, hands.stuck, now, settings.starved_after)
    free = work.free_at(hands, pool, learned, now, starved=starved)
    fresh_at = now + start_up + settings.period
    rollups = tuple(one for one in seen.rollups if pool.name in one.pools)
    fresh = {one.name for one in rollups if is_fresh(one.read_at, settings, now)}
    jobs = tuple(one for one in jobs if one.rollup in fresh)
    pieces, late = work.pieces(jobs, seen, pool, learned, settings, min([fresh_at, *free]))
    slower = 1.0 + max((work.swing(learned, pool, kind) for kind in pool.kinds), default=0.0)
    left = {name: seconds * slower for name, seconds in hands.left.items()}
    longest = max([0.0, *(one.seconds * slower for one in pieces), *left.values()])
    purse = limits.purse(pool, hands.all, left, learned, longest, now, settings.period)
    return Case(
        seen=seen,
        pool=pool,
        rollups=rollups,
        jobs=jobs,
        learned=learned,
        settings=settings,
        now=now,
        hands=hands,
        start_up=start_up,
        pieces=pieces,
        late=late,
        free=free,
        fresh_at=fresh_at,
        purse=purse,
        limit=limits.limit(pool, hands.all, purse, starved=starved),
        is_starved=starved,
    )


def is_fresh(read_at: float | None, settings: Settings, now: float) -> bool:
    return read_at is not None and now - read_at <= settings.stale_after


def standing(case: Case) -> int:
    """
    Provers that have to be there before the work is: where a start takes so long that the deadline would pass.

    Enough for what comes on average and for its usual swing.
    """
    load = _load(case, tuple(one for one in case.rollups if _is_tight(case, one)))
    return math.ceil(load + math.sqrt(load)) if load > 0.05 else 0


def _load(case: Case, rollups: Sequence[Rollup]) -> float:
    """Provers that the work keeps busy that came of late to these rollups; nothing, before a proof was measured."""
    rates = [one.mean for (pool, _), one in case.learned.rates.items() if pool == case.pool.name]
    arrivals = (case.learned.arrivals.get(one.name) for one in rollups if one.pools[0] == case.pool.name)
    return math.fsum(one.gas_per_second for one in arrivals if one is not None) / min(rates) if rates else 0.0


def _is_tight(case: Case, rollup: Rollup) -> bool:
    return gathering(case, rollup) + case.start_up < 0


def gathering(case: Case, rollup: Rollup) -> float:
    """Seconds for which work may gather before a start has to be asked for, which may fail once."""
    usual = (one.seconds / one.proofs for (pool, _), one in case.learned.rates.items() if pool == case.pool.name)
    cold = 2 * case.start_up + max(usual, default=0.0) + 2 * case.settings.period
    return rollup.verify_within * (1 - case.settings.margin) - cold


# Rollups that share a pool


def is_shared(case: Case) -> bool:
    return len(case.rollups) > 1 or case.pool.max_share_percent < 100


def demands(case: Case) -> dict[str, int]:
    """Provers by rollup, each as if it were alone, up to the share that one may have."""
    if not is_shared(case):
        return {one.name: case.pool.max for one in case.rollups}
    most = shares.most_for_one(case.pool.max, case.pool.max_share_percent)
    working = {one.prover: one.rollup for one in case.seen.jobs if one.prover}
    found = {}
    for rollup in case.rollups:
        busy = [one for one in case.hands.busy if working.get(one.prover_id) == rollup.name]
        own = [one for one in case.pieces if one.rollup == rollup.name]
        free = [case.now + case.hands.left[one.prover_id] for one in busy]
        more = fewest(own, free, case.fresh_at, case.pool.max)
        found[rollup.name] = min(most, len(busy) + (len(own) if more is None else more))
    return found


def parts(case: Case, provers: int, demands: Mapping[str, int]) -> dict[str, int]:
    weights = {one.name: one.weight or case.pool.default_weight for one in case.rollups}
    return shares.divided(provers, demands, weights)
