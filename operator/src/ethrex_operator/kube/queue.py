"""
The one queue of work: keys of resources, each at most once in it and by one run at a time.

A key that is added while its run is on is run again after it. A run says when it wants to be looked at again; one that
fails comes again later and later, and at once when the resource has another generation.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

log = logging.getLogger(__name__)

Key = TypeVar("Key", bound=Hashable)

FIRST_SECONDS: Final = 0.5
MOST_SECONDS: Final = 120.0
FIRST: Final = float("-inf")
JITTER: Final = 0.2  # of a pause, so that what began together does not stay together


@dataclass(frozen=True, slots=True)
class Again:
    """What a run gives back: when to look again, if nothing happens before. None: only when something happens."""

    seconds: float | None = None


@dataclass(slots=True)
class _Entry(Generic[Key]):
    key: Key
    due: float  # of the queue's clock
    running: bool = False
    done: bool = False  # a run of it has succeeded
    dirty: bool = False  # added while running
    changed: bool = False  # with another generation
    failures: int = 0
    generation: int = 0


@dataclass(slots=True)
class Counts:
    """For metrics."""

    runs: Counter[str] = field(default_factory=Counter)  # by outcome
    seconds: float = 0.0


class Queue(Generic[Key]):
    """`run` is given a key; what it raises is a failure of that key alone. Lives while `work` runs."""

    def __init__(
        self,
        run: Callable[[Key], Awaitable[Again]],
        *,
        parallel: int = 8,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._run, self._parallel, self._clock, self._chance = run, parallel, clock, chance
        self._entries: dict[Key, _Entry[Key]] = {}
        self._heap: list[tuple[float, int, Key]] = []
        self._number = 0
        self._woken = asyncio.Event()
        self.counts = Counts()

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def unseen(self) -> int:
        """Those of which no run has succeeded yet."""
        return sum(not one.done for one in self._entries.values())

    def add(self, key: Key, *, generation: int = 0, seconds: float = 0.0) -> None:
        """
        Look at `key` now, or at the latest after `seconds`. Another generation forgets earlier failures, and goes before
        all that is due: somebody waits for it.
        """
        entry = self._entries.setdefault(key, _Entry(key, float("inf")))
        changed = generation > entry.generation
        if changed:
            entry.generation, entry.failures = generation, 0
        elif entry.failures and not entry.running and seconds == 0.0:
            return  # it comes again by itself: what happens to its children is often its own failing
        if entry.running:
            entry.dirty, entry.changed = True, entry.changed or changed
            return
        self._schedule(entry, FIRST if changed else min(entry.due, self._clock() + seconds))

    def drop(self, key: Key) -> None:
        """The resource is gone: a run that is on is its last."""
        self._entries.pop(key, None)

    async def work(self) -> None:
        """Until cancelled; runs that are on are cancelled with it."""
        async with asyncio.TaskGroup() as group:
            running: set[asyncio.Task[None]] = set()
            while True:
                self._woken.clear()
                while len(running) < self._parallel and (entry := self._next()) is not None:
                    entry.running, entry.due = True, float("inf")
                    task = group.create_task(self._one(entry))
                    running.add(task)
                    task.add_done_callback(running.discard)
                    task.add_done_callback(lambda _: self._woken.set())
                pause = self._until_next() if len(running) < self._parallel else None
                try:
                    async with asyncio.timeout(pause):
                        await self._woken.wait()
                except TimeoutError:
                    pass

    async def _one(self, entry: _Entry[Key]) -> None:
        began = self._clock()
        pause: float | None
        try:
            pause = (await self._run(entry.key)).seconds
            entry.failures, entry.done = 0, True
            self.counts.runs["done"] += 1
        except Exception:
            entry.failures += 1
            pause = min(MOST_SECONDS, FIRST_SECONDS * 2 ** min(entry.failures - 1, 16))
            self.counts.runs["failed"] += 1
            log.warning("a reconcile failed", extra={"key": str(entry.key), "again_in": pause}, exc_info=True)
        self.counts.seconds += self._clock() - began
        entry.running = False
        if self._entries.get(entry.key) is not entry:
            return
        if entry.dirty and not entry.failures:
            pause = 0.0
        changed, entry.dirty, entry.changed = entry.changed, False, False
        if changed:
            self._schedule(entry, FIRST)
        elif pause is not None:
            self._schedule(entry, self._clock() + pause * (1 + JITTER * self._chance()))

    def _schedule(self, entry: _Entry[Key], due: float) -> None:
        if due < entry.due:
            entry.due = due
            self._number += 1
            heapq.heappush(self._heap, (due, self._number, entry.key))
            self._woken.set()

    def _next(self) -> _Entry[Key] | None:
        while self._heap and self._heap[0][0] <= self._clock():
            due, _, key = heapq.heappop(self._heap)
            entry = self._entries.get(key)
            if entry is not None and not entry.running and entry.due == due:
                return entry
        return None

    def _until_next(self) -> float | None:
        return max(0.0, self._heap[0][0] - self._clock()) if self._heap else None
