"""
What a simulation plays: jobs that come, and machines that prove them, start slowly, fail and are taken away.

A trace fixes all that no law can change, chance included: the same start, by number, takes the same time whoever asks
for it, and a job is the same work on whoever proves it. So laws are compared on the same day. Files: ``trace_file``;
made ones: ``families``.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from .observation import Pool, Rollup

Span = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    at: float
    rollup: str
    kind: str
    gas: int
    verify_within: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What is true of a pool's provers, whatever its hints say."""

    gas_per_second: float
    spread: float = 0.15  # of the logarithm of a proof's time
    overhead: float = 3.0  # seconds of each proof, whatever its size
    start_up: float = 120.0  # the median
    start_up_spread: float = 0.2  # of its logarithm
    start_fails: float = 0.0  # the part of starts that end without a prover
    lives: float | None = None  # mean seconds until a spot machine is taken away
    outages: tuple[Span, ...] = ()  # no machine is given out


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    name: str
    seed: int
    until: float  # jobs come no later; it goes on until all are done
    pools: tuple[Pool, ...]  # as the planner is told
    machines: tuple[Machine, ...]  # of `pools`, in their order
    rollups: tuple[Rollup, ...]
    arrivals: tuple[Arrival, ...]
    blind: tuple[Span, ...] = ()  # coordinators give no news

    def __post_init__(self) -> None:
        if len(self.pools) != len(self.machines):
            raise ValueError("each pool has a machine")


def start_up(trace: Trace, pool: int, number: int) -> tuple[float, bool]:
    """Seconds of the pool's start `number`, and whether it fails at the end of them."""
    machine, chance = trace.machines[pool], _chance(trace, "start", pool, number)
    seconds = machine.start_up * math.exp(chance.gauss(0.0, machine.start_up_spread))
    return seconds, chance.random() < machine.start_fails


def life(trace: Trace, pool: int, number: int) -> float:
    """Seconds from a place on a machine until it is taken away."""
    mean = trace.machines[pool].lives
    return math.inf if mean is None else _chance(trace, "life", pool, number).expovariate(1.0 / mean)


def proof_seconds(trace: Trace, pool: int, job: int, gas: int) -> float:
    machine = trace.machines[pool]
    off = math.exp(_chance(trace, "proof", pool, job).gauss(0.0, machine.spread))
    return machine.overhead + gas / machine.gas_per_second * off


def is_within(spans: Sequence[Span], at: float) -> bool:
    return any(begin <= at < end for begin, end in spans)


def _chance(trace: Trace, what: str, pool: int, number: int) -> random.Random:
    return random.Random(f"{trace.seed}/{what}/{pool}/{number}")
