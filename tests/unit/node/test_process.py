"""The real process, driven by a consensus client over its doors: a block is built, taken, made the head, read."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ethrex_node.engine import jwt

ZERO = "0x" + "00" * 32
TIMEOUT_SECONDS = 30
COMMAND = str(Path(sys.executable).with_name("ethrex"))


@dataclass
class Running:
    process: subprocess.Popen[str]
    urls: dict[str, str]
    secret: bytes

    def ask(self, method: str, *params: Any) -> Any:
        return _call(self.urls["JSON-RPC"], method, params, {})

    def engine(self, method: str, *params: Any) -> Any:
        token = jwt.sign(self.secret, time.time())
        return _call(self.urls["Engine"], method, params, {"Authorization": f"Bearer {token}"})


def _call(url: str, method: str, params: Any, headers: dict[str, str]) -> Any:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json", **headers})
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
        return json.load(answer)["result"]


@contextmanager
def node(folder: Path, *flags: str) -> Iterator[Running]:
    ports = ["--http.port", "0", "--authrpc.port", "0", "--metrics", "--metrics.port", "0"]
    command = [COMMAND, "--network", "hoodi", "--datadir", str(folder), *ports, *flags]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    assert process.stdout is not None
    urls = {}
    for line in process.stdout:
        urls[line.split()[0]] = line.split()[-1]
        if line.startswith("peers"):
            break
    try:
        yield Running(process, urls, jwt.load_secret(folder / "jwt.hex"))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(TIMEOUT_SECONDS)
        process.stdout.close()


def slot(running: Running) -> str:
    """What a consensus client does in a slot: build on the head, take the payload, make it the head."""
    head = running.ask("eth_getBlockByNumber", "latest", False)
    state = {"headBlockHash": head["hash"], "safeBlockHash": ZERO, "finalizedBlockHash": ZERO}
    attributes = {
        "timestamp": hex(int(head["timestamp"], 16) + 12),
        "prevRandao": ZERO,
        "suggestedFeeRecipient": "0x" + "11" * 20,
        "withdrawals": [{"index": "0x0", "validatorIndex": "0x0", "address": "0x" + "22" * 20, "amount": "0x5"}],
        "parentBeaconBlockRoot": ZERO,
    }
    payload_id = running.engine("engine_forkchoiceUpdatedV3", state, attributes)["payloadId"]
    payload = running.engine("engine_getPayloadV3", payload_id)["executionPayload"]
    taken = running.engine("engine_newPayloadV3", payload, [], ZERO)
    assert taken["status"] == "VALID"
    state = {"headBlockHash": payload["blockHash"], "safeBlockHash": head["hash"], "finalizedBlockHash": head["hash"]}
    status = running.engine("engine_forkchoiceUpdatedV3", state)["payloadStatus"]["status"]
    assert status == "VALID"
    return str(payload["blockHash"])


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_consensus_client_drives_the_node(tmp_path: Path, workers: str) -> None:
    with node(tmp_path, "--http.workers", workers) as running:
        first, second = slot(running), slot(running)

        head = running.ask("eth_getBlockByNumber", "latest", False)
        assert (head["hash"], head["parentHash"]) == (second, first)
        assert running.ask("eth_getBlockByNumber", "finalized", False)["hash"] == first
        assert running.ask("eth_getBalance", "0x" + "22" * 20, "latest") == hex(2 * 5 * 10**9)

    assert running.process.returncode == 0


def test_the_chain_is_there_after_a_restart(tmp_path: Path) -> None:
    with node(tmp_path) as running:
        block = slot(running)

    with node(tmp_path) as running:
        assert running.ask("eth_getBlockByNumber", "latest", False)["hash"] == block


def test_the_engine_asks_for_its_secret(tmp_path: Path) -> None:
    with node(tmp_path) as running, pytest.raises(urllib.error.HTTPError, match="401") as refused:
        _call(running.urls["Engine"], "engine_exchangeCapabilities", [[]], {})
    refused.value.close()


def test_metrics_and_probes_are_served(tmp_path: Path) -> None:
    with node(tmp_path) as running:
        slot(running)
        url = running.urls["metrics"]

        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer:
            text = answer.read().decode()
        with urllib.request.urlopen(url.replace("/metrics", "/readyz"), timeout=TIMEOUT_SECONDS) as answer:
            ready = json.load(answer)

    assert "\nethrex_head_block_number 1.0\n" in text
    assert 'ethrex_rpc_seconds_count{method="engine_newPayloadV3"} 1.0' in text
    assert ready == {"status": "ok", "reasons": {}}


def test_a_taken_port_is_told_in_words(tmp_path: Path) -> None:
    with node(tmp_path / "one") as running:
        port = running.urls["JSON-RPC"].rpartition(":")[2]
        command = [COMMAND, "--network", "hoodi", "--datadir", str(tmp_path / "two"), "--http.port", port]
        second = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)

    assert second.returncode == 2
    assert "in use" in second.stderr
    assert "Traceback" not in second.stderr
