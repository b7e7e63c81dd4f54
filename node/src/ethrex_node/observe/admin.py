"""The door for operators: ``/metrics`` and the probes, on an address of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from ethrex_node.observe.health import Answer, Health
from ethrex_node.observe.metrics import CONTENT_TYPE, Metrics


class AdminServer:
    """From `start` to `stop`."""

    def __init__(self, host: str, port: int, metrics: Metrics, health: Health) -> None:
        self._host, self._port = host, port
        application = web.Application()
        application.router.add_get("/metrics", _metrics(metrics))
        application.router.add_get("/healthz", _probe(health.live))
        application.router.add_get("/readyz", _probe(health.ready))
        application.router.add_get("/startupz", _probe(health.started))
        self._runner = web.AppRunner(application, access_log=None)

    async def start(self) -> None:
        """Raises OSError where the address is taken."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        await site.start()

    @property
    def port(self) -> int:
        address = self._runner.addresses[0]
        assert isinstance(address, tuple)
        return int(address[1])

    async def stop(self) -> None:
        await self._runner.cleanup()


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def _metrics(metrics: Metrics) -> Handler:
    async def handle(_: web.Request) -> web.StreamResponse:
        return web.Response(body=metrics.render(), headers={"Content-Type": CONTENT_TYPE})

    return handle


def _probe(ask: Callable[[], Answer]) -> Handler:
    async def handle(_: web.Request) -> web.StreamResponse:
        status, body = ask()
        return web.Response(status=status, body=body, content_type="application/json")

    return handle
