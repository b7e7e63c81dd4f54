"""
Malformed input at every door of the running process: each case gets a proper answer, the process lives, its memory,
open files and loop are as before.

FAULT_CASES says how many, FAULT_SEED which.
"""

from __future__ import annotations

import base64
import json
import os
import random
import socket
import time
import urllib.parse
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest
from unit.dev import blobs

from faults import malfile, malform, process, story

CASES = int(os.environ.get("FAULT_CASES", "12000"))
SEED = int(os.environ.get("FAULT_SEED", "1"))
GROWTH_BYTES = 96 << 20
STALL_SECONDS = 1.0  # what the node's own monitor may have seen, on a machine that does other work too
INTERNAL_ERROR = -32603
pytestmark = pytest.mark.timeout(120 + CASES // 10)
Case = Callable[[random.Random], str]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> story.Story:
    return story.tell(tmp_path_factory.mktemp("story"), 2)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, told: story.Story) -> Iterator[process.Process]:
    folder = tmp_path_factory.mktemp("node")
    (folder / "genesis.json").write_bytes(told.genesis)
    # A request that never ends is closed after five seconds: what a wrong length asks for shall not hold up the test.
    flags = ("--ws.enabled", "--rpc.idle-timeout", "5", "--rpc.max-body", "1000000", "--rpc.max-message", "1000000")
    running = process.Process(folder / "data", folder / "genesis.json", flags).start()
    story.make_head(running.engine, told, told.heads[0])
    yield running
    running.kill()


