"""One sequencer takes over from another: processes on a real L1, with the real contracts and a prover."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from ethrex_node.dev import accounts
from ethrex_node.rollup.epochs import heads
from ethrex_node.rollup.l1 import signers
from unit.rollup.whole import roles
from unit.rollup.whole.roles import TOKEN, Part, ask, patiently, text

LIMIT_SECONDS: Final = 240.0
CHAIN_ID: Final = 4_349
FIRST, SECOND, SETTLER, OTHER_SETTLER, PROVER, USER = accounts.derive()[1:7]
KEYS: Final = roles.Keys(FIRST, SETTLER, PROVER)
HELD: Final = 10**20
pytestmark = pytest.mark.timeout(900)  # minutes on a machine that is busy
PLAN: Final = {
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

    def follower(self, of: str) -> Part:
        return Part(
            "follower",
            [
                *("ethrex", "l2", "follow", *self._common(), "--sequencer", of),
                *("--follow.tag", "latest", "--follow.l1-interval", "0.3", "--follow.interval", "0.1"),
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
        try:
            with urllib.request.urlopen(f"{self.admin}/readyz", timeout=10) as answer:
                found = json.load(answer)
        except urllib.error.HTTPError as error:
            found = json.load(error)
        except (OSError, ValueError) as error:
            raise roles.Away(str(error)) from error
        reasons: dict[str, str] = found["reasons"]
        return reasons

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
        call = {"to": deployed["proposer"], "data": "0x" + roles.STATUS.call(CHAIN_ID).hex()}
        (status,) = roles.STATUS.result(bytes.fromhex(patiently(self.l1_url, "eth_call", call, "latest")[2:]))
        return int(status[0]), int(status[1])

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


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An L1 with the contracts, two machines and a prover that asks both coordinators; no sequencer runs yet."""
    with roles.l1(tmp_path) as (l1_url, _):
        roles.deploy(tmp_path, l1_url, [PLAN])
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


def test_a_sequencer_hands_over_and_a_follower_goes_on_in_its_place(world: World) -> None:
    """Kill -9 of either at each point of it on the way."""
    one, two = world.one, world.two
    with running(one.sequencer()) as first, running(two.follower(one.url)) as follower:
        for url in (one.url, two.url, one.url):
            world.pay(url, first)
        until(lambda: world.status()[0] >= 1, first)

        # Nobody takes over from a sequencer that has not handed over, unless somebody says that it is gone.
        follower.kill()
        refused = subprocess.run(
            [str(Path(sys.executable).with_name("ethrex")), *two.sequencer().command[1:]],
            capture_output=True,
            text=True,
            env=two.sequencer().environment,
            timeout=LIMIT_SECONDS,
        )
        assert refused.returncode != 0
        assert "has not handed over" in refused.stderr
        follower.start()

        # Killed while it drains, it goes on with that.
        status = answered(one.handover("--status"))
        assert (status["epoch"], status["state"], status["done"]) == (1, "sealing", False)
        asked = subprocess.Popen(one.handover_command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: answered(one.handover("--status"))["state"] != "sealing", first)
        first.kill()
        asked.kill()
        asked.wait()
        first.start()
        patiently(one.url, "eth_chainId")
        until(lambda: one.handover("--status").returncode == 0, first)
        done = answered(one.handover())
        assert (done["epoch"], done["state"], done["done"]) == (1, "ended", True)
        last = done["lastBlock"]
        assert one.height() == last
        assert world.status()[0] == done["lastBatch"]

        # It seals no more, says so, and still gives its blocks.
        with pytest.raises(AssertionError, match="handed over: epoch 1 ended"):
            roles.pay(one.url, CHAIN_ID, USER, len(world.sent))
        assert "handed over" in one.reasons()["term"]
        first.kill()
        first.start()
        until(lambda: "handed over" in one.reasons().get("term", ""), first)
        until(lambda: ask(two.url, "ethrex_getBlocks", "0x1")["ended"], follower)
        until(lambda: two.height() == last, follower)
        assert one.height() == last
        follower.kill()

    # The second begins behind the last block, whenever it is killed.
    with running(two.sequencer()) as second:
        for seconds in (0.3, 1.0, 2.0, 3.0):
            time.sleep(seconds)  # wherever it is by then
            second.kill()
            second.start()
        until(lambda: two.height() > last, second)
        world.pay(two.url, second)
        newest = ask(two.url, "ethrex_getBlocks", hex(two.height()))["newest"]
        assert newest["epoch"] == "0x2"

        # The first, whose last batch the second builds on, stays what it was: it has handed over.
        until(lambda: world.status()[0] > done["lastBatch"], second)
        with running(one.sequencer()) as back:
            until(lambda: "handed over" in one.reasons().get("term", ""), back)
            until(lambda: answered(one.handover("--status"))["done"], back)
            assert answered(one.handover())["state"] == "ended"

        # The first is a follower of the second now, and takes nobody's transactions for its own.
        with running(one.follower(two.url)) as again:
            until(lambda: not one.reasons(), again)
            world.pay(one.url, again)
            assert ask(one.url, "eth_getBlockByNumber", hex(last + 1), False) == ask(
                two.url, "eth_getBlockByNumber", hex(last + 1), False
            )
        world.all_is_settled(second)
        batch = ask(two.url, "ethrex_getBatchByNumber", "0x1")
        assert batch["status"] in ("verified", "final")


