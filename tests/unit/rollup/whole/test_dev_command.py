"""`ethrex l2 dev`: a whole rollup of real processes comes up, settles, goes on where it stopped, and leaves nothing."""

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

from eth_account import Account

from ethrex_node.dev import accounts
from ethrex_node.rollup import deploy
from ethrex_node.rollup.settlement import contracts
from unit.rollup.whole.deployment import text

COMMAND = str(Path(sys.executable).with_name("ethrex"))
LIMIT_SECONDS = 90.0
CHAIN_ID = 65_536_999
GWEI = 10**9


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
def rollup(folder: Path) -> Iterator[Running]:
    command = [
        *(COMMAND, "l2", "dev", "--datadir", str(folder), "--l1-port", "0", "--port", "0"),
        *("--block-time", "0.2", "--batch-time", "1", "--l1-block-time", "0.2"),
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


def alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if Path(f"/proc/{pid}/status").exists() and "zombie" not in _status(pid)]


def _status(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return "zombie"


def pay(running: Running, nonce: int, wei: int) -> str:
    """From the first account to one that has nothing."""
    facts = {
        "chainId": CHAIN_ID, "nonce": nonce, "to": b"\xab" * 20, "value": wei, "gas": 200_000,
        "maxFeePerGas": 100 * GWEI, "maxPriorityFeePerGas": GWEI,
    }  # fmt: skip
    signed = Account.sign_transaction(facts, accounts.derive()[0].key)
    sent: str = running.l2("eth_sendRawTransaction", "0x" + bytes(signed.raw_transaction).hex())
    until(lambda: running.l2("eth_getTransactionReceipt", sent))
    return sent


def test_it_settles_goes_on_and_leaves_nothing(tmp_path: Path) -> None:
    with rollup(tmp_path) as running:
        children = running.children()
        assert len(children) == 3  # L1, sequencer, prover
        receipt = running.l2("eth_getTransactionReceipt", pay(running, 0, 5))
        assert receipt["status"] == "0x1"
        block = int(receipt["blockNumber"], 16)

        until(lambda: running.status().last_verified > 0)
        until(lambda: int(running.l2("eth_getBlockByNumber", "finalized", False)["number"], 16) >= block)
        head = int(running.l2("eth_blockNumber"), 16)
    assert running.process.returncode == 0
    assert alive(children) == []

    with rollup(tmp_path) as running:
        assert int(running.l2("eth_blockNumber"), 16) >= head
        verified = running.status().last_verified
        pay(running, 1, 7)
        assert int(running.l2("eth_getBalance", "0x" + "ab" * 20, "latest"), 16) == 12
        until(lambda: running.status().last_verified > verified)

        children = running.children()
        os.kill(running.process.pid, signal.SIGKILL)
        until(lambda: not alive(children))


def test_a_part_that_ends_ends_the_whole_with_its_last_words(tmp_path: Path) -> None:
    with rollup(tmp_path) as running:
        sequencer = running.children()[1]
        os.kill(sequencer, signal.SIGKILL)
        assert running.process.stdout is not None
        rest = running.process.stdout.read()
        running.process.wait(LIMIT_SECONDS)

    assert "sequencer ended with -9" in rest
    assert running.process.returncode == 2
