"""
Traces made by chance from a seed, one maker for each kind of day that a pool may have.

Loads are in provers: the mean of so many is busy. The make of a day (load, start-up time, sizes) is drawn as well, so
that no law can be cut to one.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from .observation import Pool, Rollup
from .traces import Arrival, Machine, Span, Trace

HOUR: Final = 3600.0
LONG: Final = 6 * HOUR
ROLLUP: Final = "rollup"
KIND: Final = "sp1"
Load = Callable[[float], float]


def make(family: str, seed: int, hours: float = LONG / HOUR) -> Trace:
    """Raises `KeyError` for a family that there is not."""
    return FAMILIES[family](random.Random(f"{family}/{seed}"), seed, hours * HOUR)


def _steady(chance: random.Random, seed: int, until: float) -> Trace:
    load = chance.uniform(1.2, 5.0)
    return _day("steady", chance, seed, until, _jobs(chance, until, lambda _: load, _usual(chance)))


def _trickle(chance: random.Random, seed: int, until: float) -> Trace:
    load = chance.uniform(0.1, 0.5)
    return _day("trickle", chance, seed, until, _jobs(chance, until, lambda _: load, _usual(chance)))


def _bursts(chance: random.Random, seed: int, until: float, name: str = "bursts") -> Trace:
    sizes = _usual(chance)
    quiet = chance.uniform(0.1, 0.8)
    jobs = list(_jobs(chance, until, lambda _: quiet, sizes))
    at = chance.uniform(0.0, HOUR)
    while at < until:
        jobs += [(at + chance.uniform(0.0, 60.0), sizes()) for _ in range(chance.randint(10, 50))]
        at += chance.uniform(0.5, 2.0) * HOUR
    return _day(name, chance, seed, until, iter(jobs))


def _heavy_tail(chance: random.Random, seed: int, until: float) -> Trace:
    load = chance.uniform(1.0, 4.0)

    def sizes() -> float:
        return min(600.0, 30.0 * chance.paretovariate(1.3))

    return _day("heavy-tail", chance, seed, until, _jobs(chance, until, lambda _: load, sizes, mean=90.0))


def _diurnal(chance: random.Random, seed: int, until: float) -> Trace:
    peak = chance.uniform(3.0, 8.0)

    def load(at: float) -> float:
        return peak * (0.5 - 0.5 * math.cos(2 * math.pi * at / until)) + 0.05

    return _day("diurnal", chance, seed, until, _jobs(chance, until, load, _usual(chance)))


def _failed_starts(chance: random.Random, seed: int, until: float) -> Trace:
    made = _bursts(chance, seed, until, "failed-starts")
    return _with_machine(made, start_fails=chance.uniform(0.15, 0.4))


def _spot_loss(chance: random.Random, seed: int, until: float) -> Trace:
    made = replace(_steady(chance, seed, until), name="spot-loss")
    made = _with_machine(made, lives=chance.uniform(0.4, 1.5) * HOUR)
    return replace(made, pools=(replace(made.pools[0], is_spot=True),))


def _stale_metrics(chance: random.Random, seed: int, until: float) -> Trace:
    made = _bursts(chance, seed, until, "stale-metrics")
    return replace(made, blind=tuple(_spans(chance, until, every=40 * 60.0, shortest=120.0, longest=480.0)))


def _rate_errors(chance: random.Random, seed: int, until: float) -> Trace:
    """The hints are off by four times, to one side or the other."""
    made = replace(_diurnal(chance, seed, until), name="rate-errors")
    off = chance.choice((0.25, 4.0))
    pool = made.pools[0]
    return replace(made, pools=(replace(pool, rate_hint=pool.rate_hint * off, start_up_hint=pool.start_up_hint / off),))


def _tight(chance: random.Random, seed: int, until: float) -> Trace:
    """A cold start takes most of the time that there is."""
    load = chance.uniform(0.8, 4.0)
    jobs = _jobs(chance, until, lambda _: load, _usual(chance, 40.0, 80.0))
    within = chance.uniform(420.0, 600.0)
    made = _day("tight", chance, seed, until, jobs, within=within)
    return _with_machine(made, start_up=chance.uniform(120.0, 180.0))


def _capacity(chance: random.Random, seed: int, until: float) -> Trace:
    """Now and then the cloud has no machine to give."""
    made = replace(_diurnal(chance, seed, until), name="capacity")
    return _with_machine(made, outages=tuple(_spans(chance, until, every=90 * 60.0, shortest=180.0, longest=900.0)))


FAMILIES: Final[Mapping[str, Callable[[random.Random, int, float], Trace]]] = MappingProxyType(
    {
        "steady": _steady,
        "trickle": _trickle,
        "bursts": _bursts,
        "heavy-tail": _heavy_tail,
        "diurnal": _diurnal,
        "failed-starts": _failed_starts,
        "spot-loss": _spot_loss,
        "stale-metrics": _stale_metrics,
        "rate-errors": _rate_errors,
        "tight": _tight,
        "capacity": _capacity,
    }
)


def _usual(chance: random.Random, least: float = 45.0, most: float = 180.0) -> Callable[[], float]:
    """Sizes in seconds of a prover, around a median of the day."""
    median = chance.uniform(least, most)
    return lambda: median * math.exp(chance.gauss(0.0, 0.5))


def _jobs(
    chance: random.Random, until: float, load: Load, sizes: Callable[[], float], mean: float | None = None
) -> Iterator[tuple[float, float]]:
    """Times and sizes, by thinning: jobs of `mean` seconds that keep `load(at)` provers busy."""
    if mean is None:
        mean = sum(sizes() for _ in range(200)) / 200
    peak = max(load(until * step / 100) for step in range(101)) / mean
    at = 0.0
    while (at := at + chance.expovariate(peak)) < until:
        if chance.random() * peak * mean <= load(at):
            yield at, sizes()


def _spans(chance: random.Random, until: float, every: float, shortest: float, longest: float) -> Iterator[Span]:
    at = chance.uniform(0.0, every)
    while at < until:
        end = at + chance.uniform(shortest, longest)
        yield at, end
        at = end + chance.expovariate(1.0 / every)


def _day(
    name: str,
    chance: random.Random,
    seed: int,
    until: float,
    jobs: Iterator[tuple[float, float]],
    within: float | None = None,
) -> Trace:
    rate = chance.uniform(0.5e6, 5e6)
    start_up = chance.uniform(60.0, 240.0)
    within = chance.uniform(1500.0, 3600.0) if within is None else within
    pool = Pool(
        name="pool",
        kinds=frozenset((KIND,)),
        read_at=None,
        max=30,
        scale_down_delay=0.0,
        price_per_hour=2.0,
        rate_hint=rate * math.exp(chance.gauss(0.0, 0.3)),
        start_up_hint=start_up * 1.2,
    )
    arrivals = tuple(
        Arrival(at=at, rollup=ROLLUP, kind=KIND, gas=max(1, round(size * rate)), verify_within=within)
        for at, size in sorted(jobs)
    )
    return Trace(
        name=name,
        seed=seed,
        until=until,
        pools=(pool,),
        machines=(Machine(gas_per_second=rate, start_up=start_up),),
        rollups=(Rollup(name=ROLLUP, pools=(pool.name,), verify_within=within, read_at=None),),
        arrivals=arrivals,
    )


def _with_machine(trace: Trace, **changes: object) -> Trace:
    return replace(trace, machines=tuple(replace(one, **changes) for one in trace.machines))  # type: ignore[arg-type]
