"""A dev chain as the L1: the real process on a free port."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TIMEOUT_SECONDS = 30
COMMAND = str(Path(sys.executable).with_name("ethrex"))
MANUAL_BLOCKS = "86400"  # nothing is sealed but on demand


@dataclass
class L1:
    process: subprocess.Popen[str]
    url: str

    def ask(self, method: str, *params: Any) -> Any:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}).encode()
        request = urllib.request.Request(self.url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
            value = json.load(answer)
        assert "error" not in value, value["error"]
        return value["result"]

    def mine(self, blocks: int = 1) -> None:
        for _ in range(blocks):
            self.ask("evm_mine")

    def head(self) -> int:
        return int(self.ask("eth_blockNumber"), 16)

    def nonce(self, address: bytes) -> int:
        return int(self.ask("eth_getTransactionCount", "0x" + address.hex(), "latest"), 16)

    def balance(self, address: bytes) -> int:
        return int(self.ask("eth_getBalance", "0x" + address.hex(), "latest"), 16)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(TIMEOUT_SECONDS)


@contextmanager
def dev_chain(*flags: str, port: int = 0) -> Iterator[L1]:
    """Blocks are sealed by `mine`."""
    command = [
        COMMAND,
        "--dev",
        "--http.port",
        str(port),
        "--authrpc.port",
        "0",
        "--dev.block-time",
        MANUAL_BLOCKS,
        *flags,
    ]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)
    assert process.stdout is not None
    try:
        url = next(line.split()[-1] for line in process.stdout if line.startswith("JSON-RPC"))
        yield L1(process, url)
    finally:
        process.terminate()
        process.wait(TIMEOUT_SECONDS)
        process.stdout.close()
