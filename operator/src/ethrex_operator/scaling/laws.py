"""
Laws that a simulation can be played under: the planner, and as yardsticks the ones that are in use elsewhere.

The yardsticks are given more than they have at home: they too cordon idle provers instead of killing busy ones, hold
where there is no news, and are tuned to the trace family (`GRIDS`).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from .learned import Learned
from .observation import Observation, ProverState
from .planner import plan
from .settings import Settings
from .simulate import Law, Look, Orders
from .traces import Trace

Maker = Callable[[Trace], Law]


@dataclass(slots=True)
class Planner:
    """The product's own law: the very function that the operator calls."""

    settings: Settings = field(default_factory=Settings)
    learned: Learned = field(default_factory=Learned)
    messages: list[tuple[float, str, str, str]] = field(default_factory=list)  # when, pool, reason, words

    def __call__(self, look: Look) -> list[Orders]:
        decision = plan(look.observation(), self.learned, self.settings, look.now)
        self.learned = decision.learned
        orders = []
        for one in decision.pools:
            leave = (*one.cordon, *one.cancel, *one.retire)
            if one.start or leave:
                self.messages.append((look.now, one.pool, one.reason.value, one.message))
            orders.append(Orders(one.pool, one.start, leave))
        return orders


@dataclass(slots=True)
class Keda:
    """
    KEDA on a queue's length, as its HPA reckons: ``ceil(length / target)``, and down to the highest answer of a window.
    """

    trace: Trace
    target: int
    window: float
    answers: deque[tuple[float, int]] = field(default_factory=deque)

    def __call__(self, look: Look) -> list[Orders]:
        if look.is_blind:
            return []
        wanted = math.ceil((look.waiting + look.working) / self.target)
        self.answers.append((look.now, wanted))
        while self.answers[0][0] < look.now - self.window:
            self.answers.popleft()
        return to_count(self.trace, look.observation(), max(one for _, one in self.answers))


@dataclass(slots=True)
class Zksync:
    """
    ZKsync's newer law: ``ceil(work * duration_p95 / drain_window)``.

    One more after `confirmations` looks, all at once where the oldest job waits for longer than `slo`; one fewer when
    nobody starts and the wish has been lower for `window`.
    """

    trace: Trace
    drain_window: float
    slo: float
    confirmations: int
    window: float
    above: int = 0
    below_since: float | None = None

    def __call__(self, look: Look) -> list[Orders]:
        if look.is_blind:
            return []
        seen = look.observation()
        count = staying(seen)
        work = look.waiting + look.working
        wanted = math.ceil(work * self._p95(look) / self.drain_window)
        wanted = max(self.trace.pools[0].min, min(self.trace.pools[0].max, wanted))
        self.above = self.above + 1 if wanted > count else 0
        if wanted >= count:
            self.below_since = None
        elif self.below_since is None:
            self.below_since = look.now
        if wanted > count and look.oldest_waiting > self.slo:
            return to_count(self.trace, seen, wanted)
        if wanted > count and self.above >= self.confirmations:
            self.above = 0
            return to_count(self.trace, seen, count + 1)
        settled = all(one.state is not ProverState.STARTING for one in seen.provers)
        if self.below_since is not None and settled and look.now - self.below_since >= self.window:
            self.below_since = look.now
            return to_count(self.trace, seen, count - 1)
        return []

    def _p95(self, look: Look) -> float:
        if not look.proofs:
            arrivals, hint = self.trace.arrivals, self.trace.pools[0].rate_hint
            return sum(one.gas for one in arrivals) / len(arrivals) / hint if arrivals else 1.0
        known = sorted(look.proofs)
        return known[min(len(known) - 1, int(0.95 * len(known)))]


@dataclass(slots=True)
class ZksyncLegacy:
    """ZKsync's older law: ``ceil(queue / speed)``, and down only where that is less by `hysteresis`."""

    trace: Trace
    speed: int
    hysteresis: float

    def __call__(self, look: Look) -> list[Orders]:
        if look.is_blind:
            return []
        seen = look.observation()
        count = staying(seen)
        wanted = math.ceil((look.waiting + look.working) / self.speed)
        if count * (1.0 - self.hysteresis) <= wanted < count and wanted > 0:
            return []
        return to_count(self.trace, seen, wanted)


def staying(seen: Observation) -> int:
    return sum(one.state is not ProverState.CORDONED for one in seen.provers)


def to_count(trace: Trace, seen: Observation, wanted: int) -> list[Orders]:
    """Start what is missing; take back who starts and cordon who is idle where there are too many."""
    pool = trace.pools[0]
    wanted = max(pool.min, min(pool.max, wanted))
    count = staying(seen)
    if wanted >= count:
        start = min(wanted - count, pool.max - len(seen.provers))
        return [Orders(pool.name, start=max(0, start))]
    starting = [one.prover_id for one in seen.provers if one.state is ProverState.STARTING]
    idle = [one.prover_id for one in seen.provers if one.state is ProverState.IDLE]
    return [Orders(pool.name, leave=tuple((*reversed(starting), *idle)[: count - wanted]))]


def _within(trace: Trace) -> float:
    return trace.rollups[0].verify_within


def _keda(target: int, window: float) -> Maker:
    return lambda trace: Keda(trace, target, window)


def _zksync(part: float, confirmations: int, window: float) -> Maker:
    return lambda trace: Zksync(trace, part * _within(trace), 0.5 * _within(trace), confirmations, window)


def _legacy(speed: int, hysteresis: float) -> Maker:
    return lambda trace: ZksyncLegacy(trace, speed, hysteresis)


GRIDS: Final[Mapping[str, Mapping[str, Maker]]] = {
    "keda": {
        f"target {target}, window {window:g} s": _keda(target, window)
        for target in (1, 2, 3, 5, 8, 13, 21, 34)
        for window in (0.0, 60.0, 300.0)
    },
    "zksync": {
        f"drain {part:g} of the deadline, {confirmations} looks, down after {window:g} s": _zksync(
            part, confirmations, window
        )
        for part in (0.35, 0.5, 0.7, 0.9, 1.2)
        for confirmations in (1, 4)
        for window in (15.0, 120.0)
    }
    | {
        f"legacy, speed {speed}, hysteresis {part:.0%}": _legacy(speed, part)
        for speed in (1, 3, 5, 8, 13, 21)
        for part in (0.0, 0.3)
    },
}
