"""
How many provers each pool shall have: the fewest that meet all deadlines, started as late as that stays true.

A pure function of what was observed, what was learned and the time. For each pool, in the order in which work falls
back: read its work and its hands, ask the schedule how many more it takes, see what bounds allow, wait where waiting
costs nothing, let go who is not needed, and hand on what cannot be done here in time. The law and its reasons:
docs/operator-scaling.md.
"""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from . import case as case_of
from . import telling, work
from .case import Case
from .decision import Bound, Decision, PoolDecision, Reason
from .learned import Learned, billed, learn
from .leaving import leaving
from .observation import Job, Observation, Pool, ProverState
from .schedule import ends, fewest, fewest_for_least_delay
from .settings import Settings


@dataclass(frozen=True, slots=True)
class Growth:
    """Provers to start for deadlines (`more`), of which `now`; who has to be told what keeps the others."""

    more: int
    now: int
    reason: Reason
    short: bool  # deadlines cannot all be met here
    demands: Mapping[str, int]


def plan(seen: Observation, learned: Learned, settings: Settings, now: float) -> Decision:
    """One decision for each pool, and what to remember."""
    learned = learn(learned, seen, now)
    waiting = _first_assigned(seen, learned, settings, now)
    found, wanted = [], {}
    order = _fallback_order(seen)
    for place, pool in enumerate(order):
        case = case_of.of_pool(seen, pool, tuple(waiting[pool.name]), learned, settings, now)
        decision, growth = _decide(case)
        found.append(decision)
        if growth is not None and growth.more > 0 and growth.reason is not Reason.PATIENT:
            wanted[pool.name] = learned.wanted_since.get(pool.name, now)
        if growth is not None and growth.short:
            later = {one.name: one for one in order[place + 1 :]}
            for job in _not_in_time(case, growth):
                _hand_on(job, pool.name, seen, later, waiting)
    idled = {one.pool: 0.0 if one.start or one.cordon else learned.idled[one.pool] for one in found}
    return Decision(tuple(found), dataclasses.replace(learned, wanted_since=wanted, idled=idled))


# Whose work is it


def _fallback_order(seen: Observation) -> list[Pool]:
    """Pools that some rollup asks first come first."""
    rank: dict[str, int] = {}
    for rollup in seen.rollups:
        for place, name in enumerate(rollup.pools):
            rank[name] = min(rank.get(name, place), place)
    return sorted(seen.pools, key=lambda pool: (rank.get(pool.name, len(seen.pools)), pool.name))


def _first_assigned(seen: Observation, learned: Learned, settings: Settings, now: float) -> dict[str, list[Job]]:
    """
    Waiting jobs by the pool whose work they are: the first of their rollup that makes such proofs.

    Or a later one where an idle prover is at hand that will have taken the job before anybody else is up, and ends it in
    time. Who holds a job and is gone, holds none.
    """
    pools = {one.name: one for one in seen.pools}
    rollups = {one.name: one for one in seen.rollups}
    provers = {one.prover_id for one in seen.provers}
    idle = Counter(one.pool for one in seen.provers if one.state is ProverState.IDLE)
    waiting: dict[str, list[Job]] = {name: [] for name in pools}
    for job in sorted(seen.jobs, key=lambda one: (one.due_at, one.rollup, one.job_id)):
        if job.prover in provers or job.rollup not in rollups:
            continue
        able = [name for name in rollups[job.rollup].pools if name in pools and job.kind in pools[name].kinds]
        if not able:
            continue
        later = (name for name in able[1:] if idle[name] > 0 and _ends(job, pools[name], learned, settings, now))
        taker = able[0] if idle[able[0]] > 0 else next(later, able[0])
        idle[taker] -= 1
        waiting[taker].append(job)
    return waiting


def _ends(job: Job, pool: Pool, learned: Learned, settings: Settings, now: float) -> bool:
    """Whether an idle prover of the pool that takes it now ends it in time. Nobody counts on a pool without news."""
    seconds = job.gas / work.rate(learned, pool, job.kind, settings.caution)
    return case_of.is_fresh(pool.read_at, settings, now) and now + seconds <= job.due_at


def _hand_on(job: Job, pool: str, seen: Observation, later: Mapping[str, Pool], waiting: dict[str, list[Job]]) -> None:
    """To the next pool of its rollup that is still to be decided on; else it stays."""
    names = next(one.pools for one in seen.rollups if one.name == job.rollup)
    for name in names[names.index(pool) + 1 :]:
        if name in later and job.kind in later[name].kinds:
            waiting[name].append(job)
            return


def _not_in_time(case: Case, growth: Growth) -> list[Job]:
    """What the pool's provers, each rollup on its share, do not finish by the deadline."""
    hands = sorted([*case.free, *[case.fresh_at] * case.limit.starts])
    parts = case_of.parts(case, len(hands), growth.demands)
    jobs = {(one.rollup, one.job_id): one for one in case.jobs}
    found = []
    for rollup in {one.rollup for one in case.pieces}:
        own = [one for one in case.pieces if one.rollup == rollup]
        done = ends(own, hands[: parts.get(rollup, 0)])
        found += [jobs[rollup, one.job_id] for one, end in zip(own, done, strict=True) if end > one.due_at]
    return found


