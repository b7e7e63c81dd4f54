"""
A node for one engine fixture, in this process: database, chain, Engine API and its HTTP door.

All is the node's own but the few lines that tie the native chain to what the Engine API asks of it; no pool and no builder
stand behind it, since fixtures only ask for judgement. One event loop a process runs in a thread of its own; a node lives
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
from ethrex_node.engine import jwt, methods, parts
from ethrex_node.rpc import dispatch, server, settings, stats, table

T = TypeVar("T")
SECRET: Final = bytes(range(32))
MAP_BYTES: Final = 64 << 20  # grows by itself where a test needs more
BODY_BYTES: Final = 128 << 20  # a payload may hold a block of 10 MiB in hex
STOP_SECONDS: Final = 5.0
REQUEST_SECONDS: Final = 120.0
ZERO: Final = bytes(32)


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
    engine: methods.Engine
    door: server.Server
    threads: ThreadPoolExecutor

    @classmethod
    async def start(cls, chain: _native.Chain, genesis: bytes) -> Running:
        engine = methods.Engine(Tree(chain), NoPool(), NoPool(), Codec(), version="conformance")
        rows = table.Table(_native.snapshot_methods())
        rows.add(methods.METHODS, engine)
        threads = ThreadPoolExecutor(1)
        dispatcher = dispatch.Dispatcher(
            rows,
            chain.reader(),
            rows.served(("engine", "eth")),
            limits := settings.Limits(body_bytes=BODY_BYTES, answer_seconds=REQUEST_SECONDS),
            counters=stats.Stats([row.name for row in rows.rows]),
            threads=threads,
        )
        door = server.Server(
            dispatcher, settings.HttpSettings(port=0, limits=limits), authorize=jwt.guard(SECRET, time.time)
        )
        await door.start()
        return cls(engine, door, threads)

    async def stop(self) -> None:
        await self.door.stop(STOP_SECONDS)
        await self.engine.close()
        self.threads.shutdown()


class Tree:
    """The native chain as the Engine API's block tree."""

    def __init__(self, chain: _native.Chain) -> None:
        self._chain = chain

    def fork(self, timestamp: int) -> str:
        return self._chain.next_block(timestamp).fork.lower()

    def head(self) -> parts.Known:
        head = self._chain.head()
        return parts.Known(head.number, head.hash, head.parent_hash, head.timestamp)

    def finalized(self) -> parts.Known | None:
        return None

    async def known(self, block_hash: bytes) -> parts.Known | None:
        facts = self._chain.block_facts(block_hash)
        if facts is None:
            return None
        number, timestamp, _, _ = facts
        return parts.Known(number, block_hash, self._parent(block_hash), timestamp)

    def _parent(self, block_hash: bytes) -> bytes:
        block = self._chain.block(block_hash)
        assert block is not None, "a block that is known has its content"
        parent: bytes = _native.rlp_decode(block)[0][0]
        return parent

    async def canonical_hash(self, number: int) -> bytes | None:
        return self._chain.canonical_hash(number)

    async def is_ancestor(self, ancestor: bytes, block_hash: bytes) -> bool:
        while block_hash not in (ancestor, ZERO):
            block_hash = self._parent(block_hash)
        return block_hash == ancestor

    async def execute(self, block: bytes) -> None:
        try:
            await asyncio.to_thread(self._chain.execute, block)
        except _native.BlockInvalid as error:
            raise parts.BlockInvalid(str(error.args[1])) from error
        except _native.UnknownParent as error:
            raise parts.UnknownParent(str(error)) from error

    async def set_head(self, head: bytes, safe: bytes, finalized: bytes) -> None:
        await asyncio.to_thread(self._chain.set_head, head, safe, finalized)

    async def block(self, block_hash: bytes) -> bytes | None:
        return self._chain.block(block_hash)

    async def body(self, block_hash: bytes) -> bytes | None:
        block = self._chain.block(block_hash)
        return None if block is None else _native.rlp_encode(_native.rlp_decode(block)[1:])


class Codec:
    """The native codec, with its refusals as the Engine API knows them."""

    block_to_payload = staticmethod(_native.block_to_payload)
    block_to_payload_body = staticmethod(_native.block_to_payload_body)

    def payload_to_block(
        self,
        version: int,
        payload: bytes,
        versioned_hashes: list[bytes] | None,
        parent_beacon_root: bytes | None,
        requests: list[bytes] | None,
        /,
    ) -> tuple[bytes, bytes]:
        try:
            return _native.payload_to_block(version, payload, versioned_hashes, parent_beacon_root, requests)
        except _native.PayloadInvalid as error:
            raise parts.PayloadInvalid(*error.args) from error


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
