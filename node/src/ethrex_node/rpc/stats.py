"""
What the RPC counts: calls, errors, time, by method. Two list additions and a bisect a call, nothing else on the hot
path; ``observe`` turns `rows` into metrics when somebody asks.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

BUCKETS_SECONDS: Final = (0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.001, 0.005, 0.01, 0.025, 0.1, 0.5, 1.0, 5.0)


class Row(NamedTuple):
    """One method's counters. `buckets` counts calls by BUCKETS_SECONDS, one more for those above (not cumulative)."""

    method: str
    calls: int
    errors: int
    seconds: float
    buckets: tuple[int, ...]


class Stats:
    """Counters by row number of the table."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names: list[str] = []
        self.errors: list[int] = []
        self.seconds: list[float] = []
        self._buckets: list[list[int]] = []
        self.cover(names)

    def cover(self, names: Sequence[str]) -> None:
        """Make room for methods that were added to the table since."""
        for name in names[len(self._names) :]:
            self._names.append(name)
            self.errors.append(0)
            self.seconds.append(0.0)
            self._buckets.append([0] * (len(BUCKETS_SECONDS) + 1))

    def add(self, number: int, seconds: float) -> None:
        self.seconds[number] += seconds
        self._buckets[number][bisect_left(BUCKETS_SECONDS, seconds)] += 1

    def rows(self) -> Iterator[Row]:
        """Methods that were called at least once."""
        for name, errors, seconds, buckets in zip(self._names, self.errors, self.seconds, self._buckets, strict=True):
            calls = sum(buckets)
            if calls:
                yield Row(name, calls, errors, seconds, tuple(buckets))