# One pool


def _decide(case: Case) -> tuple[PoolDecision, Growth | None]:
    blind = not case_of.is_fresh(case.pool.read_at, case.settings, case.now)
    if blind or (case.rollups and len(case.silent) == len(case.rollups)):
        return _told(case, Reason.STALE, None), None
    growth = _growth(case)
    if growth.now > 0:
        return _told(case, growth.reason, growth, start=growth.now), growth
    cordon, cancel, retire = leaving(case)
    reason = growth.reason
    if retire or (cordon and case.hands.staying > case.pool.max):
        reason = Reason.OVER
    elif cordon or cancel:
        reason = Reason.LEAVING
    return _told(case, reason, growth, cordon=cordon, cancel=cancel, retire=retire), growth


def _growth(case: Case) -> Growth:
    starts, staying = case.limit.starts, case.hands.staying
    found = fewest(case.pieces, case.free, case.fresh_at, starts)
    demands = case_of.demands(case)
    most = sum(demands.values())
    more = found
    if more is None:
        tolerance = 2 * case.settings.period
        more = fewest_for_least_delay(case.pieces, case.free, case.fresh_at, starts, tolerance)
    capped = staying + more > most and case_of.is_shared(case)
    if capped:
        more = max(0, min(more, most - staying))
    short = found is None or case.late > 0 or (capped and found != more)
    floor = min(max(0, case.floor - staying), starts)
    if floor >= more:
        reason = Reason.FLOOR if floor > 0 else _settled(case, short=short)
        return Growth(floor, floor, reason, short, demands)
    if not short and _may_wait(case, more):
        return Growth(more, floor, Reason.FLOOR if floor else Reason.PATIENT, False, demands)
    if not _is_confirmed(case):
        return Growth(more, floor, Reason.FLOOR if floor else Reason.CONFIRMING, short, demands)
    return Growth(more, more, Reason.LATE if short else Reason.MORE, short, demands)


def _settled(case: Case, *, short: bool) -> Reason:
    if short:
        return Reason.LATE
    return Reason.ENOUGH if case.pieces or case.hands.busy else Reason.NO_WORK


def _may_wait(case: Case, more: int) -> bool:
    """
    Whether the same number of provers would still do if they were started at a later look, and the first start failed.

    Work that gathers meanwhile is done by the same provers without a gap, and each start is paid once for more of it.
    How long nobody could look of late counts, too: the moment must not pass in the dark.
    """
    settings = case.settings
    if settings.patience <= 0 or not work.is_measured(case.learned, case.pool, case.jobs):
        return False
    later = settings.period + case.learned.blind + case.pool.scale_up_delay + 2 * case.start_up + settings.period
    horizon = case.now + later / settings.patience
    needed = fewest(case.pieces, case.free, horizon, case.limit.starts)
    return needed is not None and needed <= more


def _is_confirmed(case: Case) -> bool:
    since = case.learned.wanted_since.get(case.pool.name, case.now)
    return case.now - since >= case.pool.scale_up_delay


# What is told


def _told(
    case: Case,
    reason: Reason,
    growth: Growth | None,
    *,
    start: int = 0,
    cordon: tuple[str, ...] = (),
    cancel: tuple[str, ...] = (),
    retire: tuple[str, ...] = (),
) -> PoolDecision:
    hands, pool = case.hands, case.pool
    gone = len(cordon) + len(retire) + len(cancel)
    desired = max(0, min(pool.max, hands.staying + len(hands.stuck) + start - gone))
    wanted = growth.more if growth is not None else 0
    binds = growth is not None and growth.short and start >= case.limit.starts
    demands = growth.demands if growth is not None and case_of.is_shared(case) else {}
    kinds = sorted({one.kind for one in case.jobs} or pool.kinds)
    decision = PoolDecision(
        pool=pool.name,
        desired=desired,
        start=start,
        cordon=cordon,
        cancel=cancel,
        retire=retire,
        reason=reason,
        message="",
        bound=Bound.BUDGET if retire else case.limit.bound if binds else None,
        is_starved=case.is_starved,
        work_gas=sum(one.gas for one in case.jobs),
        work_seconds=math.fsum(one.seconds for one in case.pieces),
        rate=min((work.rate(case.learned, pool, kind, case.settings.caution) for kind in kinds), default=0.0),
        next_due_at=min((one.due_at for one in case.jobs), default=None),
        spent_today=case.purse.spent,
        cost_per_hour=desired * billed(pool, 3600.0) if pool.billed_by <= 3600 else desired * pool.price_per_hour,
        shares=case_of.parts(case, desired, demands),
    )
    words = telling.sentence(
        decision,
        pool=pool,
        limit=case.limit,
        waiting=len(case.jobs),
        late=case.late,
        wanted=wanted,
        start_up=case.start_up,
        silent=case.silent,
        now=case.now,
    )
    return dataclasses.replace(decision, message=words)
