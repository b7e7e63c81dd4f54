"""
A trace played in virtual time under a law: jobs come, provers start, prove, are lost and leave; the law is asked at
each look what to do.

Everything that a law does goes through `Orders`, and the machinery is the same for all: jobs go to who is free, what
is due first goes first, a busy prover is never ended, a cordoned one leaves after its job. Pure but for the law's own
memory; the same trace and law give the same result.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

from . import traces
from .learned import billed
from .observation import Job, Observation, Proof, Prover, ProverState
from .traces import Arrival, Trace

LOOK_EVERY: Final = 15.0
PROOFS_KEPT: Final = 200
GIVE_UP_AFTER: Final = 12 * 3600.0  # beyond the last arrival


@dataclass(frozen=True, slots=True)
class Orders:
    """For one pool."""

    pool: str
    start: int = 0
    leave: tuple[str, ...] = ()  # at once where idle or starting, after the job where busy


@dataclass(frozen=True, slots=True)
class Look:
    """What a law may ask at `now`."""

    now: float
    is_blind: bool
    observation: Callable[[], Observation]
    waiting: int
    working: int
    oldest_waiting: float  # seconds that the first job has waited
    proofs: deque[float]  # seconds of the last ones


class Law(Protocol):
    def __call__(self, look: Look) -> list[Orders]: ...


@dataclass(slots=True)
class _Prover:
    name: str
    pool: int
    number: int
    asked_at: float
    placed_at: float | None = None
    ready_at: float | None = None
    job: int | None = None
    began_at: float = 0.0
    leaves: bool = False
    gone: bool = False

    @property
    def state(self) -> ProverState:
        if self.leaves:
            return ProverState.CORDONED
        if self.ready_at is None:
            return ProverState.STARTING
        return ProverState.IDLE if self.job is None else ProverState.BUSY


@dataclass(frozen=True, slots=True)
class Result:
    """How a law did. `delays`: seconds from a job's coming to its proof, in the order of the trace's arrivals."""

    trace: Trace
    delays: tuple[float, ...]
    cost: float
    starts: int
    failed_starts: int
    lost: int
    most_provers: int
    decisions: int  # looks at which something was ordered

    @property
    def met(self) -> frozenset[int]:
        """Jobs that were proven in time."""
        jobs = enumerate(zip(self.delays, self.trace.arrivals, strict=True))
        return frozenset(number for number, (delay, job) in jobs if delay <= job.verify_within)

    def delay(self, part: float) -> float:
        """A quantile."""
        ordered = sorted(self.delays)
        return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else 0.0


def play(trace: Trace, law: Law, log: Callable[[float, list[Orders]], None] | None = None) -> Result:
    """Until the last job is done and nobody works any more."""
    return _Play(trace, law, log).run()


@dataclass(slots=True)
class _Play:
    trace: Trace
    law: Law
    log: Callable[[float, list[Orders]], None] | None
    now: float = 0.0
    events: list[tuple[float, int, str, Any]] = field(default_factory=list)
    number: int = 0
    provers: dict[str, _Prover] = field(default_factory=dict)
    waiting: list[tuple[float, int]] = field(default_factory=list)  # due, job
    working: dict[int, str] = field(default_factory=dict)
    done: dict[int, float] = field(default_factory=dict)
    started: dict[int, int] = field(default_factory=dict)  # by pool
    proofs: deque[Proof] = field(default_factory=lambda: deque(maxlen=PROOFS_KEPT))
    seconds: deque[float] = field(default_factory=lambda: deque(maxlen=PROOFS_KEPT))
    unplaced: deque[str] = field(default_factory=deque)
    pool_of: dict[str, int] = field(default_factory=dict)
    last_seen: Observation | None = None
    cost: float = 0.0
    failed: int = 0
    lost: int = 0
    most: int = 0
    decisions: int = 0

    def run(self) -> Result:
        trace = self.trace
        self.pool_of = {one.name: place for place, one in enumerate(trace.pools)}
        for number, arrival in enumerate(trace.arrivals):
            self._at(arrival.at, "arrival", number)
        for machine in trace.machines:
            for _, end in machine.outages:
                self._at(end, "capacity", None)
        self._at(0.0, "look", None)
        happen: dict[str, Callable[[Any], None]] = {
            "arrival": self._arrive,
            "look": self._look,
            "ready": self._ready,
            "failed": self._fail,
            "proven": self._prove,
            "lost": self._lose,
            "capacity": self._place,
        }
        while self.events:
            self.now, _, what, about = heapq.heappop(self.events)
            if self.now > trace.until + GIVE_UP_AFTER:
                break
            happen[what](about)
        for prover in list(self.provers.values()):
            self._leave(prover)
        delays = [self.done.get(number, math.inf) - job.at for number, job in enumerate(trace.arrivals)]
        return Result(
            trace,
            tuple(delays),
            self.cost,
            sum(self.started.values()),
            self.failed,
            self.lost,
            self.most,
            self.decisions,
        )

    def _at(self, when: float, what: str, about: Any) -> None:
        self.number += 1
        heapq.heappush(self.events, (when, self.number, what, about))

    # What happens

    def _arrive(self, number: int) -> None:
        job = self.trace.arrivals[number]
        heapq.heappush(self.waiting, (job.at + job.verify_within, number))
        self._hand_out()

    def _ready(self, name: str) -> None:
        if (prover := self.provers.get(name)) is not None:
            prover.ready_at = self.now
            self._hand_out()

    def _fail(self, name: str) -> None:
        if (prover := self.provers.get(name)) is not None:
            self.failed += 1
            self._leave(prover)

    def _lose(self, name: str) -> None:
        """A spot machine goes, and the work in its hands with it."""
        if (prover := self.provers.get(name)) is not None:
            self.lost += 1
            if prover.job is not None:
                job = self.trace.arrivals[prover.job]
                heapq.heappush(self.waiting, (job.at + job.verify_within, prover.job))
                del self.working[prover.job]
            self._leave(prover)
            self._hand_out()

    def _prove(self, about: tuple[str, int]) -> None:
        name, number = about
        prover = self.provers.get(name)
        if prover is None or prover.job != number:
            return
        job, took = self.trace.arrivals[number], self.now - prover.began_at
        self.done[number] = self.now
        del self.working[number]
        prover.job = None
        pool = self.trace.pools[prover.pool].name
        self.proofs.append(Proof(pool=pool, kind=job.kind, gas=job.gas, seconds=took, proven_at=self.now))
        self.seconds.append(took)
        if prover.leaves:
            self._leave(prover)
        self._hand_out()

    def _place(self, _: Any = None) -> None:
        for name in list(self.unplaced):
            prover = self.provers.get(name)
            if prover is None:
                self.unplaced.remove(name)
            elif not traces.is_within(self.trace.machines[prover.pool].outages, self.now):
                self.unplaced.remove(name)
                prover.placed_at = self.now
                seconds, fails = traces.start_up(self.trace, prover.pool, prover.number)
                self._at(self.now + seconds, "failed" if fails else "ready", name)
                lives = traces.life(self.trace, prover.pool, prover.number)
                if lives < math.inf:
                    self._at(self.now + lives, "lost", name)

    def _hand_out(self) -> None:
        """Jobs to who is free, what is due first first."""
        idle = [one for one in self.provers.values() if one.state is ProverState.IDLE]
        kept = []
        while idle and self.waiting:
            due, number = heapq.heappop(self.waiting)
            prover = next((one for one in idle if self._may(one, self.trace.arrivals[number])), None)
            if prover is None:
                kept.append((due, number))
                continue
            idle.remove(prover)
            prover.job, prover.began_at = number, self.now
            self.working[number] = prover.name
            took = traces.proof_seconds(self.trace, prover.pool, number, self.trace.arrivals[number].gas)
            self._at(self.now + took, "proven", (prover.name, number))
        for one in kept:
            heapq.heappush(self.waiting, one)

    def _may(self, prover: _Prover, job: Arrival) -> bool:
        pool = self.trace.pools[prover.pool]
        rollup = next(one for one in self.trace.rollups if one.name == job.rollup)
        return job.kind in pool.kinds and pool.name in rollup.pools

    def _leave(self, prover: _Prover) -> None:
        del self.provers[prover.name]
        if prover.placed_at is not None:
            self.cost += billed(self.trace.pools[prover.pool], self.now - prover.placed_at)

    # What the law does

    def _look(self, _: Any) -> None:
        orders = self.law(self._seen())
        acted = False
        for one in orders:
            acted |= bool(one.start or one.leave)
            for name in one.leave:
                if (prover := self.provers.get(name)) is not None:
                    prover.leaves = True
                    if prover.job is None:
                        self._leave(prover)
            for _ in range(one.start):
                self._start(self.pool_of[one.pool])
        if acted:
            self.decisions += 1
            if self.log is not None:
                self.log(self.now, orders)
        self.most = max(self.most, len(self.provers))
        if len(self.done) < len(self.trace.arrivals) or self.now < self.trace.until or self.provers:
            self._at(self.now + LOOK_EVERY, "look", None)

    def _start(self, pool: int) -> None:
        number = self.started.get(pool, 0)
        self.started[pool] = number + 1
        name = f"{self.trace.pools[pool].name}-{number}"
        self.provers[name] = _Prover(name, pool, number, self.now)
        self.unplaced.append(name)
        self._place()

    def _seen(self) -> Look:
        oldest = min((self.trace.arrivals[number].at for _, number in self.waiting), default=self.now)
        return Look(
            now=self.now,
            is_blind=traces.is_within(self.trace.blind, self.now),
            observation=self._observation,
            waiting=len(self.waiting),
            working=len(self.working),
            oldest_waiting=self.now - oldest,
            proofs=self.seconds,
        )

    def _observation(self) -> Observation:
        """As the coordinators and the machines tell it; in a blind time, the jobs as they were seen last."""
        now, trace = self.now, self.trace
        pools = tuple(
            replace(one, read_at=now, unschedulable_since=self._unplaced_since(one.name)) for one in trace.pools
        )
        if self.last_seen is not None and traces.is_within(trace.blind, now):
            return replace(self.last_seen, pools=pools)
        self.last_seen = Observation(
            rollups=tuple(replace(one, read_at=now) for one in trace.rollups),
            pools=pools,
            jobs=tuple(self._job(number) for number in (*(number for _, number in self.waiting), *self.working)),
            provers=tuple(
                Prover(
                    prover_id=one.name,
                    pool=trace.pools[one.pool].name,
                    state=one.state,
                    started_at=one.asked_at,
                    placed_at=one.placed_at,
                    ready_at=one.ready_at,
                )
                for one in self.provers.values()
            ),
            proofs=tuple(self.proofs),
        )
        return self.last_seen

    def _unplaced_since(self, pool: str) -> float | None:
        waits = (self.provers.get(name) for name in self.unplaced)
        place = self.pool_of[pool]
        return min((one.asked_at for one in waits if one is not None and one.pool == place), default=None)

    def _job(self, number: int) -> Job:
        arrival, prover = self.trace.arrivals[number], self.working.get(number, "")
        return Job(
            job_id=str(number),
            rollup=arrival.rollup,
            kind=arrival.kind,
            gas=arrival.gas,
            created_at=arrival.at,
            due_at=arrival.at + arrival.verify_within,
            prover=prover,
            leased_at=self.provers[prover].began_at if prover else None,
        )
