"""
The Engine API over stand-ins, called as the door calls it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
from unit.engine import standin
from unit.rpc.conftest import Stand, build

from ethrex_node.engine import methods, parts
from ethrex_node.rpc import dispatch, service

ZERO = "0x" + "00" * 32


def hexed(raw: bytes) -> str:
    return "0x" + raw.hex()


@dataclass
class Desk:
    """A consensus client's view."""

    engine: methods.Engine
    chain: standin.MemoryChain
    builder: standin.MemoryBuilder
    blobs: standin.MemoryBlobs
    sync: standin.MemorySync
    stand: Stand
    dispatcher: dispatch.Dispatcher

    async def call(self, method: str, *params: Any) -> Any:
        body = orjson.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)})
        answer = self.dispatcher.answer(body)
        return orjson.loads(answer if isinstance(answer, bytes) else await answer)

    async def result(self, method: str, *params: Any) -> Any:
        answer = await self.call(method, *params)
        assert "result" in answer, answer
        return answer["result"]

    async def code(self, method: str, *params: Any) -> int:
        answer = await self.call(method, *params)
        assert "error" in answer, answer
        code: int = answer["error"]["code"]
        return code

    def params(self, made: dict[str, Any]) -> tuple[str, list[Any]]:
        """The newPayload call for a payload, of the right version."""
        timestamp = int(made["timestamp"], 16)
        version = 1 if timestamp < 1000 else 2 if timestamp < 2000 else 3 if timestamp < 3000 else 4
        rest = [[], ZERO, []][: max(0, version - 1)] if version > 2 else []
        return f"engine_newPayloadV{version}", [made, *rest]

    async def offer(self, made: dict[str, Any]) -> Any:
        method, params = self.params(made)
        return await self.result(method, *params)

    async def extend(self, count: int = 1, timestamp: int = 12, parent: parts.Known | None = None) -> list[parts.Known]:
        """Valid blocks on the head, each made the head."""
        blocks = []
        parent = parent or self.chain.head()
        for _ in range(count):
            made = standin.payload(parent, parent.timestamp + timestamp)
            assert (await self.offer(made))["status"] == "VALID"
            parent = standin.known_of(made)
            await self.choose(parent)
            blocks.append(parent)
        return blocks

    async def choose(
        self, head: parts.Known, *, attributes: Any = None, version: int = 1, safe: str = ZERO, finalized: str = ZERO
    ) -> Any:
        state = {"headBlockHash": hexed(head.hash), "safeBlockHash": safe, "finalizedBlockHash": finalized}
        return await self.call(f"engine_forkchoiceUpdatedV{version}", state, attributes)


@pytest.fixture
async def desk(request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    chain = standin.MemoryChain(merged=getattr(request, "param", True))
    builder, blobs, sync = standin.MemoryBuilder(chain), standin.MemoryBlobs(), standin.MemorySync()
    engine = methods.Engine(
        chain, builder, blobs, standin.MemoryCodec(), version="v0.1.0", sync=sync, max_reorg_depth=8
    )
    stand = build()
    node = stand.service.node
    whole = service.Service(
        [],
        stand.reader,
        stand.pool,
        stand.heads,
        node.identity,
        node.keccak,
        more=[(methods.METHODS, engine)],
    )
    yield Desk(engine, chain, builder, blobs, sync, stand, whole.dispatcher(("engine", "eth")))
    chain.gate.set()
    await engine.close()
    await whole.stop(0)
    await stand.service.stop(0)
