"""
What experience teaches the planner: how fast pools prove, how long a start takes, how much work comes, what was spent.

A value (`Learned`) and the step from one to the next (`learn`), pure: time comes in with the observation. It is small
enough for a ConfigMap, so that neither rates nor budgets are forgotten in a restart: see ``scaling.checkpoint``.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from .observation import Observation, Pool, Proof, Prover, ProverState

DAY: Final = 86_400.0
HALF_LIFE_PROOFS: Final = 30.0  # after so many more, a proof counts half
START_UPS_KEPT: Final = 20
UNKNOWN_SPREAD: Final = 0.7  # of the logarithm: a hint is off by up to 2 in most cases, and by 4 in some
HINT_PROOFS: Final = 2.0  # a hint's spread counts as so many proofs
ARRIVAL_SECONDS: Final = 3600.0  # how far back the arrival rate looks
BLIND_HALF_LIFE: Final = 6 * 3600.0
MOST_BETWEEN_LOOKS: Final = 60.0  # a longer pause says nothing of who was idle in it


def _nothing() -> Mapping[Any, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Rate:
    """Gas per second of one prover: sums that fade, and the spread of single proofs around their quotient."""

    proofs: float
    gas: float
    seconds: float
    variance: float  # of the logarithm of a proof's rate

    @property
    def mean(self) -> float:
        return self.gas / self.seconds

    @property
    def spread(self) -> float:
        """Of the logarithm; large while little is known."""
        known = self.proofs * self.variance + HINT_PROOFS * UNKNOWN_SPREAD**2
        return math.sqrt(known / (self.proofs + HINT_PROOFS))

    @property
    def doubt(self) -> float:
        """Of the logarithm of `mean`: how far it may be off."""
        return self.spread / math.sqrt(1.0 + self.proofs)


@dataclass(frozen=True, slots=True)
class Ledger:
    """What a pool cost on a day (since 1970, UTC)."""

    day: int
    spent: float


@dataclass(frozen=True, slots=True)
class Arrival:
    """Work of a rollup that came, fading."""

    gas_per_second: float
    seen_until: float  # jobs that were made later have not been counted


@dataclass(frozen=True, slots=True)
class Learned:
    seen_at: float | None = None
    rates: Mapping[tuple[str, str], Rate] = field(default_factory=_nothing)  # by pool and kind
    start_ups: Mapping[str, tuple[float, ...]] = field(default_factory=_nothing)  # by pool, the newest last
    arrivals: Mapping[str, Arrival] = field(default_factory=_nothing)  # by rollup
    ledgers: Mapping[str, Ledger] = field(default_factory=_nothing)  # by pool
    idle_since: Mapping[str, float] = field(default_factory=_nothing)  # by prover
    idled: Mapping[str, float] = field(default_factory=_nothing)  # by pool, of all its provers since one came or went
    wanted_since: Mapping[str, float] = field(default_factory=_nothing)  # by pool: more than there are
    blind: float = 0.0  # the longest time without news of late


def learn(learned: Learned, seen: Observation, now: float) -> Learned:
    """An observation that is older than what was learned teaches nothing twice."""
    since = learned.seen_at
    return dataclasses.replace(
        learned,
        seen_at=now if since is None else max(now, since),
        rates=_rates(learned, seen.proofs),
        start_ups=_start_ups(learned, seen.provers),
        arrivals=_arrivals(learned, seen),
        ledgers={pool.name: ledger(learned, pool, seen.provers, now) for pool in seen.pools},
        idle_since={
            one.prover_id: learned.idle_since.get(one.prover_id, now)
            for one in seen.provers
            if one.state is ProverState.IDLE
        },
        idled={pool.name: _idled(learned, pool, seen.provers, now) for pool in seen.pools},
        blind=_blind(learned, seen, now),
    )


def _rates(learned: Learned, proofs: Iterable[Proof]) -> Mapping[tuple[str, str], Rate]:
    found = dict(learned.rates)
    fresh = (one for one in proofs if learned.seen_at is None or one.proven_at > learned.seen_at)
    for one in sorted(fresh, key=lambda proof: proof.proven_at):
        if one.gas > 0 and one.seconds > 0:
            found[one.pool, one.kind] = with_proof(found.get((one.pool, one.kind)), one)
    return found


def with_proof(rate: Rate | None, proof: Proof) -> Rate:
    if rate is None:
        return Rate(1.0, proof.gas, proof.seconds, 0.0)
    kept = 0.5 ** (1.0 / HALF_LIFE_PROOFS)
    off = math.log(proof.gas / proof.seconds / rate.mean)
    weight = 1.0 / (rate.proofs * kept + 1.0)
    return Rate(
        rate.proofs * kept + 1.0,
        rate.gas * kept + proof.gas,
        rate.seconds * kept + proof.seconds,
        rate.variance * (1.0 - weight) + off * off * weight,
    )


def _start_ups(learned: Learned, provers: Iterable[Prover]) -> Mapping[str, tuple[float, ...]]:
    """A prover that came up since the last look tells how long it took."""
    found = dict(learned.start_ups)
    for one in provers:
        if one.ready_at is not None and learned.seen_at is not None and one.ready_at > learned.seen_at:
            took = max(0.0, one.ready_at - one.started_at)
            found[one.pool] = (*found.get(one.pool, ()), took)[-START_UPS_KEPT:]
    return found


def start_up_p95(learned: Learned, pool: Pool) -> float:
    """With fewer than five known, the hint counts among them."""
    known = learned.start_ups.get(pool.name, ())
    if len(known) < 5:
        known = (*known, pool.start_up_hint)
    return sorted(known)[min(len(known) - 1, int(0.95 * len(known)))]


def _arrivals(learned: Learned, seen: Observation) -> Mapping[str, Arrival]:
    found = {}
    for rollup in seen.rollups:
        known = learned.arrivals.get(rollup.name)
        until = rollup.read_at
        if until is None:
            if known is not None:
                found[rollup.name] = known
            continue
        if known is None:
            known = Arrival(0.0, until - ARRIVAL_SECONDS)
        fresh = [one for one in seen.jobs if one.rollup == rollup.name and known.seen_until < one.created_at]
        fades = math.exp(-max(0.0, until - known.seen_until) / ARRIVAL_SECONDS)
        rate = known.gas_per_second * fades + sum(one.gas for one in fresh) / ARRIVAL_SECONDS
        found[rollup.name] = Arrival(rate, max(until, known.seen_until))
    return found


def _idled(learned: Learned, pool: Pool, provers: Iterable[Prover], now: float) -> float:
    """Who is idle at a look counts since the last one: some were not idle all the time, others were and are busy now."""
    elapsed = 0.0 if learned.seen_at is None else min(max(0.0, now - learned.seen_at), MOST_BETWEEN_LOOKS)
    idle = sum(one.pool == pool.name and one.state is ProverState.IDLE for one in provers)
    return learned.idled.get(pool.name, 0.0) + idle * elapsed


def _blind(learned: Learned, seen: Observation, now: float) -> float:
    """The longest that any coordinator kept silent; half of it is forgotten in `BLIND_HALF_LIFE`."""
    elapsed = 0.0 if learned.seen_at is None else max(0.0, now - learned.seen_at)
    silent = max((now - one.read_at for one in seen.rollups if one.read_at is not None), default=0.0)
    remembered: float = learned.blind * 0.5 ** (elapsed / BLIND_HALF_LIFE)
    return max(silent, remembered)


# Money


def billed(pool: Pool, seconds: float) -> float:
    """What a prover costs that ran so long: what is begun is paid."""
    parts = math.ceil(max(0.0, seconds) / pool.billed_by - 1e-9)
    return parts * pool.billed_by * pool.price_per_hour / 3600.0


def ledger(learned: Learned, pool: Pool, provers: Iterable[Prover], now: float) -> Ledger:
    """With what the provers cost since the last look; a new day begins with nothing."""
    day = int(now // DAY)
    known = learned.ledgers.get(pool.name, Ledger(day, 0.0))
    if known.day > day:  # a clock that went back gives no money back
        return known
    since = -math.inf if learned.seen_at is None else learned.seen_at
    cost = [
        billed(pool, now - one.placed_at) - billed(pool, max(0.0, min(since, now) - one.placed_at))
        for one in provers
        if one.pool == pool.name and one.placed_at is not None
    ]
    return Ledger(day, math.fsum(cost) + (known.spent if known.day == day else 0.0))
