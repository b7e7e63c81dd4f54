"""The real process, for tests that speak to its doors."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ethrex_node.engine import jwt

TIMEOUT_SECONDS = 30
COMMAND = str(Path(sys.executable).with_name("ethrex"))


@dataclass
class Running:
    process: subprocess.Popen[str]
    urls: dict[str, str]
    secret: bytes

    def ask(self, method: str, *params: Any) -> Any:
        return call(self.urls["JSON-RPC"], method, params, {})

    def engine(self, method: str, *params: Any) -> Any:
        token = jwt.sign(self.secret, time.time())
        return call(self.urls["Engine"], method, params, {"Authorization": f"Bearer {token}"})


def call(url: str, method: str, params: Any, headers: dict[str, str]) -> Any:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json", **headers})
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
        return json.load(answer)["result"]


@contextmanager
def node(folder: Path, *flags: str, network: str | None = "hoodi") -> Iterator[Running]:
    ports = ["--http.port", "0", "--authrpc.port", "0", "--metrics", "--metrics.port", "0"]
    chain = [] if network is None else ["--network", network]
    command = [COMMAND, *chain, "--datadir", str(folder), *ports, *flags]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    assert process.stdout is not None
    urls = {}
    for line in process.stdout:
        urls[line.split()[0]] = line.split()[-1]
        if line.startswith("peers"):
            break
    try:
        yield Running(process, urls, jwt.load_secret(folder / "jwt.hex") if network else b"")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(TIMEOUT_SECONDS)
        process.stdout.close()
