"""
kill -9 of a rollup's parts at random instants, under traffic: the sequencer, its prover, the L1 under it.

Nothing that was answered with a receipt is lost, every deposit arrives once, no batch is refused by L1 or stuck, and at the
end all of them are verified. FAULT_ROLLUP_KILLS says how often (`make faults`: 110).
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from ethrex_node import _native
from ethrex_node.dev import accounts
from ethrex_node.rollup.l1.abi import Function
from ethrex_node.rollup.l1.fees import Fees
from ethrex_node.rollup.l1.transaction import Signed, Transaction

KILLS: Final = int(os.environ.get("FAULT_ROLLUP_KILLS", "6"))
SEED: Final = int(os.environ.get("FAULT_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
LIMIT_SECONDS: Final = 120.0
CHAIN_ID: Final = 4_343
GWEI: Final = 10**9
OWNER, COMMITTER, SETTLER, PROVER, USER, GIVER = accounts.derive()[:6]
RICH: Final = 10**21
DEPOSIT_WEI: Final = 10**15
RECIPIENT: Final = b"\xdd" * 20
TOKEN: Final = "k" * 32
DEPOSIT: Final = Function("deposit(uint256,address)")
STATUS: Final = Function("chainStatus(uint256)", "((uint64,uint64,uint64,bool,uint8,address,address,bytes32))")


class Away(Exception):
    """The node does not answer now."""


def ask(url: str, method: str, *params: Any) -> Any:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            value = json.load(answer)
    except (OSError, ValueError, urllib.error.URLError) as error:
        raise Away(str(error)) from error
    if "error" in value:
        raise AssertionError(f"{method}: {value['error']}")
    return value["result"]


def patiently(url: str, method: str, *params: Any) -> Any:
    """Until the node is back."""
    end = time.monotonic() + LIMIT_SECONDS
    while True:
        try:
            return ask(url, method, *params)
        except Away:
            assert time.monotonic() < end, f"{url} stays away"
            time.sleep(0.05)


@dataclass
class Part:
    """A process that is started again with the same command."""

    name: str
    command: list[str]
    log: Path
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        program = str(Path(sys.executable).with_name(self.command[0]))
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [program, *self.command[1:]], stdout=output, stderr=output, env={**os.environ, **self.environment}
            )

    def kill(self, number: int = signal.SIGKILL) -> None:
        assert self.process is not None
        assert self.process.poll() is None, f"{self.name} ended by itself:\n{self.log.read_text()[-3000:]}"
        self.process.send_signal(number)
        self.process.wait(LIMIT_SECONDS)


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def text(address: bytes) -> str:
    return "0x" + address.hex()


def _signed(transaction: Transaction, key: bytes) -> Signed:
    return transaction.signed(_native.sign_hash(key, _native.keccak256(transaction.preimage)))


@dataclass
class World:
    l1_url: str
    l2_url: str
    parts: dict[str, Part]
    bridge: str
    proposer: str

    def verified(self) -> int:
        return int(self._status()[1])

    def committed(self) -> int:
        return int(self._status()[0])

    def _status(self) -> Any:
        call = {"to": self.proposer, "data": "0x" + STATUS.call(CHAIN_ID).hex()}
        (status,) = STATUS.result(bytes.fromhex(patiently(self.l1_url, "eth_call", call, "latest")[2:]))
        return status


@contextmanager
def world(folder: Path) -> Iterator[World]:
    l1_port, l2_port, coordinator_port = free_port(), free_port(), free_port()
    l1_url, l2_url = f"http://127.0.0.1:{l1_port}", f"http://127.0.0.1:{l2_port}"
    l1 = Part(
        "l1",
        ["ethrex", "--dev", "--datadir", str(folder / "l1"), "--http.port", str(l1_port), "--dev.block-time", "0.3"],
        folder / "l1.log",
    )
    with ExitStack() as stack:
        l1.start()
        stack.callback(_end, l1)
        patiently(l1_url, "eth_chainId")
        deployment = _deploy(folder, l1_url)
        (folder / "tokens").write_text(f"prover pool {TOKEN}\n")
        (folder / "token").write_text(TOKEN)
        sequencer = Part("sequencer", _sequencer(folder, l1_url, l2_port, coordinator_port), folder / "sequencer.log")
        sequencer.environment = {"COMMITTER": COMMITTER.key.hex(), "SETTLER": SETTLER.key.hex()}
        prover = Part("prover", _prover(folder, coordinator_port, deployment), folder / "prover.log")
        prover.environment = {"PROVER": PROVER.key.hex()}
        for part in (sequencer, prover):
            part.start()
            stack.callback(_end, part)
        patiently(l2_url, "eth_chainId")
        parts = {part.name: part for part in (l1, sequencer, prover)}
        yield World(l1_url, l2_url, parts, deployment["bridge"], deployment["proposer"])


def _end(part: Part) -> None:
    if part.process is not None and part.process.poll() is None:
        part.kill()


def _deploy(folder: Path, l1_url: str) -> dict[str, Any]:
    plan = {
        "salt": "0x" + "07" * 32,
        "owner": text(OWNER.address),
        "chains": [
            {
                "chainId": CHAIN_ID,
                "committers": [text(COMMITTER.address)],
                "genesis": {"balancesWei": {text(USER.address): RICH}},
                "proofs": {"attestedSigners": [text(PROVER.address)]},
            }
        ],
    }
    (folder / "plan.json").write_text(json.dumps(plan))
    command = [
        *(str(Path(sys.executable).with_name("ethrex")), "l2", "deploy", "--plan", str(folder / "plan.json")),
        *("--eth-rpc-url", l1_url, "--key", "env:OWNER", "--out", str(folder / "deployment"), "--json"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OWNER": OWNER.key.hex()})
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads((folder / "deployment" / f"{CHAIN_ID}.json").read_text())
    return found


def _sequencer(folder: Path, l1_url: str, port: int, coordinator_port: int) -> list[str]:
    return [
        *("ethrex", "l2", "sequencer", "--deployment", str(folder / "deployment" / f"{CHAIN_ID}.json")),
        *(
            "--datadir",
            str(folder / "l2"),
            "--http.port",
            str(port),
            "--eth.rpc-url",
            l1_url,
            "--watcher.tag",
            "latest",
        ),
        *("--watcher.watch-interval", "0.2", "--block-producer.block-time", "0.2", "--committer.commit-time", "1"),
        *("--committer.key", "env:COMMITTER", "--settler.key", "env:SETTLER", "--http.api", "eth,ethrex,txpool"),
        *("--proof-coordinator.port", str(coordinator_port), "--proof-coordinator.tokens", str(folder / "tokens")),
        *("--eth.patience", "3"),
    ]


def _prover(folder: Path, coordinator_port: int, deployment: dict[str, Any]) -> list[str]:
    return [
        *("ethrex-prover", "run", "--backend", "attested", "--coordinator", f"http://127.0.0.1:{coordinator_port}"),
        *("--token-file", str(folder / "token"), "--id", "pool.0", "--key", "env:PROVER", "--poll", "0.1"),
        *("--l1-chain-id", str(deployment["l1ChainId"]), "--verifier", deployment["attestedVerifier"]),
    ]


@dataclass
class Traffic:
    """A user that pays and waits for the receipt, again and again; and one that deposits on L1."""

    world: World
    receipts: dict[str, str] = field(default_factory=dict)  # transaction -> block
    deposits: int = 0
    failed: BaseException | None = None
    over: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        try:
            for nonce in range(1 << 30):
                if self.over.is_set():
                    return
                self._pay(nonce)
                if nonce % 8 == 0:
                    self._deposit()
        except BaseException as error:
            self.failed = error

    def _pay(self, nonce: int) -> None:
        transaction = Transaction(
            chain_id=CHAIN_ID, nonce=nonce, to=nonce.to_bytes(20, "big"), gas_limit=100_000,
            fees=Fees(50 * GWEI, GWEI), value_wei=1,
        )  # fmt: skip
        signed = _signed(transaction, USER.key)
        sent, raw = "0x" + signed.hash.hex(), "0x" + signed.raw.hex()
        end = time.monotonic() + LIMIT_SECONDS
        while (receipt := patiently(self.world.l2_url, "eth_getTransactionReceipt", sent)) is None:
            assert time.monotonic() < end, f"payment {nonce} is never sealed"
            self._offer(raw)
            time.sleep(0.05)
        self.receipts[sent] = receipt["blockHash"]

    def _offer(self, raw: str) -> None:
        """A restart may have lost it before it was sealed: a user sends it again."""
        try:
            patiently(self.world.l2_url, "eth_sendRawTransaction", raw)
        except AssertionError as error:
            assert "already known" in str(error) or "nonce too low" in str(error), error

    def _deposit(self) -> None:
        """Sent once a nonce: after a kill of the L1 the same transaction is given to it again."""
        data = DEPOSIT.call(CHAIN_ID, text(RECIPIENT))
        transaction = Transaction(
            chain_id=31337, nonce=self.deposits, to=bytes.fromhex(self.world.bridge[2:]), gas_limit=500_000,
            fees=Fees(50 * GWEI, GWEI), data=data, value_wei=DEPOSIT_WEI,
        )  # fmt: skip
        signed = _signed(transaction, GIVER.key)
        try:
            patiently(self.world.l1_url, "eth_sendRawTransaction", "0x" + signed.raw.hex())
        except AssertionError as error:
            assert "already known" in str(error) or "nonce too low" in str(error), error
        if patiently(self.world.l1_url, "eth_getTransactionReceipt", "0x" + signed.hash.hex()) is not None:
            self.deposits += 1


@pytest.mark.timeout(2 * LIMIT_SECONDS + 10 * KILLS)
def test_parts_that_are_killed_lose_nothing(tmp_path: Path) -> None:
    print(f"seed {SEED}, {KILLS} kills")
    chance = random.Random(SEED)
    with world(tmp_path) as rollup:
        traffic = Traffic(rollup)
        thread = threading.Thread(target=traffic.run)
        thread.start()
        try:
            for _ in range(KILLS):
                time.sleep(chance.uniform(0.2, 3.0))
                part = rollup.parts[chance.choice(["sequencer", "sequencer", "prover", "l1"])]
                part.kill()
                time.sleep(chance.choice([0.0, 0.0, 0.5]))
                part.start()
            time.sleep(2.0)
        finally:
            traffic.over.set()
            thread.join(2 * LIMIT_SECONDS)
        assert traffic.failed is None, traffic.failed
        assert len(traffic.receipts) > KILLS

        _all_is_settled(rollup, traffic)


def _all_is_settled(rollup: World, traffic: Traffic) -> None:
    for sent, block in traffic.receipts.items():
        receipt = patiently(rollup.l2_url, "eth_getTransactionReceipt", sent)
        assert receipt is not None, f"{sent} had a receipt and is gone"
        assert receipt["blockHash"] == block
    mined = int(patiently(rollup.l1_url, "eth_getTransactionCount", text(GIVER.address), "latest"), 16)
    _until(lambda: _balance(rollup, RECIPIENT) == mined * DEPOSIT_WEI, rollup)

    # A batch without a transaction is left open for long.
    last = patiently(rollup.l2_url, "eth_getTransactionReceipt", list(traffic.receipts)[-1])["blockNumber"]
    _until(lambda: (patiently(rollup.l2_url, "ethrex_getBatchByBlock", last) or {}).get("status") == "final", rollup)
    assert rollup.committed() >= rollup.verified() > 0
    log = rollup.parts["sequencer"].log.read_text()
    for bad in ("L1 refused", "L1 would refuse a batch", "a role of the rollup fails", "no block could be sealed"):
        assert bad not in log, [line for line in log.splitlines() if bad in line][:3]


def _balance(rollup: World, owner: bytes) -> int:
    return int(patiently(rollup.l2_url, "eth_getBalance", text(owner), "latest"), 16)


def _until(is_so: Any, rollup: World) -> None:
    end = time.monotonic() + LIMIT_SECONDS
    while not is_so():
        tail = rollup.parts["sequencer"].log.read_text()[-3000:]
        assert time.monotonic() < end, tail
        time.sleep(0.2)
