"""
From the start of the process to the first answer over JSON-RPC: a dev chain, and a node that was killed on a large database.

The killed one holds 1,000,000 accounts, took blocks and was ended by SIGKILL; it must come back with its last head.
"""

from __future__ import annotations

import os
import signal
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from . import many_accounts, servers
from .measure import Measurement

ROUNDS: Final = 5
PATIENCE_SECONDS: Final = 60.0
POLL_SECONDS: Final = 0.005


def run() -> Iterator[Measurement]:
    dev = statistics.median(_first_answer("--dev")[0] for _ in range(ROUNDS))
    yield Measurement("startup of a dev chain", dev, None, 1.5, "s", lower=True)
    chain = many_accounts.loaded()
    with tempfile.TemporaryDirectory() as scratch:
        folder = chain.copy(Path(scratch) / "ours")
        taken = [_after_kill(chain, folder, number) for number in range(ROUNDS)]
    name = f"startup after kill -9, {many_accounts.ACCOUNTS:,} accounts"
    yield Measurement(name, statistics.median(taken), None, 3, "s", lower=True)


def _after_kill(chain: many_accounts.Loaded, folder: Path, number: int) -> float:
    share = len(chain.touching) // ROUNDS
    with servers.ours(folder, chain.genesis, core=None) as server:
        for block in chain.touching[number * share : (number + 1) * share]:
            server.take(block)
        head = server.call("eth_blockNumber")
        os.kill(server.pid, signal.SIGKILL)
    took, found = _first_answer("--network", str(chain.genesis), "--datadir", str(folder), "--authrpc.port", "0")
    if found != head:
        raise RuntimeError(f"the node came back at block {found}, it was killed at {head}")
    return took


def _first_answer(*flags: str) -> tuple[float, str]:
    """Seconds, and the block number that it gave."""
    port = _free_port()
    server = servers.Server(f"http://127.0.0.1:{port}", 0)
    began = time.perf_counter()
    command = [servers.ETHREX, *flags, "--http.port", str(port), "--log.level", "error"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        while time.perf_counter() - began < PATIENCE_SECONDS and process.poll() is None:
            try:
                return time.perf_counter() - began, server.call("eth_blockNumber")
            except urllib.error.URLError:
                time.sleep(POLL_SECONDS)
        raise RuntimeError(f"no answer from {' '.join(command)}")
    finally:
        process.terminate()
        process.wait(servers.STOP_SECONDS)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
