"""The roles of rollups as processes of their own on one dev L1: started, asked, killed and started again."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ethrex_node import _native
from ethrex_node.dev import accounts
from ethrex_node.rollup.l1.abi import Function
from ethrex_node.rollup.l1.fees import Fees
from ethrex_node.rollup.l1.transaction import Signed, Transaction
from ethrex_node.rollup.settlement import contracts

LIMIT_SECONDS: Final = 120.0
GWEI: Final = 10**9
OWNER: Final = accounts.derive()[0]
TOKEN: Final = "k" * 32
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


def signed(transaction: Transaction, key: bytes) -> Signed:
    return transaction.signed(_native.sign_hash(key, _native.keccak256(transaction.preimage)))


def pay(url: str, chain_id: int, sender: accounts.DevAccount, nonce: int) -> str:
    """A wei to somebody on a rollup, once its node answers. Gives the transaction's hash."""
    transaction = Transaction(
        chain_id=chain_id, nonce=nonce, to=b"\xab" * 20, gas_limit=100_000, fees=Fees(50 * GWEI, GWEI), value_wei=1
    )
    sent: str = patiently(url, "eth_sendRawTransaction", "0x" + signed(transaction, sender.key).raw.hex())
    return sent


@dataclass(frozen=True)
class Keys:
    """Who acts for a chain on L1. Two chains do not share an account there: their nonces would meet."""

    committer: accounts.DevAccount
    settler: accounts.DevAccount
    prover: accounts.DevAccount


@dataclass
class Chain:
    """A rollup whose sequencer and prover run."""

    chain_id: int
    l1_url: str
    url: str
    coordinator_url: str
    deployment: dict[str, Any]
    sequencer: Part
    prover: Part

    @property
    def bridge(self) -> bytes:
        return bytes.fromhex(self.deployment["bridge"][2:])

    def last_committed_and_verified(self) -> tuple[int, int]:
        return committed_and_verified(self.l1_url, self.deployment, self.chain_id)

    def commits(self) -> list[int]:
        """The batches that L1's log says were committed, as often as they were, in its order."""
        asked = {
            "address": self.deployment["proposer"],
            "fromBlock": "0x0",
            "toBlock": "latest",
            "topics": ["0x" + contracts.BATCH_COMMITTED.topic.hex(), f"0x{self.chain_id:064x}"],
        }
        return [int(one["topics"][2], 16) for one in patiently(self.l1_url, "eth_getLogs", asked)]


def committed_and_verified(l1_url: str, deployment: dict[str, Any], chain_id: int) -> tuple[int, int]:
    """The last batches of a chain that L1 has."""
    call = {"to": deployment["proposer"], "data": "0x" + STATUS.call(chain_id).hex()}
    (status,) = STATUS.result(bytes.fromhex(patiently(l1_url, "eth_call", call, "latest")[2:]))
    return int(status[0]), int(status[1])


@contextmanager
def l1(folder: Path) -> Iterator[tuple[str, Part]]:
    """A dev L1 with its blocks on disk, at a port that a restart has again."""
    port = free_port()
    command = ["ethrex", "--dev", "--datadir", str(folder / "l1"), "--http.port", str(port), "--dev.block-time", "0.3"]
    part = Part("l1", command, folder / "l1.log")
    part.start()
    try:
        url = f"http://127.0.0.1:{port}"
        patiently(url, "eth_chainId")
        yield url, part
    finally:
        end(part)


