"""``ethrexctl up -f examples/rollup.yaml`` in a fresh folder: from its start to the first block of the rollup, contracts and all."""

from __future__ import annotations

import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ethrex_operator.ctl import looking

from . import servers
from .measure import Measurement

ROUNDS: Final = 5
PATIENCE_SECONDS: Final = 120.0
POLL_SECONDS: Final = 0.05
CONTROL: Final = Path(sys.executable).with_name("ethrexctl")
EXAMPLE: Final = Path(__file__).parent.parent / "examples" / "rollup.yaml"
NAME: Final = "rollup"


def run() -> Iterator[Measurement]:
    taken = [_first_block() for _ in range(ROUNDS)]
    yield Measurement(
        "local mode, to the first block of the rollup", statistics.median(taken), None, 20, "s", lower=True
    )


def _first_block() -> float:
    with tempfile.TemporaryDirectory() as root:
        command = [str(CONTROL), "up", "-f", str(EXAMPLE), "--root", root, "--name", NAME]
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            while time.perf_counter() - began < PATIENCE_SECONDS and process.poll() is None:
                if _blocks(Path(root) / NAME) > 0:
                    return time.perf_counter() - began
                time.sleep(POLL_SECONDS)
            raise RuntimeError(f"no block from {CONTROL.name} up")
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(PATIENCE_SECONDS)


def _blocks(folder: Path) -> int:
    try:
        told = looking.read(folder)
    except looking.NoRun:
        return 0
    url = next((told["public"].get(name) for name, role in told["roles"].items() if role == "sequencer"), None)
    try:
        return int(servers.Server(url, 0).call("eth_blockNumber"), 16) if url else 0
    except urllib.error.URLError:
        return 0
