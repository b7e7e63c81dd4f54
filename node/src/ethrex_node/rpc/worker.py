"""
A worker process: serves HTTP and WebSocket from its own database reader, forwards what needs the writer.

Started by ``workers``, never by hand: its settings come as one line of JSON on standard input, which stays open. Its
end means that the writing process is gone, by whatever death, and ends the worker.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, cast

import orjson

from ethrex_node.rpc import dispatch, link, loops, parts, server, service, settings, table, wire
from ethrex_node.rpc.node import Local

log = logging.getLogger(__name__)

REPORT_SECONDS: Final = 5.0
REPORT_METHOD: Final = "workers_report"
PAGE_METHOD: Final = "workers_page"


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What a worker is told. `native` names the module of Reader, snapshot_methods, keccak256."""

    number: int
    rules: settings.HttpSettings
    identity: parts.Identity
    link: str
    database: str
    modules: tuple[str, ...]
    forwarded: tuple[str, ...]  # writer's methods of groups that a worker does not know by itself
    log_level: str = "INFO"
    native: str = "ethrex_node._native"
    pages: tuple[str, ...] = ()  # paths that the writer answers
    reader: str = ""  # settings of the native reader, JSON; empty: its defaults

    def dump(self) -> bytes:
        return orjson.dumps(asdict(self), default=list)

    @classmethod
    def load(cls, line: bytes) -> WorkerSettings:
        fields = orjson.loads(line)
        rules = fields.pop("rules")
        limits = settings.Limits(**rules.pop("limits"))
        for name in ("vhosts", "cors_origins", "websocket_origins"):
            rules[name] = frozenset(rules[name])
        rules["namespaces"] = tuple(rules["namespaces"])
        for name in ("modules", "forwarded", "pages"):
            fields[name] = tuple(fields[name])
        identity = parts.Identity(**fields.pop("identity"))
        return cls(rules=settings.HttpSettings(limits=limits, **rules), identity=identity, **fields)


class Tunnels:
    """A link of its own for each connection that subscribes: what the writer pushes there belongs to it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._links: dict[parts.Session, link.Link] = {}

    async def __call__(self, session: parts.Session) -> parts.Remote:
        found = self._links.get(session)
        if found is None:
            found = await link.connect(
                self._path, session.push, lambda: session.end("subscriptions are lost, try again")
            )
            self._links[session] = found
            session.at_close(lambda: self._close(session))
        return found

    def _close(self, session: parts.Session) -> None:
        found = self._links.pop(session, None)
        if found is not None:
            found.close()


def _forwarded(names: tuple[str, ...]) -> table.Group:
    """Methods that are known here by name only: the dispatcher forwards them and never calls what stands for them."""
    group = table.Group()
    for name in names:
        group.method(name)(_never)
    return group


def _never(state: object) -> None:
    raise NotImplementedError("a method of the writing process")


async def run(told: WorkerSettings, ended: Callable[[], Awaitable[object]], ready: Callable[[], object]) -> None:
    """Serve until `ended`. Calls `ready` when the door is open."""
    native: Any = importlib.import_module(told.native)
    reader = native.Reader(told.database, told.reader.encode()) if told.reader else native.Reader(told.database)
    path = Path(told.link)
    remote = link.KeptLink(path)
    await remote.start()
    local = Local(told.identity, native.keccak256, lambda: list(told.modules))
    methods = service.methods(native.snapshot_methods(), local, None, [(_forwarded(told.forwarded), None)])
    dispatcher = dispatch.Dispatcher(
        methods,
        reader,
        methods.served(told.rules.namespaces, settings.ALWAYS_SERVED),
        told.rules.limits,
        remote=remote,
        tunnel=Tunnels(path),
    )
    door = server.Server(dispatcher, told.rules, pages=dict.fromkeys(told.pages, _page(remote)))
    await door.start(reuse_port=True)
    reporter = asyncio.get_running_loop().create_task(_report(told.number, dispatcher, remote))
    ready()
    await ended()
    reporter.cancel()
    await door.stop()
    await remote.close()
    dispatcher.close()


def _page(remote: parts.Remote) -> server.PageHandler:
    """A page is made by the writing process."""

    async def page(method: bytes, target: str, body: bytes) -> server.Page:
        answer = await remote.ask(wire.call(PAGE_METHOD, [method.decode("latin-1"), target, body.decode("latin-1")]))
        status, text, content_type = wire.result_of(answer)
        return server.Page(status, text.encode("latin-1"), content_type.encode("latin-1"))

    return page


async def _report(number: int, dispatcher: dispatch.Dispatcher, remote: link.KeptLink) -> None:
    """Tell the writer what was counted here."""
    while True:
        await asyncio.sleep(REPORT_SECONDS)
        rows = [list(row) for row in dispatcher.stats.rows()]
        remote.tell(wire.call(REPORT_METHOD, [number, os.getpid(), rows]))


def main() -> None:
    told = WorkerSettings.load(sys.stdin.buffer.readline())
    logging.basicConfig(level=told.log_level, format=f"%(asctime)s %(levelname)s worker {told.number}: %(message)s")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl-c reaches the whole group; the writer decides
    loops.run(_serve(told))


async def _serve(told: WorkerSettings) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_reader(sys.stdin.fileno(), stop.set)  # nothing more is ever sent: readable means closed

    def ready() -> None:
        sys.stdout.write("ready\n")
        sys.stdout.flush()

    await run(told, cast("Callable[[], Awaitable[object]]", stop.wait), ready)


if __name__ == "__main__":
    main()
