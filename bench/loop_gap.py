"""
How late the node's event loop comes to its ticks while it imports full blocks and builds full payloads.

Judged against a loop that only ticks, in a process of its own on the same cores at the same time: what it sees too is the
machine's. Both tick alike (`StallMonitor`); a percentile is the bound of the histogram's bucket that it lies in.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from ethrex_node import _native
from ethrex_node.observe import stall
from ethrex_node.rpc import loops

from . import chains, peers, servers
from .measure import Measurement, progress

KIND: Final = ("erc20", 100, 1500)
BLOCKS: Final = 60
BUILD_SECONDS: Final = 0.3
BATCH: Final = 100
BUCKET: Final = re.compile(r'loop_gap_seconds_bucket{le="(?P<bound>[^"]+)"}')
Gaps = Mapping[float, float]  # ticks by the bound in seconds that they were within, as in Prometheus


def run() -> Iterator[Measurement]:
    folder = peers.chain(*KIND)
    blocks = list(chains.blocks((folder / "chain.rlp").read_bytes()))[:BLOCKS]
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch) / "ours"
        with servers.ours(place, folder / "genesis.json", core=None) as server:
            before, _ = _seen(server)
            idle = subprocess.Popen(
                [sys.executable, "-m", "bench.loop_gap"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            for block in blocks:
                _round(server, block)
            after, longest = _seen(server)
            told = json.loads(idle.communicate("stop\n")[0])
    ours = {bound: after[bound] - before[bound] for bound in after}
    still = {float(bound): count for bound, count in told["gaps"].items()}
    progress(f"the idle ticker: p99 {_p99(still) * 1e3} ms, longest {told['longest'] * 1e3:.1f} ms")
    name = "loop gap while importing and building"
    yield Measurement(f"{name}, p99", _p99(ours) * 1e3, None, 10, "ms", lower=True)
    yield Measurement(
        f"{name}, longest beyond the idle ticker's",
        max(0.0, longest - told["longest"]) * 1e3,
        None,
        25,
        "ms",
        lower=True,
    )


def _round(server: servers.Server, block: bytes) -> None:
    """Its transactions into the pool, a payload built of them, then the block itself."""
    raws = ["0x" + raw.hex() for raw in _native.rlp_decode(block)[1]]
    for at in range(0, len(raws), BATCH):
        server.batch("eth_sendRawTransaction", [[raw] for raw in raws[at : at + BATCH]])
    if server.build(block, BUILD_SECONDS) < len(raws) // 2:
        raise RuntimeError("the payload was built of less than half of the block's transactions")
    server.take(block)


def _seen(server: servers.Server) -> tuple[Gaps, float]:
    """Ticks by bucket since the start, and the longest gap in seconds since the last look."""
    figures = server.figures()
    gaps = {float(found["bound"]): count for name, count in figures.items() if (found := BUCKET.search(name))}
    return gaps, next(value for name, value in figures.items() if name.endswith("loop_longest_gap_seconds"))


def _p99(gaps: Gaps) -> float:
    """Seconds. Infinite where it lies beyond the last bound."""
    wanted = 0.99 * max(gaps.values())
    return min(bound for bound, count in gaps.items() if count >= wanted)


async def idle() -> None:
    """Tick until a line comes in; print what was seen."""
    monitor = stall.StallMonitor()
    monitor.start()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    monitor.stop()
    histogram = next(iter(monitor.metrics()))
    gaps = {one.labels["le"]: one.value for one in histogram.samples if "le" in one.labels}
    print(json.dumps({"gaps": gaps, "longest": monitor.longest}))


if __name__ == "__main__":
    loops.run(idle())
