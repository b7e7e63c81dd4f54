"""
A whole rollup under load, on this machine's cores together with the client: L1, sequencer, prover, all real processes.

Throughput: transfers, half of the recipients new, sent in batches of 100 at a rate; counted when sealed, and again when the
last batch that holds one is verified on L1. Latency: single transfers at an even rate, from sending to the receipt.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import aiohttp
from unit.rollup.whole import processes

from ethrex_node import _native
from ethrex_node.dev import accounts
from ethrex_node.rollup.l1.fees import Fees
from ethrex_node.rollup.l1.transaction import Transaction

from . import proving
from .measure import Measurement, progress

GWEI: Final = 10**9
BATCH: Final = 100
FLAGS: Final = ("--block-time", "0.2", "--batch-time", "10", "--l1-block-time", "1")
RATE: Final = 5_000  # offered; the bar is half of it
SECONDS: Final = 60.0
LATENCY_RATE: Final = 100
LATENCY_SECONDS: Final = 20.0
OLD_RECIPIENTS: Final = 20_000
VERIFIED_WITHIN: Final = 300.0


def run(seconds: float = SECONDS, rate: int = RATE, latency_seconds: float = LATENCY_SECONDS) -> Iterator[Measurement]:
    yield from proving.run()
    with tempfile.TemporaryDirectory() as scratch, processes.rollup(Path(scratch), *FLAGS) as running:
        url = running.said["rollup"]
        progress("ethrex l2 dev " + " ".join(FLAGS))
        at = int(latency_seconds * LATENCY_RATE)
        waits = asyncio.run(_latency(url, _transfers(0, at)))
        yield Measurement("rollup inclusion latency p50", statistics.median(waits), None, 250, "ms", lower=True)
        yield Measurement("rollup inclusion latency p99", _percentile(waits, 0.99), None, 500, "ms", lower=True)
        rate_sealed, settled = asyncio.run(_throughput(url, _transfers(at, int(seconds * rate)), rate))
        yield Measurement("rollup transfers, RPC in to sealed", rate_sealed, None, 2_500, "tx/s")
        yield Measurement("rollup all batches verified after the end", settled, None, 90, "s", lower=True)


def _transfers(first: int, count: int) -> list[str]:
    """Raw transactions of the dev accounts in turn, from number `first` on."""
    senders = accounts.derive()
    made = []
    for number in range(first, first + count):
        seed = number if number % 2 else number % OLD_RECIPIENTS
        transaction = Transaction(
            chain_id=processes.CHAIN_ID,
            nonce=number // len(senders),
            to=_native.keccak256(seed.to_bytes(8, "big"))[12:],
            gas_limit=100_000,
            fees=Fees(10 * GWEI, GWEI),
            value_wei=1_000,
        )
        digest = _native.keccak256(transaction.preimage)
        signature = _native.sign_hash(senders[number % len(senders)].key, digest)
        made.append("0x" + transaction.signed(signature).raw.hex())
    return made


async def _latency(url: str, transfers: list[str]) -> list[float]:
    """Milliseconds from sending to the receipt, of each."""
    async with aiohttp.ClientSession() as session:

        async def one(raw: str) -> float:
            began = time.perf_counter()
            await _ask(session, url, "eth_sendRawTransactionSync", raw)
            return (time.perf_counter() - began) * 1000

        start, tasks = time.perf_counter(), []
        for number, raw in enumerate(transfers):
            await asyncio.sleep(start + number / LATENCY_RATE - time.perf_counter())
            tasks.append(asyncio.create_task(one(raw)))
        return list(await asyncio.gather(*tasks))


async def _throughput(url: str, transfers: list[str], rate: int) -> tuple[float, float]:
    """Transfers a second until the last is sealed, and how long after that the last is verified on L1, in seconds."""
    async with aiohttp.ClientSession() as session:
        start = time.perf_counter()
        for at in range(0, len(transfers), BATCH):
            await asyncio.sleep(start + at / rate - time.perf_counter())
            await _send(session, url, transfers[at : at + BATCH])
        while (await _ask(session, url, "txpool_status"))["pending"] != "0x0":
            await asyncio.sleep(0.05)
        sealed = time.perf_counter()
        head = int(await _ask(session, url, "eth_blockNumber"), 16)
        async with asyncio.timeout(VERIFIED_WITHIN):
            while not await _is_verified(session, url, head):
                await asyncio.sleep(0.2)
        return len(transfers) / (sealed - start), time.perf_counter() - sealed


async def _is_verified(session: aiohttp.ClientSession, url: str, block: int) -> bool:
    batch = await _ask(session, url, "ethrex_getBatchByBlock", hex(block))
    return batch is not None and batch["status"] in ("verified", "final")


async def _send(session: aiohttp.ClientSession, url: str, raws: list[str]) -> None:
    requests = [
        {"jsonrpc": "2.0", "id": number, "method": "eth_sendRawTransaction", "params": [raw]}
        for number, raw in enumerate(raws)
    ]
    for answer in await _post(session, url, requests):
        if "error" in answer:
            raise RuntimeError(f"a transfer was refused: {answer['error']}")


async def _ask(session: aiohttp.ClientSession, url: str, method: str, *params: Any) -> Any:
    answer = await _post(session, url, {"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    if "error" in answer:
        raise RuntimeError(f"{method}: {answer['error']}")
    return answer["result"]


async def _post(session: aiohttp.ClientSession, url: str, body: Any) -> Any:
    async with session.post(url, data=json.dumps(body), headers={"Content-Type": "application/json"}) as answer:
        return await answer.json()


def _percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]
