"""
Nodes under load: ours, geth and anvil, each a process of its own, pinned where the caller says, stopped when it leaves.

Where a free port was taken and whether the node serves is read from what it prints, as a person would.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ethrex_node import _native
from ethrex_node.engine import jwt

from . import peers

STOP_SECONDS: Final = 30
START_SECONDS: Final = 120
CALL_SECONDS: Final = 60
ETHREX: Final = str(Path(sys.executable).parent / "ethrex")
SERVER_CORE: Final = 0
CLIENT_CORE: Final = 1
GETH_FLAGS: Final = ["--nodiscover", "--maxpeers", "0", "--port", "0", "--ipcdisable", "--syncmode", "full",
                     "--gcmode", "archive", "--history.transactions", "0"]  # fmt: skip
GETH_DOORS: Final = ["--http", "--http.port", "0", "--http.api", "eth,net,web3,debug", "--authrpc.port", "0"]


@dataclass(frozen=True, slots=True)
class Server:
    """`engine`, `metrics`: doors that not every node has. `secret` opens the engine's."""

    url: str
    pid: int
    engine: str = ""
    metrics: str = ""
    secret: bytes = b""

    def call(self, method: str, *params: Any) -> Any:
        return _post(self.url, method, params, {})

    def batch(self, method: str, calls: Sequence[Sequence[Any]]) -> list[Any]:
        """The results. Raises RuntimeError at the first error."""
        body = [{"jsonrpc": "2.0", "id": at, "method": method, "params": list(one)} for at, one in enumerate(calls)]
        answers = _send(self.url, body, {})
        for answer in answers:
            if "error" in answer:
                raise RuntimeError(f"{method}: {answer['error']}")
        return [answer["result"] for answer in answers]

    def take(self, block: bytes) -> None:
        """Commit a block as a consensus client does: newPayload, then forkchoiceUpdated."""
        status = self._engine("engine_newPayloadV4", payload(block), [], "0x" + beacon_root(block).hex(), [])
        if status["status"] != "VALID":
            raise RuntimeError(f"the block was answered with {status}")
        state = {"headBlockHash": status["latestValidHash"], "safeBlockHash": ZERO, "finalizedBlockHash": ZERO}
        self._engine("engine_forkchoiceUpdatedV3", state, None)

    def build(self, before: bytes, seconds: float) -> int:
        """Let it build a payload beside the block `before`, on the same parent; gives the number of transactions."""
        parent, timestamp = chain_fields(before)
        attributes = {
            "timestamp": hex(timestamp), "prevRandao": ZERO, "suggestedFeeRecipient": "0x" + "c0" * 20,
            "withdrawals": [], "parentBeaconBlockRoot": ZERO,
        }  # fmt: skip
        state = {"headBlockHash": "0x" + parent.hex(), "safeBlockHash": ZERO, "finalizedBlockHash": ZERO}
        begun = self._engine("engine_forkchoiceUpdatedV3", state, attributes)
        time.sleep(seconds)
        built = self._engine("engine_getPayloadV4", begun["payloadId"])
        return len(built["executionPayload"]["transactions"])

    def _engine(self, method: str, *params: Any) -> Any:
        return _post(self.engine, method, params, {"Authorization": f"Bearer {jwt.sign(self.secret, time.time())}"})

    def figures(self) -> dict[str, float]:
        """The metrics by name and labels, as they stand in the text."""
        with urllib.request.urlopen(self.metrics, timeout=CALL_SECONDS) as answer:
            lines = answer.read().decode().splitlines()
        pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
        return {name: float(value) for name, _, value in pairs}


ZERO: Final = "0x" + "00" * 32
PARENT_FIELD: Final = 0
TIMESTAMP_FIELD: Final = 11
BEACON_ROOT_FIELD: Final = 19


def payload(block: bytes) -> Any:
    return json.loads(_native.block_to_payload(block, 3))


def chain_fields(block: bytes) -> tuple[bytes, int]:
    """Parent hash and timestamp."""
    header = _native.rlp_decode(block)[0]
    return header[PARENT_FIELD], int.from_bytes(header[TIMESTAMP_FIELD], "big")


