"""A dev chain that forks another one, as two processes: what it does must be what the forked chain itself would do."""

from __future__ import annotations

import http.client
import http.server
import json
import os
import random
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from unit.node.running import COMMAND, TIMEOUT_SECONDS, Running, node

MEMORY = Path("memory")
FIRST, SECOND = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266", "0x70997970c51812dc3a010c7d01b50e0d17dc79c8"
STRANGER = "0x00000000000000000000000000000000000000ee"
# (slot, value): stores the value, logs what was there under the slot as topic, and returns it.
STORE = "0x6000355460005260203560003555600035602060" + "00a160206000f3"
STORE_AT = "0x00000000000000000000000000000000000c0de0"
HASH_OF = "0x6000354060005260206000f3"  # (number): BLOCKHASH
HASH_AT = "0x00000000000000000000000000000000000c0de1"
SLOTS = 6
LEAVES_SECONDS = 15


def word(number: int) -> str:
    return number.to_bytes(32, "big").hex()


def send(running: Running, sender: str, to: str, data: str = "0x", value: int = 0) -> dict[str, Any]:
    call = {"from": sender, "to": to, "data": data, "value": hex(value), "gas": hex(200_000)}
    receipt = running.ask("eth_getTransactionReceipt", running.ask("eth_sendTransaction", call))
    assert isinstance(receipt, dict)
    return receipt


def store(running: Running, slot: int, value: int) -> dict[str, Any]:
    return send(running, FIRST, STORE_AT, "0x" + word(slot) + word(value))


def slots(running: Running, block: str = "latest") -> list[int]:
    return [int(running.ask("eth_getStorageAt", STORE_AT, hex(slot), block), 16) for slot in range(SLOTS)]


