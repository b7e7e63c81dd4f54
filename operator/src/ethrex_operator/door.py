"""Metrics and probes of the operator. A standby is ready: it is ready to lead."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from .kube.lease import Leadership


class Door(Collector):
    """From `start` to `stop`."""

    def __init__(self, host: str, port: int, leadership: Leadership) -> None:
        self.port = port
        self.sources: list[Callable[[], Iterator[Metric]]] = []
        self._host, self._leadership = host, leadership
        self._registry = CollectorRegistry()
        self._registry.register(self)
        app = web.Application()
        app.router.add_get("/healthz", self._yes)
        app.router.add_get("/readyz", self._yes)
        app.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(app, access_log=None)

    async def start(self) -> None:
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        await self._runner.cleanup()

    def collect(self) -> Iterator[Metric]:
        for source in self.sources:
            yield from source()

    async def _yes(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "ok", "leads": self._leadership.leads})

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=generate_latest(self._registry), content_type="text/plain", charset="utf-8")