def test_a_sequencer_that_hangs_is_replaced_and_does_no_harm_when_it_comes_back(world: World) -> None:
    one, two = world.one, world.two
    with running(one.sequencer()) as first:
        with running(two.follower(one.url)) as follower:
            for url in (one.url, two.url):
                world.pay(url, first)
            until(lambda: world.status()[0] >= 1, first)
            assert first.process is not None
            first.process.send_signal(signal.SIGSTOP)
            for sent in world.sent:
                world.receipt(two.url, sent, follower)
            had = two.height()
            follower.kill()

        # Until L1 has a batch of the new epoch nobody else's word counts, and users wait. Killed on the way it goes on.
        with running(two.sequencer("--takeover", "--epoch", "2")) as second:
            for seconds in (0.5, 2.0, 4.0):
                time.sleep(seconds)  # wherever it is by then
                second.kill()
                second.start()
            until(lambda: not two.reasons(), second)
            assert two.height() >= had
            world.pay(two.url, second)
            before = world.status()[0]

            # The old one finds another's batch on L1 under a number of its own: it stops for good, and says so.
            first.process.send_signal(signal.SIGCONT)
            until(lambda: "replaced: " in one.reasons().get("term", ""), first)
            assert "another sequencer has taken over" in first.log.read_text()
            stopped = one.height()
            first.kill()
            first.start()
            until(lambda: "replaced: " in one.reasons().get("term", ""), first)
            with pytest.raises(AssertionError, match="replaced"):
                roles.pay(one.url, CHAIN_ID, USER, len(world.sent))
            until(lambda: world.status()[0] > before + 1, second)
            assert one.height() == stopped
            first.kill()

            # What it sealed alone goes, once it follows who replaced it.
            with running(one.follower(two.url)) as again:
                until(lambda: not one.reasons(), again)
                world.pay(one.url, again)
                for number in (had, one.height()):
                    ours = ask(one.url, "eth_getBlockByNumber", hex(number), False)
                    assert ours == ask(two.url, "eth_getBlockByNumber", hex(number), False)
            world.all_is_settled(second)


def test_a_sequencer_that_is_shown_a_later_epoch_stops(world: World) -> None:
    one = world.one
    deployed = json.loads(one.deployment.read_text())
    where = heads.domain(int(deployed["l1ChainId"]), bytes.fromhex(deployed["proposer"][2:]))

    def shown(key: bytes, epoch: int) -> Any:
        signed = asyncio.run(heads.sign(signers.local(key), where, CHAIN_ID, epoch, 9, b"\x09" * 32))
        return ask(one.url, "ethrex_showHead", heads.as_json(signed))

    with running(one.sequencer()) as first:
        world.pay(one.url, first)
        assert shown(USER.key, 2) is False
        assert shown(SECOND.key, 1) is False
        with pytest.raises(AssertionError, match="signed head"):
            ask(one.url, "ethrex_showHead", {})
        world.pay(one.url, first)

        assert shown(SECOND.key, 2) is True
        assert one.reasons()["term"] == "replaced: epoch 2 has begun"
        stopped = one.height()
        with pytest.raises(AssertionError, match="epoch 2 has begun"):
            roles.pay(one.url, CHAIN_ID, USER, len(world.sent))
        first.kill()
        first.start()
        until(lambda: "replaced: " in one.reasons().get("term", ""), first)
        assert one.height() == stopped