def refusal(running: Running, method: str, *params: Any) -> str:
    body = json.dumps({"jsonrpc": "2.0", "id": 7, "method": method, "params": params}).encode()
    request = urllib.request.Request(running.urls["JSON-RPC"], body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
        return str(json.load(answer)["error"]["message"])


@pytest.fixture
def forked() -> Iterator[Running]:
    """Five blocks: contracts with state, a transfer in the last."""
    with node(MEMORY, "--dev", network=None) as running:
        running.ask("anvil_setCode", STORE_AT, STORE)
        running.ask("anvil_setCode", HASH_AT, HASH_OF)
        for slot in range(1, SLOTS):
            running.ask("anvil_setStorageAt", STORE_AT, hex(slot), "0x" + word(100 + slot))
        for _ in range(2):
            running.ask("evm_mine")
        store(running, 1, 11)
        store(running, 2, 0)
        send(running, FIRST, STRANGER, value=5)
        yield running


@pytest.fixture
def fork(forked: Running) -> Iterator[Running]:
    with node(MEMORY, "--dev", "--fork-url", forked.urls["JSON-RPC"], network=None) as running:
        yield running


def test_a_fork_begins_where_the_other_chain_stands(forked: Running, fork: Running) -> None:
    for method, *params in (
        ("eth_chainId",),
        ("eth_blockNumber",),
        ("eth_getBlockByNumber", "latest", True),
        ("eth_getBlockReceipts", "latest"),
        ("eth_getBlockByNumber", "0x2", True),
        ("eth_getBlockByNumber", "earliest", False),
        ("eth_getBalance", STRANGER, "latest"),
        ("eth_getBalance", FIRST, "0x3"),
        ("eth_getTransactionCount", FIRST, "latest"),
        ("eth_getCode", STORE_AT, "latest"),
        ("eth_getLogs", {"fromBlock": "0x0", "toBlock": "latest"}),
        ("eth_getLogs", {"fromBlock": "0x3", "toBlock": "0x3"}),
        ("debug_traceBlockByNumber", "0x4", {"tracer": "callTracer"}),
        ("debug_traceBlockByNumber", "latest", {"tracer": "callTracer"}),
    ):
        assert fork.ask(method, *params) == forked.ask(method, *params), (method, params)
    assert slots(fork) == slots(forked) == [0, 11, 0, 103, 104, 105]
    assert slots(fork, "0x2") == slots(forked, "0x2")
    old = forked.ask("eth_getBlockByNumber", "0x3", False)
    for method, *params in (
        ("eth_getTransactionByHash", old["transactions"][0]),
        ("eth_getTransactionReceipt", old["transactions"][0]),
        ("eth_getBlockByHash", old["hash"], True),
    ):
        assert fork.ask(method, *params) == forked.ask(method, *params), method
    assert fork.ask("eth_getTransactionByHash", "0x" + word(1)) is None
    assert int(fork.ask("eth_getBalance", SECOND, "latest"), 16) == 10_000 * 10**18


def test_a_fork_does_what_the_other_chain_would_do(forked: Running, fork: Running) -> None:
    before = slots(fork)
    choice = random.Random(3)
    work = [(choice.randrange(SLOTS), choice.choice((0, 1, 7, 103))) for _ in range(24)]

    ours, theirs = ([store(running, *one) for one in work] for running in (fork, forked))

    for one, other in zip(ours, theirs, strict=True):
        assert (one["status"], one["gasUsed"]) == (other["status"], other["gasUsed"])
        logs = [[(log["topics"], log["data"]) for log in receipt["logs"]] for receipt in (one, other)]
        assert logs[0] == logs[1]
    assert slots(fork) == slots(forked)
    assert slots(fork, "0x5") == before  # the forked block's state, as it was
    assert len(fork.ask("eth_getLogs", {"fromBlock": "0x0", "toBlock": "latest"})) == 2 + len(work)
    assert int(fork.ask("eth_feeHistory", "0x40", "latest", [])["oldestBlock"], 16) == 5


def test_block_hashes_reach_below_the_fork(forked: Running, fork: Running) -> None:
    fork.ask("evm_mine")
    for number in (0, 3, 5):
        known = forked.ask("eth_getBlockByNumber", hex(number), False)["hash"]
        assert fork.ask("eth_call", {"to": HASH_AT, "data": "0x" + word(number)}, "latest") == known


def test_what_was_done_on_a_fork_is_taken_back(fork: Running) -> None:
    before, balance = slots(fork), fork.ask("eth_getBalance", STRANGER, "latest")
    taken = fork.ask("evm_snapshot")
    for slot in range(SLOTS):
        store(fork, slot, 0)
    fork.ask("anvil_setBalance", STRANGER, "0x0")
    fork.ask("anvil_setStorageAt", STORE_AT, "0x4", "0x" + word(9))

    assert fork.ask("evm_revert", taken) is True

    assert (slots(fork), fork.ask("eth_getBalance", STRANGER, "latest")) == (before, balance)
    store(fork, 3, 0)
    assert slots(fork)[3] == 0
    fork.ask("anvil_reset")
    assert (slots(fork), fork.ask("eth_blockNumber")) == (before, "0x5")


def test_an_older_block_can_be_forked(forked: Running) -> None:
    flags = ("--dev", "--fork-url", forked.urls["JSON-RPC"], "--fork-block", "3", "--dev.chain-id", "77")
    with node(MEMORY, *flags, network=None) as fork:
        assert (fork.ask("eth_blockNumber"), fork.ask("eth_chainId")) == ("0x3", "0x4d")
        assert slots(fork) == slots(forked, "0x3") == [0, 11, 102, 103, 104, 105]
        first = fork.ask("eth_getBlockByNumber", "latest", False)
        fork.ask("evm_mine")
        second = fork.ask("eth_getBlockByNumber", "latest", False)
        assert second["parentHash"] == first["hash"]
        assert 0 < int(second["timestamp"], 16) - int(first["timestamp"], 16) < TIMEOUT_SECONDS


def test_what_takes_the_whole_state_is_refused(forked: Running, fork: Running) -> None:
    fork.ask("evm_mine")
    for method, *params in (
        ("eth_getProof", FIRST, [], "latest"),
        ("debug_executionWitness", "latest"),
        ("debug_storageRangeAt", "latest", 0, STORE_AT, "0x00", 5),
    ):
        assert "it holds what it wrote itself" in refusal(fork, method, *params), method
    assert "begin with 6" in refusal(fork, "trace_filter", {"fromBlock": "0x0", "toBlock": "latest"})
    theirs = {"fromBlock": "0x3", "toBlock": "0x5"}
    assert fork.ask("trace_filter", theirs) == forked.ask("trace_filter", theirs)


def test_a_fork_outlives_the_other_chains_node(forked: Running, fork: Running) -> None:
    known = slots(fork)
    forked.process.kill()
    forked.process.wait(TIMEOUT_SECONDS)

    assert "does not answer" in refusal(fork, "eth_getBalance", "0x" + "77" * 20, "latest")
    assert slots(fork) == known
    assert fork.ask("eth_blockNumber") == "0x5"


def test_a_fork_leaves_though_the_other_node_hangs(forked: Running, fork: Running) -> None:
    os.kill(forked.process.pid, signal.SIGSTOP)
    try:
        with ThreadPoolExecutor(1) as thread:
            waiting = thread.submit(refusal, fork, "eth_getBalance", "0x" + "77" * 20, "latest")
            time.sleep(0.5)
            fork.process.send_signal(signal.SIGTERM)
            assert fork.process.wait(LEAVES_SECONDS) == 0
            with pytest.raises((OSError, http.client.HTTPException)):
                waiting.result()
    finally:
        os.kill(forked.process.pid, signal.SIGCONT)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--fork-block", "99"], "--fork-block 99: http://127.0.0.1:"),
        (["--datadir", "here"], "a fork lives in memory"),
        (["--http.workers", "2"], "answered by one process"),
    ],
)
def test_what_cannot_be_forked_is_told(forked: Running, tmp_path: Path, flags: list[str], expected: str) -> None:
    command = [COMMAND, "--dev", "--http.port", "0", "--fork-url", forked.urls["JSON-RPC"], *flags]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, cwd=tmp_path, check=False)

    assert done.returncode != 0
    assert expected in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"<html>no</html>", "does not answer eth_chainId in JSON: <html>no</html>"),
        (b'{"error":{"code":-32601,"message":"no such method"}}', "refuses eth_chainId: "),
        (b'{"result":null}', "answers eth_chainId with 'None', which is no number"),
        (b'{"result":"0x1"}', "answers eth_getBlockByNumber with something else than a block"),
    ],
)
def test_a_node_that_answers_nonsense_is_told(tmp_path: Path, answer: bytes, expected: str) -> None:
    class Nonsense(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """The test says what came."""

    with http.server.HTTPServer(("127.0.0.1", 0), Nonsense) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        command = [COMMAND, "--dev", "--http.port", "0", "--fork-url", f"http://127.0.0.1:{server.server_port}"]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, cwd=tmp_path, check=False
        )
        server.shutdown()

    assert done.returncode != 0
    assert expected in done.stderr
    assert "Traceback" not in done.stderr


def test_a_node_that_is_not_there_is_told(tmp_path: Path) -> None:
    command = [COMMAND, "--dev", "--http.port", "0", "--fork-url", "http://user:secret@127.0.0.1:1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, cwd=tmp_path, check=False)

    assert done.returncode != 0
    assert "--fork-url: http://127.0.0.1:1" in done.stderr
    assert "secret" not in done.stderr
