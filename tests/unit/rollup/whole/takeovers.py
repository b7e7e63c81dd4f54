"""Two machines that can each sequence one rollup: processes on a real L1, with the real contracts and a prover."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ethrex_node.dev import accounts
from unit.rollup.whole import roles
from unit.rollup.whole.roles import TOKEN, Part, ask, patiently, text

LIMIT_SECONDS: Final = 240.0
CHAIN_ID: Final = 4_349
FIRST, SECOND, SETTLER, OTHER_SETTLER, PROVER, USER = accounts.derive()[1:7]
KEYS: Final = roles.Keys(FIRST, SETTLER, PROVER)
HELD: Final = 10**20
PLAN: Final[dict[str, Any]] = {
    "chainId": CHAIN_ID,
    "committers": [text(FIRST.address), text(SECOND.address)],
    "genesis": {"balancesWei": {text(USER.address): HELD}},
    "proofs": {"attestedSigners": [text(PROVER.address)]},
}
RECIPIENT: Final = "0x" + "ab" * 20
OPERATOR: Final = "o" * 32
BLOCK_SECONDS, BATCH_SECONDS, IDLE_SECONDS = "1", "5", "8"  # L1 keeps up with these on a busy machine


def until(is_so: Callable[[], object], part: Part) -> None:
    end = time.monotonic() + LIMIT_SECONDS
    while True:
        with contextlib.suppress(roles.Away):
            if is_so():
                return
        assert time.monotonic() < end, part.log.read_text()[-4000:]
        time.sleep(0.1)


@dataclass
class Node:
    """A data folder on a machine of its own: the commands that run on it, and where they answer."""

    home: Path
    chain_id: int
    l1_url: str
    deployment: Path
    url: str
    coordinator: str
    admin: str
    committer: accounts.DevAccount
    settler: accounts.DevAccount

    def sequencer(self, *flags: str) -> Part:
        return Part(
            "sequencer",
            [
                *("ethrex", "l2", "sequencer", *self._common()),
                *("--watcher.tag", "latest", "--watcher.watch-interval", "0.3", "--eth.patience", "5"),
                *("--block-producer.block-time", BLOCK_SECONDS, "--committer.commit-time", BATCH_SECONDS),
                *(
                    "--committer.idle-time",
                    IDLE_SECONDS,
                    "--committer.key",
                    "env:COMMITTER",
                    "--settler.key",
                    "env:SETTLER",
                ),
                *("--proof-coordinator.port", self.coordinator.rpartition(":")[2]),
                *("--proof-coordinator.tokens", str(self.home.parent / "tokens"), *flags),
            ],
            self.home / "sequencer.log",
            {"COMMITTER": self.committer.key.hex(), "SETTLER": self.settler.key.hex()},
        )

    def follower(self, of: str, *flags: str) -> Part:
        return Part(
            "follower",
            [
                *("ethrex", "l2", "follow", *self._common(), "--sequencer", of),
                *("--follow.tag", "latest", "--follow.l1-interval", "0.3", "--follow.interval", "0.1", *flags),
            ],
            self.home / "follower.log",
        )

    def _common(self) -> tuple[str, ...]:
        return (
            *("--deployment", str(self.deployment), "--datadir", str(self.home / "data")),
            *("--http.port", self.url.rpartition(":")[2], "--http.api", "eth,ethrex,txpool"),
            *("--metrics", "--metrics.port", self.admin.rpartition(":")[2], "--eth.rpc-url", self.l1_url),
        )

    def reasons(self) -> dict[str, str]:
        return roles.reasons(self.admin)

    def height(self) -> int:
        return int(ask(self.url, "eth_blockNumber"), 16)

    def handover_command(self) -> list[str]:
        program = str(Path(sys.executable).with_name("ethrex"))
        token = self.home.parent / "operator"
        return [program, "l2", "handover", "--coordinator", self.coordinator, "--token-file", str(token), "--json"]

    def handover(self, *flags: str) -> subprocess.CompletedProcess[str]:
        command = [*self.handover_command(), "--timeout", "600", *flags]
        return subprocess.run(command, capture_output=True, text=True, timeout=700)


@dataclass
class World:
    folder: Path
    l1_url: str
    one: Node
    two: Node
    sent: list[str]

    def status(self) -> tuple[int, int]:
        """The last batches that L1 has committed and verified."""
        deployed = json.loads(self.one.deployment.read_text())
        return roles.committed_and_verified(self.l1_url, deployed, CHAIN_ID)

    def pay(self, url: str, part: Part) -> dict[str, Any]:
        """A wei to somebody, through a node; gives the receipt once it is there."""
        self.sent.append(roles.pay(url, CHAIN_ID, USER, len(self.sent)))
        return self.receipt(url, self.sent[-1], part)

    def receipt(self, url: str, sent: str, part: Part) -> dict[str, Any]:
        found: list[dict[str, Any]] = []

        def is_there() -> bool:
            answer = ask(url, "eth_getTransactionReceipt", sent)
            found[:] = [] if answer is None else [answer]
            return bool(found)

        until(is_there, part)
        return found[0]

    def prover(self, node: Node) -> Part:
        deployed = json.loads(node.deployment.read_text())
        return Part(
            "prover",
            [
                *("ethrex-prover", "run", "--backend", "attested", "--coordinator", self.one.coordinator),
                *("--coordinator", self.two.coordinator),
                *("--token-file", str(self.folder / "token"), "--id", "pool.0", "--key", "env:PROVER", "--poll", "0.3"),
                *("--l1-chain-id", str(deployed["l1ChainId"]), "--verifier", deployed["attestedVerifier"]),
            ],
            self.folder / "prover.log",
            {"PROVER": PROVER.key.hex()},
        )

    def all_is_settled(self, part: Part) -> None:
        """Every batch that was made when this was called ends as verified; every wei is where it belongs."""
        until(lambda: int(ask(self.two.url, "ethrex_batchNumber"), 16) > 0, part)
        made = int(patiently(self.two.url, "ethrex_batchNumber"), 16)
        until(lambda: self.status()[1] >= made, part)
        receipts = [self.receipt(self.two.url, one, part) for one in self.sent]
        paid = sum(int(one["gasUsed"], 16) * int(one["effectiveGasPrice"], 16) + 1 for one in receipts)
        assert int(patiently(self.two.url, "eth_getBalance", RECIPIENT, "latest"), 16) == len(self.sent)
        assert int(patiently(self.two.url, "eth_getBalance", text(USER.address), "latest"), 16) == HELD - paid


@contextlib.contextmanager
def world_of(tmp_path: Path, plan: dict[str, Any] = PLAN) -> Iterator[World]:
    """An L1 with the contracts, two machines and a prover that asks both coordinators; no sequencer runs yet."""
    with roles.l1(tmp_path) as (l1_url, _):
        roles.deploy(tmp_path, l1_url, [plan])
        (tmp_path / "tokens").write_text(f"prover pool {TOKEN}\noperator me {OPERATOR}\n")
        (tmp_path / "token").write_text(TOKEN)
        (tmp_path / "operator").write_text(OPERATOR)
        pairs = (("one", FIRST, SETTLER), ("two", SECOND, OTHER_SETTLER))
        one, two = (_node(tmp_path, l1_url, name, committer, settler) for name, committer, settler in pairs)
        made = World(tmp_path, l1_url, one, two, [])
        prover = made.prover(one)
        prover.start()
        try:
            yield made
        finally:
            roles.end(prover)


def _node(folder: Path, l1_url: str, name: str, committer: accounts.DevAccount, settler: accounts.DevAccount) -> Node:
    (folder / name).mkdir()
    url, coordinator, admin = (f"http://127.0.0.1:{roles.free_port()}" for _ in range(3))
    deployment = folder / "deployment" / f"{CHAIN_ID}.json"
    return Node(folder / name, CHAIN_ID, l1_url, deployment, url, coordinator, admin, committer, settler)


@contextlib.contextmanager
def running(part: Part) -> Iterator[Part]:
    part.start()
    try:
        yield part
    finally:
        roles.end(part)


def answered(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found
