"""
A dev chain that takes transfers, beside anvil: into the pool alone, and from RPC to the sealed block for a minute.

Two lanes of batches of 100, each with senders of its own, the client on the same cores. anvil seals by the second with a
large block, which is its best (a block a transaction without it); ours runs as `ethrex --dev` does by itself.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from itertools import count
from typing import Final

import aiohttp

from . import sending, servers
from .measure import Measurement, interleave, progress

CHAIN_ID: Final = 31337
LANES: Final = (range(5), range(5, 10))
POOLED: Final = 10_000
POOLED_ROUNDS: Final = 3
SECONDS: Final = 60.0
MOST: Final = 1_800_000  # transfers signed for a minute
WAITING: Final = 20_000  # sent and not sealed; more would be the pool's limit and not the chain's speed
POLL_SECONDS: Final = 0.05
ANVIL: Final = ("--gas-limit", str(10**9), "--no-request-size-limit")


def run(seconds: float = SECONDS, most: int = MOST) -> Iterator[Measurement]:
    yield from _into_the_pool()
    lanes = _lanes(0, most)
    progress(f"{seconds:.0f} s for each side; anvil --block-time 1 {' '.join(ANVIL)}")
    with servers.dev("--dev.chain-id", str(CHAIN_ID)) as ours:
        mine = asyncio.run(_sealed(ours.url, lanes, seconds))
    with servers.anvil("--block-time", "1", *ANVIL, core=None) as anvil:
        theirs = asyncio.run(_sealed(anvil.url, lanes, seconds))
    yield Measurement("dev-chain transfers, RPC in to sealed", mine, None, 4_000, "tx/s")
    yield Measurement("dev-chain transfers, RPC in to sealed : anvil", mine, theirs, 1.0, "tx/s")


def _into_the_pool() -> Iterator[Measurement]:
    flags = ("--dev.chain-id", str(CHAIN_ID), "--dev.block-time", "3600", "--mempool.maxsize", "1000000")
    with ExitStack() as stack:
        ours = stack.enter_context(servers.dev(*flags))
        anvil = stack.enter_context(servers.anvil("--no-mining", *ANVIL, core=None))
        rates = [partial(_pooled, one.url, map(_part, count())) for one in (ours, anvil)]
        mine, theirs = interleave(POOLED_ROUNDS, *rates)
    yield Measurement("dev-chain eth_sendRawTransaction to pooled", mine, theirs, 2.5, "tx/s")


def _part(number: int) -> list[list[bytes]]:
    return _lanes(number * POOLED, POOLED)


def _pooled(url: str, parts: Iterator[list[list[bytes]]]) -> float:
    return asyncio.run(_sent(url, next(parts)))


def _lanes(first: int, transfers: int) -> list[list[bytes]]:
    share = len(LANES)
    return [sending.bodies(sending.transfers(CHAIN_ID, first // share, transfers // share, lane)) for lane in LANES]


async def _sent(url: str, lanes: list[list[bytes]]) -> float:
    """Transactions a second until all are answered."""
    async with aiohttp.ClientSession() as session:

        async def lane(bodies: list[bytes]) -> None:
            for body in bodies:
                await sending.send(session, url, body)

        began = time.perf_counter()
        await asyncio.gather(*map(lane, lanes))
        return sum(map(len, lanes)) * sending.BATCH / (time.perf_counter() - began)


async def _sealed(url: str, lanes: list[list[bytes]], seconds: float) -> float:
    """Transactions a second until the last of what was sent in `seconds` is sealed; fewer seconds where all were sent."""
    sent, room, end = 0, asyncio.Event(), time.perf_counter() + seconds
    async with aiohttp.ClientSession() as session:

        async def lane(bodies: list[bytes]) -> None:
            nonlocal sent
            for body in bodies:
                await room.wait()
                if time.perf_counter() >= end:
                    return
                sent += sending.BATCH
                await sending.send(session, url, body)
            progress(f"a lane had no more to send after {seconds - (end - time.perf_counter()):.0f} of {seconds:.0f} s")

        began = time.perf_counter()
        room.set()
        sending_all = asyncio.gather(*map(lane, lanes))
        while await _waiting(session, url, room) or not sending_all.done():
            await asyncio.sleep(POLL_SECONDS)
        await sending_all
        return sent / (time.perf_counter() - began)


async def _waiting(session: aiohttp.ClientSession, url: str, room: asyncio.Event) -> int:
    """Transactions in the pool; `room` is set while there may be more."""
    status = await sending.ask(session, url, "txpool_status")
    waiting = int(status["pending"], 16) + int(status["queued"], 16)
    if waiting < WAITING:
        room.set()
    else:
        room.clear()
    return waiting
