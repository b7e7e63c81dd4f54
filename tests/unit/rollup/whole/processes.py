"""A whole rollup of real processes, as `ethrex l2 dev` brings it up, and the hands of its users."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ethrex_node.dev import accounts
from ethrex_node.rollup import deploy
from ethrex_node.rollup.settlement import contracts
from unit.rollup.whole.deployment import text

COMMAND = str(Path(sys.executable).with_name("ethrex"))
LIMIT_SECONDS = 90.0
CHAIN_ID = 65_536_999


@dataclass
class Running:
    process: subprocess.Popen[str]
    said: dict[str, str]
    folder: Path

    def l2(self, method: str, *params: Any) -> Any:
        return ask(self.said["rollup"], method, *params)

    def l1(self, method: str, *params: Any) -> Any:
        return ask(self.said["L1"], method, *params)

    def status(self) -> contracts.ChainStatus:
        deployed = deploy.load(self.folder / "deployment" / f"{CHAIN_ID}.json")
        call = {"to": text(deployed.proposer), "data": "0x" + contracts.STATUS.call(CHAIN_ID).hex()}
        return contracts.status_of(bytes.fromhex(self.l1("eth_call", call, "latest")[2:]))

    def children(self) -> list[int]:
        found = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in found.split()]


def ask(url: str, method: str, *params: Any) -> Any:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=LIMIT_SECONDS) as answer:
        value = json.load(answer)
    assert "error" not in value, value["error"]
    return value["result"]


@contextmanager
def rollup(folder: Path, *flags: str) -> Iterator[Running]:
    """Blocks five times a second, a batch each second, unless `flags` say otherwise."""
    command = [
        *(COMMAND, "l2", "dev", "--datadir", str(folder), "--l1-port", "0", "--port", "0"),
        *("--block-time", "0.2", "--batch-time", "1", "--l1-block-time", "0.2", *flags),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    try:
        said: dict[str, str] = {}
        output = []
        for line in process.stdout:
            output.append(line)
            found = re.match(r"(\w+) +(\S+)", line)
            if found:
                said.setdefault(found[1], found[2])
            if line.startswith("ready after"):
                break
        assert "rollup" in said, "".join(output)
        yield Running(process, said, folder)
    finally:
        process.send_signal(signal.SIGINT)
        process.stdout.close()
        process.wait(LIMIT_SECONDS)


def until(is_so: Callable[[], object]) -> None:
    end = time.monotonic() + LIMIT_SECONDS
    while not is_so():
        assert time.monotonic() < end, is_so
        time.sleep(0.1)


def ethrex_l2(running: Running, *arguments: str, account: int | None = None) -> subprocess.CompletedProcess[str]:
    """A command of users, signed by a dev account."""
    return ethrex_at(running.said["L1"], running.said["rollup"], *arguments, account=account)


def ethrex_at(l1_url: str, url: str, *arguments: str, account: int | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "ETHREX_L1_RPC_URL": l1_url, "ETHREX_L2_RPC_URL": url}
    if account is not None:
        environment |= {"ETHREX_KEY": "env:KEY", "KEY": accounts.derive()[account].key.hex()}
    command = [COMMAND, "l2", *arguments, "--json"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LIMIT_SECONDS)


def answer(running: Running, *arguments: str, account: int | None = None) -> Any:
    return answered(ethrex_l2(running, *arguments, account=account))


def answered(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
