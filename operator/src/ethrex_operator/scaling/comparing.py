"""
The planner beside the yardsticks, on the same traces: whether it meets the deadlines that they can meet, and for less.

A yardstick is tuned to the family: each setting of its grid plays all traces, and it is judged by the cheapest one that
meets at least as many deadlines as the planner does. Deadlines "that a yardstick meets at any cost" are those that any
setting of any of them meets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from . import laws
from .settings import Settings
from .simulate import Result, play
from .traces import Trace

Job = tuple[int, int]  # trace, number


@dataclass(frozen=True, slots=True)
class Played:
    """A law on some traces."""

    law: str
    setting: str
    results: tuple[Result, ...]

    @property
    def met(self) -> frozenset[Job]:
        return frozenset((place, job) for place, one in enumerate(self.results) for job in one.met)

    @property
    def cost(self) -> float:
        return sum(one.cost for one in self.results)


@dataclass(frozen=True, slots=True)
class Yardstick:
    """`tuned`: its cheapest setting at no fewer deadlines than ours; where there is none, the one that meets most."""

    tuned: Played
    reaches: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    ours: Played
    yardsticks: Mapping[str, Yardstick]
    reachable: frozenset[Job]  # met by any setting of any yardstick

    @property
    def part_of_reachable(self) -> float:
        if not self.reachable:
            return 1.0
        return len(self.ours.met & self.reachable) / len(self.reachable)


def compare(traces: Sequence[Trace], settings: Settings | None = None) -> Comparison:
    ours = Played("planner", "", tuple(play(one, laws.Planner(settings or Settings())) for one in traces))
    reachable: frozenset[Job] = frozenset()
    found = {}
    for law, grid in laws.GRIDS.items():
        tried = [Played(law, name, tuple(play(one, make(one)) for one in traces)) for name, make in grid.items()]
        reachable = reachable.union(*(one.met for one in tried))
        found[law] = tuned(tried, len(ours.met))
    return Comparison(ours, found, reachable)


def tuned(tried: Sequence[Played], met: int) -> Yardstick:
    enough = [one for one in tried if len(one.met) >= met]
    if enough:
        return Yardstick(min(enough, key=lambda one: one.cost), reaches=True)
    return Yardstick(max(tried, key=lambda one: (len(one.met), -one.cost)), reaches=False)
