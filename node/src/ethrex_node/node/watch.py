"""
What operators see of a process from its first moment: probes, metrics, traces.

A `Watch` stands before there is a node, so that the probes answer while the database is opened and a file is imported.
"""

from __future__ import annotations

import asyncio

from .. import _native
from ..config import settings
from ..observe import admin, blocks, health, metrics, stall, tracing


class Watch:
    """From `start` to `stop`, on the running loop. Raises TracingUnavailable where it is made."""

    def __init__(self, wanted: settings.Settings) -> None:
        self.health = health.Health()
        self.metrics = metrics.Metrics()
        self.stall = stall.StallMonitor()
        self.tracing = tracing.start(wanted.tracing_endpoint, wanted.tracing_ratio, _native.version())
        self.blocks = blocks.Blocks(self.tracing)
        self.metrics.add("loop", self.stall.metrics)
        self.metrics.add("blocks", self.blocks.metrics)
        self.admin = (
            admin.AdminServer(wanted.metrics_addr, wanted.metrics_port, self.metrics, self.health)
            if wanted.metrics
            else None
        )

    async def start(self) -> None:
        """Raises OSError where the address is taken."""
        self.stall.start()
        if self.admin is not None:
            await self.admin.start()

    async def stop(self) -> None:
        """Send the traces that wait."""
        if self.admin is not None:
            await self.admin.stop()
        self.stall.stop()
        await asyncio.to_thread(self.tracing.stop)
