"""
A listening address: connections, their limits in time, and a stop that finishes what is in hand.

One `Server` a door (HTTP, WebSocket, Engine API); several may share a dispatcher. The Engine API's door has an
`authorize` function: its heads are judged afresh each time, because a token's validity ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from ethrex_node.rpc import connection, dispatch, heads, settings, websocket

log = logging.getLogger(__name__)

SWEEP_SECONDS: Final = 1.0
BACKLOG: Final = 1024


@dataclass(frozen=True, slots=True)
class Page:
    """An answer that is not JSON-RPC: health, metrics, the Beacon API of dev mode."""

    status: int
    body: bytes
    content_type: bytes = b"application/json"


PageHandler = Callable[[bytes, str, bytes], Awaitable[Page]]  # method, target, body
Authorize = Callable[[heads.Headers], str | None]  # None: welcome; else why not


class Server:
    """Listens from `start` to `stop`."""

    def __init__(
        self,
        dispatcher: dispatch.Dispatcher,
        rules: settings.HttpSettings,
        *,
        pages: Mapping[str, PageHandler] | None = None,
        authorize: Authorize | None = None,
    ) -> None:
        self.dispatcher = dispatcher
        self.rules = rules
        self.cache = heads.HeadCache()
        self.connections: set[connection.Connection | websocket.WebSocket] = set()
        self.closing = False
        self.now = 0.0
        self._gone = asyncio.Event()
        self._pages = dict(pages or {})
        self._authorize = authorize
        self._listener: asyncio.Server | None = None
        self._sweeper: asyncio.TimerHandle | None = None

    async def start(self, *, reuse_port: bool = False) -> None:
        """Bind and serve. Raises OSError where the address is taken."""
        self.loop = asyncio.get_running_loop()
        self.now = self.loop.time()
        self._listener = await self.loop.create_server(
            lambda: connection.Connection(self),
            self.rules.host,
            self.rules.port,
            backlog=BACKLOG,
            reuse_port=reuse_port or None,
        )
        self._sweep()

    @property
    def port(self) -> int:
        assert self._listener is not None
        port: int = self._listener.sockets[0].getsockname()[1]
        return port

    async def stop(self, grace_seconds: float = 5.0) -> None:
        """Take nothing new, finish what is in hand, then close. What is not done within the grace is cut off."""
        self.closing = True
        if self._listener is not None:
            self._listener.close()
        for one in list(self.connections):
            one.stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_seconds):
                await self._empty()
        for one in list(self.connections):
            one.abort()
        if self._sweeper is not None:
            self._sweeper.cancel()

    async def _empty(self) -> None:
        """Wait until the last connection is gone."""
        while self.connections:
            self._gone.clear()
            await self._gone.wait()

    # what a connection asks

    def left(self, one: connection.Connection | websocket.WebSocket) -> None:
        self.connections.discard(one)
        self._gone.set()

    def admit(self, one: connection.Connection) -> bool:
        full = len(self.connections) >= self.rules.limits.connections
        self.connections.add(one)
        return not full and not self.closing

    def judge(self, raw: heads.Raw) -> heads.Head:
        if self._authorize is not None and raw.method != b"OPTIONS":
            reason = self._authorize(raw.headers)
            if reason is not None:
                refused = heads.refusal(401, reason)
                return heads.Head(raw.method, raw.target, None, False, False, b"", ready=refused)
        return heads.judge(raw, self.rules, tuple(self._pages))

    def remember(self, text: bytes, head: heads.Head) -> None:
        if self._authorize is None:
            self.cache.put(text, head)

    async def page(self, head: heads.Head, body: bytes) -> bytes:
        """The whole response of another handler's page."""
        target = head.target.decode("latin-1")
        try:
            page = await self._pages[page_of(self._pages, target)](head.method, target, body)
        except Exception:
            log.exception("page %s failed", target)
            page = Page(500, b'{"code":500,"message":"internal error"}')
        return heads.response(page.status, page.body, keep_alive=head.keep_alive, kind=page.content_type)

    def upgrade(self, transport: asyncio.Transport, head: heads.Head, rest: bytes) -> None:
        """Hand a connection over to the WebSocket protocol."""
        one = websocket.WebSocket(self.dispatcher, self.rules.limits, self.left)
        self.connections.add(one)
        one.take_over(transport, head, rest)

    def _sweep(self) -> None:
        self.now = self.loop.time()
        for one in list(self.connections):
            one.sweep(self.now)
        self._sweeper = self.loop.call_later(SWEEP_SECONDS, self._sweep)


def page_of(pages: Iterable[str], target: str) -> str:
    """The name (a path or the begin of one) of the page that a target means."""
    path = target.partition("?")[0]
    return next(name for name in pages if path == name or path.startswith(name + "/"))


def free_port(host: str = "127.0.0.1") -> int:
    """A port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port
