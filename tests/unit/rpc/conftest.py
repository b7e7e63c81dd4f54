"""
A whole RPC service over stand-ins, on loopback sockets.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import pytest
import uvloop
from unit.rpc import standin
from unit.rpc.client import Http, close_all

from ethrex_node.rpc import parts, server, service, settings

IDENTITY = parts.Identity("ethrex/v0.1.0", chain_id=1, network_id=1337, data_folder="/data")
EVERYTHING = ("eth", "net", "web3", "txpool", "admin", "debug")


@dataclass
class Stand:
    """The service, its parts, and doors that a test may open."""

    service: service.Service
    reader: standin.MemoryReader
    pool: standin.MemoryPool
    heads: standin.MemoryHeads

    async def door(self, **options: object) -> server.Server:
        pages = options.pop("pages", None)
        authorize = options.pop("authorize", None)
        options.setdefault("limits", self.service.limits)
        options.setdefault("namespaces", EVERYTHING)
        rules = settings.HttpSettings(port=0, **options)  # type: ignore[arg-type]
        return await self.service.listen(rules, pages=pages, authorize=authorize)  # type: ignore[arg-type]

    async def http(self, **options: object) -> Http:
        return await Http.connect((await self.door(**options)).port)


def build(limits: settings.Limits | None = None) -> Stand:
    reader, pool = standin.MemoryReader(), standin.MemoryPool()
    heads = standin.MemoryHeads(reader)
    whole = service.Service(standin.NATIVE, reader, pool, heads, IDENTITY, standin.keccak, limits=limits)
    return Stand(whole, reader, pool, heads)


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop that the node runs on."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
async def stand(request: pytest.FixtureRequest) -> AsyncIterator[Stand]:
    """`@pytest.mark.parametrize("stand", [Limits(...)], indirect=True)` sets limits."""
    built = build(getattr(request, "param", None))
    await built.service.start()
    yield built
    built.reader.release.set()
    await close_all()
    await built.service.stop(0.2)