def beacon_root(block: bytes) -> bytes:
    root: bytes = _native.rlp_decode(block)[0][BEACON_ROOT_FIELD]
    return root


@contextmanager
def ours(folder: Path, genesis: Path, *flags: str, core: int | None = SERVER_CORE) -> Iterator[Server]:
    doors = ["--http.port", "0", "--authrpc.port", "0", "--metrics", "--metrics.port", "0", "--http.api", "all"]
    command = [ETHREX, "--network", str(genesis), "--datadir", str(folder), *doors, *flags]
    with _process(command, core, ready="^peers") as (pid, lines):
        urls = {line.split()[0]: line.split()[-1] for line in lines if line}
        secret = jwt.load_secret(folder / "jwt.hex")
        yield Server(urls["JSON-RPC"], pid, urls.get("Engine", ""), urls["metrics"], secret)


@contextmanager
def dev(*flags: str, core: int | None = None) -> Iterator[Server]:
    """`ethrex --dev`, in memory unless the flags say a folder."""
    doors = ["--http.port", "0", "--metrics", "--metrics.port", "0"]
    with _process([ETHREX, "--dev", *doors, *flags], core, ready="^account  0|^peers") as (pid, lines):
        urls = {line.split()[0]: line.split()[-1] for line in lines if line}
        yield Server(urls["JSON-RPC"], pid, metrics=urls["metrics"])


@contextmanager
def geth(folder: Path, *flags: str, core: int | None = SERVER_CORE) -> Iterator[Server]:
    command = [str(peers.geth()), "--datadir", str(folder), *GETH_FLAGS, *GETH_DOORS, *flags]
    with _process(command, core, ready=r"HTTP server started.*auth=true") as (pid, lines):
        found = {
            auth: address
            for line in lines
            for address, auth in re.findall(r"HTTP server started +endpoint=(\S+) auth=(\w+)", line)
        }
        secret = jwt.load_secret(folder / "geth" / "jwtsecret")
        yield Server(f"http://{found['false']}", pid, f"http://{found['true']}", secret=secret)


@contextmanager
def anvil(*flags: str, core: int | None = SERVER_CORE) -> Iterator[Server]:
    command = [str(peers.anvil()), "--port", "0", "--disable-console-log", *flags]
    with _process(command, core, ready="^Listening on") as (pid, lines):
        where = next(line for line in lines if line.startswith("Listening on")).split()[-1]
        yield Server(f"http://{where}", pid)


@contextmanager
def _process(command: Sequence[str], core: int | None, *, ready: str) -> Iterator[tuple[int, list[str]]]:
    """Gives the process and the lines up to the one that says it serves."""
    pin = [] if core is None else ["taskset", "-c", str(core)]
    process = subprocess.Popen(
        [*pin, *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert process.stdout is not None
    late = threading.Timer(START_SECONDS, process.kill)
    late.start()
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line.rstrip())
        if re.search(ready, line):
            break
    late.cancel()
    drain = threading.Thread(target=process.stdout.read, daemon=True)  # a full pipe would stop it
    drain.start()
    try:
        if not lines or not re.search(ready, lines[-1]):
            raise RuntimeError(f"{command[0]} did not start: {' / '.join(lines[-5:])}")
        yield process.pid, lines
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(STOP_SECONDS)
        drain.join()
        process.stdout.close()


def ethrex(*words: str | Path) -> str:
    """A command that ends; gives what it printed. Raises RuntimeError."""
    done = subprocess.run([ETHREX, *map(str, words)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"ethrex {words[0]} failed: {(done.stderr or done.stdout).strip()[-600:]}")
    return done.stdout


def _post(url: str, method: str, params: Sequence[Any], headers: dict[str, str]) -> Any:
    answer = _send(url, {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}, headers)
    if "error" in answer:
        raise RuntimeError(f"{method}: {answer['error']}")
    return answer["result"]


def _send(url: str, body: Any, headers: dict[str, str]) -> Any:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"} | headers)
    with urllib.request.urlopen(request, timeout=CALL_SECONDS) as response:
        return json.load(response)
