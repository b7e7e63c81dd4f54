"""
What every HTTP door of a rollup's roles does alike: who is it, how often, what is said no to.

What is said no to is an answer with ``{"error": ..., "message": ...}`` and the status of its kind.
"""

from __future__ import annotations

import logging
import ssl
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Final

import orjson
from aiohttp import web

from ethrex_node.rollup.coordinator import rates
from ethrex_node.rollup.coordinator.errors import CoordinatorError, NotFound, TooLarge, TooMany
from ethrex_node.rollup.coordinator.identities import Authenticate, Identity, bearer

log = logging.getLogger(__name__)

IDLE_SECONDS: Final = 30.0
Handler = Callable[[web.Request, Identity], Awaitable[web.StreamResponse]]
Identify = Callable[[web.Request], Awaitable[Identity]]


class Door:
    """From `start` to `stop`. `answers` counts them by status."""

    def __init__(self, identify: Identify, rate: rates.Rate, clock: Callable[[], float] = time.monotonic) -> None:
        self.answers: Counter[str] = Counter()
        self._identify = identify
        self._rate = rate
        self._clock = clock
        self._buckets: dict[str, rates.Bucket] = {}
        self._application = web.Application()
        self._runner = web.AppRunner(self._application, access_log=None, keepalive_timeout=IDLE_SECONDS)
        self._scheme = "http"

    def add(self, method: str, path: str, handler: Handler) -> None:
        self._application.router.add_route(method, path, self._guarded(handler))

    async def start(self, host: str, port: int, certificates: ssl.SSLContext | None = None) -> None:
        """Raises OSError where the address is taken."""
        self.add("*", "/{anything:.*}", _nothing_here)
        self._scheme = "https" if certificates else "http"
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port, ssl_context=certificates).start()

    async def stop(self) -> None:
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        address = self._runner.addresses[0]
        return f"{self._scheme}://{address[0]}:{address[1]}"

    def _guarded(self, handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                identity = await self._identify(request)
                bucket = self._buckets.get(identity.name)
                self._buckets[identity.name] = rates.taken(bucket, self._rate, self._clock())
                answer = await handler(request, identity)
            except CoordinatorError as error:
                answer = _refusal(error)
                log.info("refused", extra={"path": request.path, "from": request.remote, "reason": str(error)})
            self.answers[str(answer.status)] += 1
            return answer

        return handle


def by_token(authenticate: Authenticate) -> Identify:
    """Whoever shows no known token is refused."""

    async def identify(request: web.Request) -> Identity:
        return await authenticate(bearer(request.headers.get("Authorization")))

    return identify


async def body(request: web.Request, most_bytes: int) -> bytes:
    """Never more than `most_bytes` in memory, whatever a header announces. Raises `TooLarge`."""
    if (request.content_length or 0) > most_bytes:
        raise TooLarge(most_bytes)
    received = bytearray()
    async for chunk in request.content.iter_any():
        received += chunk
        if len(received) > most_bytes:
            raise TooLarge(most_bytes)
    return bytes(received)


def json(value: Any) -> web.Response:
    return web.Response(body=orjson.dumps(value), content_type="application/json")


async def _nothing_here(request: web.Request, identity: Identity) -> web.StreamResponse:
    raise NotFound(f"{request.method} {request.path[:200]} is not served")


def _refusal(error: CoordinatorError) -> web.Response:
    """A body that was not read is not waited for: the connection ends with the answer."""
    content = orjson.dumps({"error": type(error).__name__, "message": str(error)})
    headers = {"Retry-After": str(max(1, round(error.retry_seconds)))} if isinstance(error, TooMany) else {}
    answer = web.Response(status=error.status, body=content, content_type="application/json", headers=headers)
    if isinstance(error, TooLarge):
        answer.force_close()
    return answer
