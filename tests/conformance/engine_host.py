"""
A node for one engine fixture, in this process: database, chain, Engine API and its HTTP door.

All is the node's own, the ties between its parts too (``node.consensus``); no pool and no builder stand behind it, since
fixtures only ask for judgement. One event loop a process runs in a thread of its own; a node lives
between ``start`` and ``stop``, some milliseconds, and has a port and a database to itself.
"""

from __future__ import annotations

import asyncio
import http.client
import logging
import tempfile
import threading
import time
from collections.abc import Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, TypeVar

import orjson

from conformance import state_check
from ethrex_node import _native
from ethrex_node.chain import Chain
from ethrex_node.engine import jwt, methods, parts
from ethrex_node.node import consensus
from ethrex_node.rpc import dispatch, server, settings, stats, table

T = TypeVar("T")
SECRET: Final = bytes(range(32))
MAP_BYTES: Final = 64 << 20  # grows by itself where a test needs more
BODY_BYTES: Final = 128 << 20  # a payload may hold a block of 10 MiB in hex
STOP_SECONDS: Final = 5.0
REQUEST_SECONDS: Final = 120.0


class Client:
    """A consensus client's connection. ``call`` gives the whole answer, ``ask`` the result."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=REQUEST_SECONDS)

    def call(self, method: str, /, *params: object) -> dict[str, Any]:
        body = orjson.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        token = jwt.sign(SECRET, time.time())
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        self._connection.request("POST", "/", body, headers)
        answer: dict[str, Any] = orjson.loads(self._connection.getresponse().read())
        return answer

    def ask(self, method: str, /, *params: object) -> Any:
        return state_check.result_of(method, self.call(method, *params))

    def close(self) -> None:
        self._connection.close()


@contextmanager
def node(genesis: bytes) -> Iterator[Client]:
    """`genesis` is a genesis file in geth's form."""
    with tempfile.TemporaryDirectory(prefix="conformance-node-") as folder:
        running = _on_loop(Running.start(_native.Chain(folder, genesis, durable=False, map_size=MAP_BYTES), genesis))
        client = Client(running.door.port)
        try:
            yield client
        finally:
            client.close()
            _on_loop(running.stop())


@dataclass(slots=True)
class Running:
    chain: Chain
    engine: methods.Engine
    door: server.Server
    threads: ThreadPoolExecutor

    @classmethod
    async def start(cls, native: _native.Chain, genesis: bytes) -> Running:
        merged_at = int(orjson.loads(genesis)["config"].get("terminalTotalDifficulty", 0))
        tree = consensus.Tree(chain := Chain(native), merged_at)
        engine = methods.Engine(tree, NoPool(), NoPool(), consensus.Codec(), version="conformance")
        rows = table.Table(_native.snapshot_methods())
        rows.add(methods.METHODS, engine)
        threads = ThreadPoolExecutor(1)
        dispatcher = dispatch.Dispatcher(
            rows,
            native.reader(),
            rows.served(("engine", "eth")),
            limits := settings.Limits(body_bytes=BODY_BYTES, answer_seconds=REQUEST_SECONDS),
            counters=stats.Stats([row.name for row in rows.rows]),
            threads=threads,
        )
        door = server.Server(
            dispatcher, settings.HttpSettings(port=0, limits=limits), authorize=jwt.guard(SECRET, time.time)
        )
        await door.start()
        return cls(chain, engine, door, threads)

    async def stop(self) -> None:
        await self.door.stop(STOP_SECONDS)
        await self.engine.close()
        self.threads.shutdown()
        self.chain.close()


class NoPool:
    """Fixtures neither build nor ask for blobs."""

    async def build(self, parent: bytes, attributes: parts.Attributes) -> parts.Built:
        raise NotImplementedError("no payload is built in a fixture")

    async def blobs(self, versioned_hashes: Sequence[bytes]) -> Sequence[parts.Blob | None]:
        return [None] * len(versioned_hashes)


@cache
def _loop() -> asyncio.AbstractEventLoop:
    logging.getLogger("ethrex_node.engine").setLevel(logging.ERROR)  # a bad payload is nothing to report here
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="engine", daemon=True).start()
    return loop


def _on_loop(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run_coroutine_threadsafe(work, _loop()).result()