def deploy(folder: Path, l1_url: str, chains: Sequence[dict[str, Any]]) -> None:
    """By the command, from a plan of these chains."""
    plan = {"salt": "0x" + "07" * 32, "owner": text(OWNER.address), "chains": list(chains)}
    (folder / "plan.json").write_text(json.dumps(plan))
    command = [
        *(str(Path(sys.executable).with_name("ethrex")), "l2", "deploy", "--plan", str(folder / "plan.json")),
        *("--eth-rpc-url", l1_url, "--key", "env:OWNER", "--out", str(folder / "deployment"), "--json"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OWNER": OWNER.key.hex()})
    assert done.returncode == 0, done.stderr


@contextmanager
def chain(
    folder: Path,
    l1_url: str,
    chain_id: int,
    keys: Keys,
    *flags: str,
    through: Sequence[str] = (),
    tokens: Sequence[str] = (),
) -> Iterator[Chain]:
    """
    Sequencer (with these flags) and prover of a chain that `deploy` has written into `folder`. `through`: URLs that the
    sequencer asks instead of the L1's. `tokens`: further lines of the coordinator's file of them.
    """
    port, coordinator = free_port(), free_port()
    url, coordinator_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{coordinator}"
    file = folder / "deployment" / f"{chain_id}.json"
    deployment = json.loads(file.read_text())
    home = folder / str(chain_id)
    home.mkdir()
    (home / "tokens").write_text("\n".join([f"prover pool {TOKEN}", *tokens]))
    (home / "token").write_text(TOKEN)
    sequencer = Part(
        "sequencer",
        [
            *("ethrex", "l2", "sequencer", "--deployment", str(file), "--datadir", str(home / "data")),
            *("--http.port", str(port), "--http.api", "eth,ethrex,txpool"),
            *("--eth.rpc-url", ",".join(through or [l1_url])),
            *("--watcher.tag", "latest", "--watcher.watch-interval", "0.2", "--eth.patience", "3"),
            *("--block-producer.block-time", "0.2", "--committer.commit-time", "1"),
            *("--committer.key", "env:COMMITTER", "--settler.key", "env:SETTLER"),
            *("--proof-coordinator.port", str(coordinator), "--proof-coordinator.tokens", str(home / "tokens")),
            *flags,
        ],
        home / "sequencer.log",
        {"COMMITTER": keys.committer.key.hex(), "SETTLER": keys.settler.key.hex()},
    )
    prover = Part(
        "prover",
        [
            *("ethrex-prover", "run", "--backend", "attested", "--coordinator", coordinator_url),
            *("--token-file", str(home / "token"), "--id", "pool.0", "--key", "env:PROVER", "--poll", "0.1"),
            *("--l1-chain-id", str(deployment["l1ChainId"]), "--verifier", deployment["attestedVerifier"]),
        ],
        home / "prover.log",
        {"PROVER": keys.prover.key.hex()},
    )
    try:
        sequencer.start()
        prover.start()
        patiently(url, "eth_chainId")
        yield Chain(chain_id, l1_url, url, coordinator_url, deployment, sequencer, prover)
    finally:
        end(prover)
        end(sequencer)


@dataclass
class Follower:
    """A node that follows a chain; its metrics' door answers /readyz."""

    url: str
    admin_url: str
    part: Part

    def reasons(self) -> dict[str, str]:
        return reasons(self.admin_url)


def reasons(admin_url: str) -> dict[str, str]:
    """Why a node is not ready; nothing: it is. Raises `Away`."""
    try:
        with urllib.request.urlopen(f"{admin_url}/readyz", timeout=10) as answer:
            found = json.load(answer)
    except urllib.error.HTTPError as error:
        found = json.load(error)
    except (OSError, ValueError) as error:
        raise Away(str(error)) from error
    told: dict[str, str] = found["reasons"]
    return told


@contextmanager
def follower(
    folder: Path, chain: Chain, *flags: str, sequencer_url: str | None = None, l1_url: str | None = None
) -> Iterator[Follower]:
    """A follower of a chain that `deploy` has written into `folder`, through other URLs than the chain's where given."""
    port, admin = free_port(), free_port()
    home = folder / f"follower-{port}"
    home.mkdir()
    part = Part(
        "follower",
        [
            *("ethrex", "l2", "follow", "--deployment", str(folder / "deployment" / f"{chain.chain_id}.json")),
            *("--datadir", str(home / "data"), "--http.port", str(port), "--metrics", "--metrics.port", str(admin)),
            *("--eth.rpc-url", l1_url or chain.l1_url, "--sequencer", sequencer_url or chain.url),
            *("--follow.tag", "latest", "--follow.l1-interval", "0.2", "--follow.interval", "0.1"),
            *flags,
        ],
        home / "follower.log",
    )
    try:
        part.start()
        url = f"http://127.0.0.1:{port}"
        patiently(url, "eth_chainId")
        yield Follower(url, f"http://127.0.0.1:{admin}", part)
    finally:
        end(part)


def end(part: Part) -> None:
    if part.process is not None and part.process.poll() is None:
        part.kill()