class Doors:
    def __init__(self, node: process.Process, told: story.Story) -> None:
        self.node, self.told = node, told
        self.methods = [
            one for group in ("eth", "debug", "net", "web3", "txpool", "trace") for one in _methods(node, group)
        ]
        self.http = urllib.parse.urlsplit(node.urls["JSON-RPC"])
        self.blob = story.signed(story.KEYS[2].key, 0, story.CLOCK, data=bytes(1000))
        self.carrier = blobs.transaction([blobs.blob(1), blobs.blob(2)])

    def json(self, dice: random.Random) -> str:
        body = malform.call(dice, self.methods)
        head = f"POST / HTTP/1.1\r\nHost: {self.http.netloc}\r\nContent-Type: application/json\r\nConnection: close\r\n"
        answer = self._talk(head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        status, text = _parts(answer)
        assert status in (200, 400, 413), answer[:300]
        if status == 200 and text:
            _no_internal_error(json.loads(text))
        return str(status)

    def wire(self, dice: random.Random) -> str:
        body = malform.call(dice, ["eth_blockNumber"])
        answer = self._talk(malform.http(dice, self.http.netloc, body), last=dice.random() < 0.998)
        if not answer:
            return "closed"
        status, _ = _parts(answer)
        assert status == 200 or 400 <= status < 500 or status in (501, 505), answer[:300]
        return str(status)

    def websocket(self, dice: random.Random) -> str:
        key = base64.b64encode(dice.randbytes(16)).decode()
        head = (
            f"GET / HTTP/1.1\r\nHost: {self.http.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
        )
        close = b"\x88\x80\0\0\0\0"
        answer = self._talk(malform.frames(dice, self.methods) + close, hello=head.encode(), last=dice.random() < 0.998)
        assert str(INTERNAL_ERROR).encode() not in answer, answer[:500]
        return "101"

    def token(self, dice: random.Random) -> str:
        door = urllib.parse.urlsplit(self.node.urls["Engine"])
        token = malform.token(dice, self.node.secret, int(time.time()))
        body = b'{"jsonrpc":"2.0","id":1,"method":"engine_exchangeCapabilities","params":[[]]}'
        head = f"POST / HTTP/1.1\r\nHost: {door.netloc}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n"
        answer = self._talk(head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body, door)
        status, _ = _parts(answer)
        assert status in (400, 401), (token, answer[:300])
        return str(status)

    def payload(self, dice: random.Random) -> str:
        good = self.told.blocks[self.told.heads[1]].payload
        params = malform.payload(dice, good)
        try:
            status = self.node.engine("engine_newPayloadV4", *params)["status"]
        except process.Refused as error:
            assert str(INTERNAL_ERROR) not in str(error), (params, error)
            return "refused"
        assert status in ("INVALID", "SYNCING", "ACCEPTED", "INVALID_BLOCK_HASH") or params[0] == good, (status, params)
        return str(status)

    def transaction(self, dice: random.Random) -> str:
        raw = malform.mutated(dice, self.blob)
        try:
            self.node.ask("eth_sendRawTransaction", "0x" + raw.hex())
        except process.Refused as error:
            assert str(INTERNAL_ERROR) not in str(error), (raw.hex(), error)
            return "refused"
        return "taken"

    def blobs(self, dice: random.Random) -> str:
        """A sidecar that is not the transaction's: never pooled, by whatever of it is wrong."""
        raw = malfile.blobs(dice, self.carrier)
        with pytest.raises(process.Refused) as refused:
            self.node.ask("eth_sendRawTransaction", "0x" + raw.hex())
        assert str(INTERNAL_ERROR) not in str(refused.value), refused.value
        return "refused"

    def _talk(
        self, data: bytes, door: urllib.parse.SplitResult | None = None, *, hello: bytes = b"", last: bool = False
    ) -> bytes:
        """Send all of it and read to the end. `hello`: shake hands first; `last`: say that no more comes."""
        at = door or self.http
        answer = b""
        with socket.create_connection((at.hostname, at.port), timeout=process.TIMEOUT_SECONDS) as wire:
            if hello:
                wire.sendall(hello)
                assert wire.recv(1 << 16).startswith(b"HTTP/1.1 101 ")
            try:
                for start in range(0, len(data), 60_000):
                    wire.sendall(data[start : start + 60_000])
                if last:
                    wire.shutdown(socket.SHUT_WR)
                while part := wire.recv(1 << 16):
                    answer += part
            except (ConnectionError, OSError) as error:
                assert not isinstance(error, TimeoutError), data[:500]
        return answer


def _methods(node: process.Process, group: str) -> list[str]:
    """Names as the documents have them; an unknown one is a case too."""
    names = {
        "eth": "getBalance call getBlockByNumber getLogs estimateGas getProof feeHistory simulateV1 getStorageAt "
        "newFilter getFilterChanges createAccessList getBlockByHash getTransactionByHash sendRawTransaction nothing",
        "debug": "traceTransaction traceCall traceBlockByNumber getRawBlock executionWitness storageRangeAt",
        "trace": "block call filter",
        "txpool": "contentFrom status",
        "net": "version",
        "web3": "sha3",
    }
    return [f"{group}_{name}" for name in names[group].split()]


def _parts(answer: bytes) -> tuple[int, bytes]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1."), answer[:300]
    return int(head.split()[1]), body


def _no_internal_error(told: Any) -> None:
    for one in told if isinstance(told, list) else [told]:
        assert one.get("error", {}).get("code") != INTERNAL_ERROR, told


def test_malformed_input_at_every_door(
    node: process.Process, told: story.Story, capsys: pytest.CaptureFixture[str]
) -> None:
    doors = Doors(node, told)
    shares: list[tuple[str, Case, float]] = [
        ("json", doors.json, 0.35),
        ("http", doors.wire, 0.2),
        ("websocket", doors.websocket, 0.15),
        ("jwt", doors.token, 0.1),
        ("payload", doors.payload, 0.1),
        ("transaction", doors.transaction, 0.1),
        ("blobs", doors.blobs, 0.02),
    ]
    dice = random.Random(SEED)
    outcomes: dict[str, Counter[str]] = {name: Counter() for name, _, _ in shares}
    for _, case, _ in shares:  # everything that is loaded at first use is loaded before the base is taken
        for _ in range(20):
            case(dice)
    usage = psutil.Process(node.process.pid)
    base_memory, base_files = usage.memory_info().rss, usage.num_fds()

    for name, case, share in shares:
        for _ in range(int(CASES * share)):
            outcomes[name][case(dice)] += 1

    assert node.process.poll() is None
    assert node.ask("eth_getBlockByNumber", "latest", False)["hash"] == told.heads[0]
    growth = usage.memory_info().rss - base_memory
    deadline = time.monotonic() + process.TIMEOUT_SECONDS
    while usage.num_fds() > base_files + 1 and time.monotonic() < deadline:
        node.ask("eth_blockNumber")
    stall = node.metric("ethrex_loop_longest_gap_ever_seconds")
    with capsys.disabled():
        total = sum(sum(one.values()) for one in outcomes.values())
        told_outcomes = {name: dict(one) for name, one in outcomes.items()}
        print(f"\n{total} malformed cases: {told_outcomes}; memory {growth >> 20:+} MiB, longest stall {stall:.3f} s")
    assert usage.num_fds() <= base_files + 1
    assert growth < GROWTH_BYTES
    assert stall < STALL_SECONDS
    assert "Traceback" not in node.errors, node.errors[-3000:]
