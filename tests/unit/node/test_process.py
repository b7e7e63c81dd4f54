"""The real process, driven by a consensus client over its doors: a block is built, taken, made the head, read."""

from __future__ import annotations

import http.server
import json
import os
import signal
import subprocess
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from ethrex_node.rpc import server
from unit.node.running import COMMAND, TIMEOUT_SECONDS, Running, call, node

ZERO = "0x" + "00" * 32


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
        call(running.urls["Engine"], "engine_exchangeCapabilities", [[]], {})
    refused.value.close()


def _get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()


def test_metrics_tell_of_blocks_database_and_calls(tmp_path: Path) -> None:
    with node(tmp_path) as running:
        slot(running)
        text = _get(running.urls["metrics"])[1]

    assert "\nethrex_head_block_number 1.0\n" in text
    assert 'ethrex_rpc_seconds_count{method="engine_newPayloadV3"} 1.0' in text
    for stage in ("recover", "execute", "root", "commit"):
        assert f'ethrex_block_stage_seconds_count{{stage="{stage}"}} 1.0' in text
    assert "\nethrex_blocks_applied_total 1.0\n" in text
    assert "\nethrex_database_oldest_reader_commits 0.0\n" in text
    described = {line.split()[2] for line in text.splitlines() if line.startswith("# HELP ethrex_")}
    assert described == {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE ethrex_")}


def test_a_node_is_ready_while_its_head_is_young_enough(tmp_path: Path) -> None:
    with node(tmp_path) as running:
        status, body = _get(running.urls["metrics"].replace("/metrics", "/readyz"))
    with node(tmp_path, "--ready.max-head-age", "0") as running:
        careless = _get(running.urls["metrics"].replace("/metrics", "/readyz"))
    with node(tmp_path / "dev", "--dev", network=None) as running:
        dev = _get(running.urls["metrics"].replace("/metrics", "/readyz"))

    assert status == 503
    assert "more than 60" in json.loads(body)["reasons"]["head"]
    assert careless[0] == dev[0] == 200


def test_the_start_is_told_while_a_file_is_imported(tmp_path: Path) -> None:
    source, port = tmp_path / "blocks.rlp", server.free_port()
    os.mkfifo(source)
    ports = ["--http.port", "0", "--authrpc.port", "0", "--metrics", "--metrics.port", str(port)]
    command = [COMMAND, "--network", "hoodi", "--datadir", str(tmp_path / "data"), "--import", str(source), *ports]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    assert process.stdout is not None
    with source.open("wb"):  # opens when the import does
        startup = _get(f"http://127.0.0.1:{port}/startupz")
        ready = _get(f"http://127.0.0.1:{port}/readyz")
        live = _get(f"http://127.0.0.1:{port}/healthz")
    for line in process.stdout:
        if line.startswith("peers"):
            break
    process.send_signal(signal.SIGTERM)
    process.stdout.close()

    assert process.wait(TIMEOUT_SECONDS) == 0
    assert (startup[0], ready[0], live[0]) == (503, 503, 200)
    assert json.loads(startup[1])["reasons"]["startup"] == f"importing {source}"


def test_a_traced_block_arrives_at_the_collector(tmp_path: Path) -> None:
    received: list[bytes] = []

    class Collector(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Collector) as collector:
        thread = threading.Thread(target=collector.serve_forever)
        thread.start()
        with node(tmp_path, "--tracing.endpoint", f"http://127.0.0.1:{collector.server_port}") as running:
            slot(running)
        collector.shutdown()
        thread.join()

    sent = b"".join(received)
    for stage in (b"block.recover", b"block.execute", b"block.root", b"block.commit"):
        assert sent.count(stage) == 1


def test_a_taken_port_is_told_in_words(tmp_path: Path) -> None:
    with node(tmp_path / "one") as running:
        port = running.urls["JSON-RPC"].rpartition(":")[2]
        command = [COMMAND, "--network", "hoodi", "--datadir", str(tmp_path / "two"), "--http.port", port]
        second = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)

    assert second.returncode == 2
    assert "in use" in second.stderr
    assert "Traceback" not in second.stderr
