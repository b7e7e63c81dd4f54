"""
A whole rollup under load, on this machine's cores together with the client: L1, sequencer, prover, all real processes.

Throughput: transfers, half of the recipients new, sent in batches of 100 at a rate; counted when sealed, and again when the
last batch that holds one is verified on L1. Latency: single transfers at an even rate, from sending to the receipt.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import aiohttp
from unit.rollup.whole import processes

from . import proving, sending
from .measure import Measurement, progress

FLAGS: Final = ("--block-time", "0.2", "--batch-time", "10", "--l1-block-time", "1")
RATE: Final = 5_000  # offered; the bar is half of it
SECONDS: Final = 60.0
LATENCY_RATE: Final = 100
LATENCY_SECONDS: Final = 20.0
VERIFIED_WITHIN: Final = 300.0


def run(seconds: float = SECONDS, rate: int = RATE, latency_seconds: float = LATENCY_SECONDS) -> Iterator[Measurement]:
    yield from proving.run()
    with tempfile.TemporaryDirectory() as scratch, processes.rollup(Path(scratch), *FLAGS) as running:
        url = running.said["rollup"]
        progress("ethrex l2 dev " + " ".join(FLAGS))
        at = int(latency_seconds * LATENCY_RATE)
        waits = asyncio.run(_latency(url, sending.transfers(processes.CHAIN_ID, 0, at)))
        yield Measurement("rollup inclusion latency p50", statistics.median(waits), None, 250, "ms", lower=True)
        yield Measurement("rollup inclusion latency p99", _percentile(waits, 0.99), None, 500, "ms", lower=True)
        transfers = sending.transfers(processes.CHAIN_ID, at, int(seconds * rate))
        rate_sealed, settled = asyncio.run(_throughput(url, transfers, rate))
        yield Measurement("rollup transfers, RPC in to sealed", rate_sealed, None, 2_500, "tx/s")
        yield Measurement("rollup all batches verified after the end", settled, None, 90, "s", lower=True)


async def _latency(url: str, transfers: list[str]) -> list[float]:
    """Milliseconds from sending to the receipt, of each."""
    async with aiohttp.ClientSession() as session:

        async def one(raw: str) -> float:
            began = time.perf_counter()
            await sending.ask(session, url, "eth_sendRawTransactionSync", raw)
            return (time.perf_counter() - began) * 1000

        start, tasks = time.perf_counter(), []
        for number, raw in enumerate(transfers):
            await asyncio.sleep(start + number / LATENCY_RATE - time.perf_counter())
            tasks.append(asyncio.create_task(one(raw)))
        return list(await asyncio.gather(*tasks))


async def _throughput(url: str, transfers: list[str], rate: int) -> tuple[float, float]:
    """Transfers a second until the last is sealed, and how long after that the last is verified on L1, in seconds."""
    bodies = sending.bodies(transfers)
    async with aiohttp.ClientSession() as session:
        start = time.perf_counter()
        for number, body in enumerate(bodies):
            await asyncio.sleep(start + number * sending.BATCH / rate - time.perf_counter())
            await sending.send(session, url, body)
        while (await sending.ask(session, url, "txpool_status"))["pending"] != "0x0":
            await asyncio.sleep(0.05)
        sealed = time.perf_counter()
        head = int(await sending.ask(session, url, "eth_blockNumber"), 16)
        async with asyncio.timeout(VERIFIED_WITHIN):
            while not await _is_verified(session, url, head):
                await asyncio.sleep(0.2)
        return len(transfers) / (sealed - start), time.perf_counter() - sealed


async def _is_verified(session: aiohttp.ClientSession, url: str, block: int) -> bool:
    batch = await sending.ask(session, url, "ethrex_getBatchByBlock", hex(block))
    return batch is not None and batch["status"] in ("verified", "final")


def _percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]
