"""
How many provers it takes: the coordinator's own order, played forward.

Coordinators hand out what is due first, and a prover does one job at a time. So a set of jobs and the times at which
provers come free say when each job is finished, and the fewest provers that finish all in time is a search over that.
One more prover never makes a job later, and one more job never makes another one earlier: the search may halve.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Piece:
    """A job that waits, in seconds of one prover. `latest`: when it has to be finished. Its turn comes by `due_at`."""

    seconds: float
    due_at: float
    latest: float
    rollup: str = ""
    job_id: str = ""


def in_order(pieces: Sequence[Piece]) -> list[Piece]:
    return sorted(pieces, key=lambda one: (one.due_at, one.rollup, one.job_id))


def ends(pieces: Sequence[Piece], free: Sequence[float]) -> list[float]:
    """When each of `pieces` (in order) is finished; never, without provers."""
    if not free:
        return [float("inf")] * len(pieces)
    heap = list(free)
    heapq.heapify(heap)
    found = []
    for one in pieces:
        end = heap[0] + one.seconds
        heapq.heapreplace(heap, end)
        found.append(end)
    return found


def are_met(pieces: Sequence[Piece], free: Sequence[float]) -> bool:
    """Whether all are finished by their `latest`."""
    if not free:
        return not pieces
    heap = list(free)
    heapq.heapify(heap)
    for one in pieces:
        end = heap[0] + one.seconds
        if end > one.latest:
            return False
        heapq.heapreplace(heap, end)
    return True


def fewest(pieces: Sequence[Piece], free: Sequence[float], fresh_at: float, most: int) -> int | None:
    """The fewest provers more, ready at `fresh_at`, that meet all; None: not even `most` do."""
    most = min(most, len(pieces))
    if are_met(pieces, free):
        return 0
    if most <= 0 or not are_met(pieces, [*free, *[fresh_at] * most]):
        return None
    low, high = 0, most  # low does not meet, high does
    while high - low > 1:
        middle = (low + high) // 2
        if are_met(pieces, [*free, *[fresh_at] * middle]):
            high = middle
        else:
            low = middle
    return high


def fewest_for_least_delay(
    pieces: Sequence[Piece], free: Sequence[float], fresh_at: float, most: int, tolerance: float
) -> int:
    """
    Where `most` do not meet all: the fewest that are no later than those would be, but for `tolerance` seconds.

    One job that cannot be met is no reason to start a prover for each of the others.
    """
    most = min(most, len(pieces))
    done = ends(pieces, [*free, *[fresh_at] * most])
    delay = max((end - one.latest for one, end in zip(pieces, done, strict=True)), default=0.0) + tolerance
    relaxed = [replace(one, latest=one.latest + delay) for one in pieces]
    found = fewest(relaxed, free, fresh_at, most)
    return most if found is None else found
