"""
Worker processes that share one HTTP port (`--http.workers`): started, watched, restarted, ended with the writer.

The kernel spreads connections over them (SO_REUSEPORT). The writer keeps the port reserved with a socket that never
listens, so that the port is known before a worker lives and a taken one is refused here, in words.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from ethrex_node.rpc import link, server, service, settings, stats, table
from ethrex_node.rpc.worker import PAGE_METHOD, REPORT_METHOD, WorkerSettings

log = logging.getLogger(__name__)

START_SECONDS: Final = 15.0
STOP_SECONDS: Final = 6.0  # above the grace that a worker gives its connections
RESTART_SECONDS: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)  # by how often it died young
YOUNG_SECONDS: Final = 10.0

METHODS: Final = table.Group()


class StartFailed(Exception):
    """A worker did not come up; the message has its last words."""


class Workers:
    """`count` processes behind one port, from `start` to `stop`."""

    def __init__(
        self,
        main: service.Service,
        rules: settings.HttpSettings,
        count: int,
        database: Path,
        *,
        native: str = "ethrex_node._native",
        log_level: str = "INFO",
        reader: str = "",
        pages: Mapping[str, server.PageHandler] | None = None,
    ) -> None:
        self._main = main
        self._rules = rules
        self._count = count
        self._database = database
        self._folder = tempfile.TemporaryDirectory(
            prefix="ethrex-"
        )  # a data folder's path may be too long for a socket
        self._socket_path = Path(self._folder.name) / "link"
        self._native = native
        self._log_level = log_level
        self._reader = reader
        self._pages = dict(pages or {})
        self._reserved: socket.socket | None = None
        self._link: link.LinkServer | None = None
        self._watchers: list[asyncio.Task[None]] = []
        self._processes: dict[int, asyncio.subprocess.Process] = {}
        self._closing = False
        self._rows: dict[int, list[stats.Row]] = {}  # by process

    async def start(self) -> None:
        """Raises OSError where the port is taken, StartFailed where a worker does not come up."""
        self._reserved = _reserve(self._rules.host, self._rules.port)
        self._rules = replace(self._rules, port=self._reserved.getsockname()[1])
        self._main.table.add(METHODS, self)
        namespaces = [*self._rules.namespaces, REPORT_METHOD.partition("_")[0]]
        self._link = link.LinkServer(self._socket_path, self._main.dispatcher(namespaces))
        await self._link.start()
        await asyncio.gather(*(self._launch(number) for number in range(self._count)))
        loop = asyncio.get_running_loop()
        self._watchers = [loop.create_task(self._watch(number)) for number in range(self._count)]

    @property
    def port(self) -> int:
        return self._rules.port

    @property
    def pids(self) -> list[int]:
        return [process.pid for process in self._processes.values()]

    async def stop(self) -> None:
        """End all workers after what they have in hand."""
        self._closing = True
        for watcher in self._watchers:
            watcher.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)
        await asyncio.gather(*(_end(process) for process in self._processes.values()))
        if self._link is not None:
            await self._link.stop()
        if self._reserved is not None:
            self._reserved.close()
        self._folder.cleanup()

    async def page(self, method: bytes, target: str, body: bytes) -> server.Page:
        """What a worker was asked for beside JSON-RPC. Raises KeyError where there is no such page."""
        return await self._pages[server.page_of(self._pages, target)](method, target, body)

    def report(self, pid: int, rows: Sequence[Sequence[Any]]) -> None:
        """What a worker counted since it started."""
        self._rows[pid] = [
            stats.Row(name, calls, errors, seconds, tuple(buckets)) for name, calls, errors, seconds, buckets in rows
        ]

    def rows(self) -> Iterator[stats.Row]:
        """What all workers counted, dead ones too."""
        for rows in self._rows.values():
            yield from rows

    async def _launch(self, number: int) -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "ethrex_node.rpc.worker",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        self._processes[number] = process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(self._told(number).dump() + b"\n")
        try:
            async with asyncio.timeout(START_SECONDS):
                word = await process.stdout.readline()
        except TimeoutError:
            word = b""
        if word != b"ready\n":
            await _end(process)
            raise StartFailed(f"worker {number} did not start within {START_SECONDS:g} s, exit {process.returncode}")

    def _told(self, number: int) -> WorkerSettings:
        return WorkerSettings(
            number=number,
            rules=self._rules,
            identity=self._main.node.identity,
            link=str(self._socket_path),
            database=str(self._database),
            modules=tuple(self._main.modules()),
            forwarded=tuple(self._main.further),
            log_level=self._log_level,
            reader=self._reader,
            pages=tuple(self._pages),
            native=self._native,
        )

    async def _watch(self, number: int) -> None:
        """Start a worker again when it dies."""
        loop = asyncio.get_running_loop()
        deaths = 0
        while True:
            born = loop.time()
            code = await self._processes[number].wait()
            deaths = deaths + 1 if loop.time() - born < YOUNG_SECONDS else 0
            log.error("worker %d ended with %d, starting it again", number, code)
            while True:
                await asyncio.sleep(RESTART_SECONDS[min(deaths, len(RESTART_SECONDS) - 1)])
                try:
                    await self._launch(number)
                    break
                except StartFailed as error:
                    deaths += 1
                    log.error("%s", error)


@METHODS.method(REPORT_METHOD)
def _report(workers: Workers, number: int, pid: int, rows: list[Any]) -> None:
    """A worker tells what it counted."""
    workers.report(pid, rows)


@METHODS.method(PAGE_METHOD)
async def _page(workers: Workers, method: str, target: str, body: str) -> list[Any]:
    """A page for a worker: status, body, content type; bytes as text of their code points."""
    page = await workers.page(method.encode("latin-1"), target, body.encode("latin-1"))
    return [page.status, page.body.decode("latin-1"), page.content_type.decode("latin-1")]


def _reserve(host: str, port: int) -> socket.socket:
    """Bind without listening. Nobody else may hold the port, a second node with SO_REUSEPORT neither."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        port = probe.getsockname()[1]
    reserved = socket.socket(family)
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    reserved.bind((host, port))
    return reserved


async def _end(process: asyncio.subprocess.Process) -> None:
    """Close its standard input, which tells it to finish; kill it when it does not."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
