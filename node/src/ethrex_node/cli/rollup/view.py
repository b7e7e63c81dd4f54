"""What a local rollup is doing, from its sequencer's metrics: lines that are redrawn on a terminal, one now and then elsewhere."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from ethrex_node.observe import metrics
from ethrex_node.rollup.l1.endpoint import Endpoint
from ethrex_node.rollup.l1.errors import L1Error

EVERY_SECONDS: Final = 1.0
QUIET_SECONDS: Final = 10.0
TIMEOUT_SECONDS: Final = 5.0
CLEAR: Final = "\x1b[K"
UP: Final = "\x1b[{}A"

Samples = Mapping[str, float]  # by name, and by name{value of its label}


@dataclass(frozen=True, slots=True)
class Seen:
    l1_block: int
    samples: Samples

    def get(self, name: str) -> int:
        return int(self.samples.get(metrics.PREFIX + name, 0))


def lines(seen: Seen) -> list[str]:
    """A few lines for people."""
    made, committed, proven, verified = (
        seen.get(f"rollup_batch{{{name}}}") for name in ("made", "committed", "proven", "verified")
    )
    cost = seen.get("outbox_spent_wei_total") / 10**18
    chains = f"L1 block {seen.l1_block:,}   L2 block {seen.get('head_block_number'):,}"
    pool, taken, queued = (
        seen.get(name) for name in ("pool_transactions{pending}", "rollup_queue_index", "rollup_queue_items")
    )
    batches = f"batches: {made} made, {committed} committed, {proven} proven, {verified} verified"
    blocks, size = seen.get("rollup_open_batch_blocks"), seen.get("rollup_open_batch_bytes")
    busy, idle = seen.get("rollup_provers{busy}"), seen.get("rollup_provers{idle}")
    return [
        f"{chains}   pool {pool:,}   queue of L1 {taken:,} of {queued:,}",
        f"{batches}   open: {blocks} blocks, {size:,} bytes",
        f"blobs {seen.get('rollup_blobs_total')}   spent on L1 {cost:.6f} ether   provers {busy} busy, {idle} idle",
    ]


async def show(metrics_url: str, l1_url: str) -> None:
    """Until cancelled."""
    is_terminal = sys.stdout.isatty()
    drawn = 0
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(TIMEOUT_SECONDS)) as session:
        l1 = Endpoint(l1_url, session, TIMEOUT_SECONDS)
        while True:
            try:
                text = lines(await _look(session, metrics_url, l1))
            except (aiohttp.ClientError, L1Error, TimeoutError) as error:
                text = [f"no answer: {error}"]
            if is_terminal:
                if drawn:
                    print(UP.format(drawn), end="")
                print("".join(f"{line}{CLEAR}\n" for line in text), end="", flush=True)
                drawn = len(text)
            else:
                print("   ".join(text), flush=True)
            await asyncio.sleep(EVERY_SECONDS if is_terminal else QUIET_SECONDS)


async def _look(session: aiohttp.ClientSession, metrics_url: str, l1: Endpoint) -> Seen:
    async with session.get(f"{metrics_url}/metrics") as answer:
        text = await answer.text()
    samples: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            label = next(iter(sample.labels.values()), None)
            name = sample.name if label is None else f"{sample.name}{{{label}}}"
            samples[name] = samples.get(name, 0.0) + sample.value
            if label is not None:
                samples[sample.name] = samples.get(sample.name, 0.0) + sample.value
    return Seen(int(await l1.call("eth_blockNumber"), 16), samples)
