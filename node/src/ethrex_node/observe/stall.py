"""
How long the event loop was kept from turning: a tick each 20 ms that notes how late it came.

What blocks the loop (a native call that holds the GIL, a file, a long computation) shows up here first, as latency of
every connection. The bound is 10 ms.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Final

from prometheus_client.core import Metric

from ethrex_node.observe import metrics

log = logging.getLogger(__name__)

TICK_SECONDS: Final = 0.02
BOUNDS_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
TOLD_SECONDS: Final = 0.25  # a gap worth a line in the log


class StallMonitor:
    """From `start` to `stop`, on the running loop."""

    def __init__(self) -> None:
        self.longest = 0.0
        self.since_scrape = 0.0
        self._gaps = metrics.Histogram(BOUNDS_SECONDS)
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._arm(asyncio.get_running_loop())

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self, loop: asyncio.AbstractEventLoop) -> None:
        due = loop.time() + TICK_SECONDS
        self._timer = loop.call_at(due, self._tick, loop, due)

    def _tick(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        gap = max(0.0, loop.time() - due)
        self.note(gap)
        self._arm(loop)

    def note(self, gap: float) -> None:
        self._gaps.observe(gap)
        self.longest = max(self.longest, gap)
        self.since_scrape = max(self.since_scrape, gap)
        if gap >= TOLD_SECONDS:
            log.warning("the event loop stood still", extra={"seconds": round(gap, 3)})

    def metrics(self) -> Iterator[Metric]:
        yield metrics.histogram(
            "loop_gap_seconds", "How late the event loop came to a tick", BOUNDS_SECONDS, [self._gaps.row({})]
        )
        yield metrics.gauge("loop_longest_gap_seconds", "Longest gap since the last scrape", self.since_scrape)
        yield metrics.gauge("loop_longest_gap_ever_seconds", "Longest gap since the start", self.longest)
        self.since_scrape = 0.0
