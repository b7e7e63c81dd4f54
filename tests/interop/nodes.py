"""
The two nodes that every session talks to: ours and anvil, both fresh, with the same accounts, fork, fees and clock.

Tools that are missing are named; a test that needs them is skipped with that name.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent.parent
COMMAND: Final = str(Path(sys.executable).with_name("ethrex"))
STOP_SECONDS: Final = 20
CALL_SECONDS: Final = 30
GAS_LIMIT: Final = 60_000_000
FIRST_BASE_FEE_WEI: Final = 875_000_000


class Failed(Exception):
    """A call was answered with an error."""

    def __init__(self, method: str, error: dict[str, Any]) -> None:
        super().__init__(f"{method}: {error['message']}")
        self.code: int = error["code"]
        self.data = error.get("data")


class ToolMissing(Exception):
    """What cannot run here, and what it needs."""


@dataclass(frozen=True, slots=True)
class Running:
    """`lines`: what it said on its standard output before it was ready."""

    url: str
    lines: tuple[str, ...]

    @property
    def websocket_url(self) -> str:
        return "ws" + self.url.removeprefix("http")

    @property
    def engine_url(self) -> str:
        """Raises LookupError."""
        return next(line.split()[-1] for line in self.lines if line.startswith("Engine API"))

    def call(self, method: str, *params: Any) -> Any:
        """A bare call. Raises `Failed`."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}).encode()
        request = urllib.request.Request(self.url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=CALL_SECONDS) as response:
            answer = json.load(response)
        if "error" in answer:
            raise Failed(method, answer["error"])
        return answer["result"]


@cache
def packages(*which: str) -> Path:
    """The folder with node_modules as a lock file has them: ``consensus``, or that of the clients. Raises `ToolMissing`."""
    for tool in ("npm", "node"):
        if shutil.which(tool) is None:
            raise ToolMissing(f"{tool} is not installed; the JavaScript clients, anvil and cast come through it")
    done = subprocess.run([ROOT / "scripts" / "interop.sh", *which], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ToolMissing(f"scripts/interop.sh failed: {done.stderr.strip()[-500:]}")
    return Path(done.stdout.strip())


def foundry(program: str) -> Path:
    """anvil or cast. Raises `ToolMissing`."""
    found = packages() / "node_modules" / "@foundry-rs" / f"{program}-linux-amd64" / "bin" / program
    if not found.exists():
        raise ToolMissing(f"{program} has no build for this machine")
    return found


@contextmanager
def ours(*flags: str) -> Iterator[Running]:
    """`ethrex --dev` in memory."""
    command = [COMMAND, "--dev", "--http.port", "0", "--ws.enabled", *flags]
    with _process(command, ready=r"^account  9|^peers", url=r"^JSON-RPC +(http\S+)") as running:
        yield running


@contextmanager
def led(*flags: str) -> Iterator[Running]:
    """`ethrex` that a consensus client tells what the head is."""
    command = [COMMAND, "--http.port", "0", "--authrpc.port", "0", *flags]
    with _process(command, ready=r"^peers", url=r"^JSON-RPC +(http\S+)") as running:
        yield running


@contextmanager
def anvil(*flags: str) -> Iterator[Running]:
    """anvil gives its first block the base fee of block 0; told ours for that one, all later ones are equal."""
    common = ["--port", "0", "--hardfork", "bpo2", "--gas-limit", str(GAS_LIMIT), "--slots-in-an-epoch", "1"]
    common += ["--block-base-fee-per-gas", str(FIRST_BASE_FEE_WEI)]
    with _process(
        [str(foundry("anvil")), *common, *flags], ready=r"^Listening on", url=r"^Listening on (\S+)"
    ) as running:
        yield running


@contextmanager
def both(*flags: str) -> Iterator[tuple[Running, Running]]:
    """(ours, anvil)"""
    with ExitStack() as stack:
        yield stack.enter_context(ours(*flags)), stack.enter_context(anvil())


@contextmanager
def _process(command: Sequence[str], *, ready: str, url: str) -> Iterator[Running]:
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line.rstrip())
        if re.search(ready, line):
            break
    drain = threading.Thread(target=process.stdout.read, daemon=True)  # a full pipe would stop it
    drain.start()
    found = [match.group(1) for line in lines if (match := re.search(url, line))]
    try:
        if not found:
            raise RuntimeError(f"{command[0]} did not start: {' / '.join(lines)}")
        where = found[0] if found[0].startswith("http") else f"http://{found[0]}"
        yield Running(where, tuple(lines))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(STOP_SECONDS)
        drain.join()
        process.stdout.close()
