"""
How long tests on a cluster wait, in one table, and how long it took: what the budget of a run is made of.

Each figure is at least three times what is asked of the product, since these tests judge behaviour on a machine that may
be busy; speed is judged in ``bench``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")

SECONDS: Final = {
    "images built": 600.0,
    "cluster up": 180.0,
    "images loaded": 120.0,
    "cluster down": 60.0,
    "kubectl answers": 60.0,
    "port forwarded": 20.0,
    "pod ready": 60.0,
    "pod done": 60.0,
    "service answers": 30.0,
    "namespace gone": 90.0,
    "chart installed": 120.0,
    "rollup ready": 270.0,
    "fleet ready": 400.0,
    "deposit arrived": 60.0,
    "batch verified": 180.0,
    "claimed": 240.0,
    "drift repaired": 30.0,
    "drift told": 30.0,
    "condition told": 30.0,
    "transaction sealed": 60.0,
    "blocks go on": 60.0,
    "settlement deployed": 180.0,
    "l1 noticed": 60.0,
    "handed over": 150.0,
    "settled": 240.0,
    "abandoned": 90.0,
    "role back": 60.0,
    "data lost": 180.0,
    "children gone": 90.0,
    "new leader": 60.0,
    "operators run": 90.0,
    "policy at work": 30.0,
    "provers come": 90.0,
    "backlog proven": 600.0,
    "provers go": 90.0,
    # Where deadlines are shorter than two start-ups the planner keeps an idle prover for half a start-up, a minute while it
    # has seen fewer than five, and looks each 15 s: some 80 s where nothing else runs.
    "planned provers go": 300.0,
    "old leader wakes": 30.0,
}
PAUSE_SECONDS: Final = 0.1

taken: list[tuple[str, float]] = []  # what was waited for, and how long


def until(what: str, condition: Callable[[], T | None], explain: Callable[[], str] = str) -> T:
    """What `condition` gives once it is neither None nor False. `what` is a row of `SECONDS`; fails with what `explain` says."""
    begun = time.monotonic()
    while not (found := condition()):
        if time.monotonic() - begun > SECONDS[what]:
            raise AssertionError(f"not within {SECONDS[what]:g} s: {what}\n{explain()}".rstrip())
        time.sleep(PAUSE_SECONDS)
    record(what, time.monotonic() - begun)
    return found


def record(what: str, seconds: float) -> None:
    taken.append((what, seconds))


def summary() -> list[str]:
    """A line for each thing that was waited for: how often, how long at most, and what was allowed."""
    longest: dict[str, list[float]] = {}
    for what, seconds in taken:
        longest.setdefault(what, []).append(seconds)
    return [
        f"{what:<18} {len(times):>4} times  {max(times):>7.1f} s at most  {sum(times):>7.1f} s in all  ({SECONDS[what]:g} s allowed)"
        for what, times in longest.items()
    ]
