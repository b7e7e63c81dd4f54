"""
A sequencer whose disk is gone: the rollup goes on from what L1 and its blobs hold.

What L1 has verified is kept to the wei, withdrawals too; what it has not verified has to be taken back first, since nobody has
the blocks any more that a proof would need.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from ethrex_node.cli import BEHIND
from ethrex_node.dev import accounts
from ethrex_node.rollup.l1 import abi
from unit.rollup.whole import processes, roles, tokens
from unit.rollup.whole.deployment import OWNER
from unit.rollup.whole.from_l1 import PRUNED, alone, header, height, reconstructed, recover, refused, until
from unit.rollup.whole.roles import ask, patiently, text

pytestmark = pytest.mark.timeout(900)

CHAIN_ID: Final = 4_352
ALICE: Final = 4  # dev accounts that no role uses
BOB: Final = 5
COMMITTER, SETTLER, PROVER = accounts.derive()[1:4]
KEYS: Final = roles.Keys(COMMITTER, SETTLER, PROVER)
PLAN: Final = {
    "chainId": CHAIN_ID,
    "committers": [text(COMMITTER.address)],
    "genesis": {},
    "proofs": {"attestedSigners": [text(PROVER.address)]},
}
GWEI: Final = 10**9
REVERT: Final = abi.Function("revertBatches(uint256,uint64)")
BALANCE_OF: Final = abi.Function("balanceOf(address)")


@dataclass
class World:
    folder: Path
    chain: roles.Chain

    def user(self, *words: str, account: int = ALICE) -> Any:
        """A command of a user."""
        return processes.answered(self.tried(*words, account=account))

    def tried(self, *words: str, account: int = ALICE) -> subprocess.CompletedProcess[str]:
        return processes.ethrex_at(self.chain.l1_url, self.chain.url, *words, account=account)

    def l1(self, method: str, *params: Any) -> Any:
        return patiently(self.chain.l1_url, method, *params)

    def on_l1(self, sender: bytes, to: bytes, data: bytes) -> dict[str, Any]:
        """A transaction of an unlocked account, mined."""
        given = {"from": text(sender), "to": text(to), "data": "0x" + data.hex(), "gas": hex(2_000_000)}
        sent = self.l1("eth_sendTransaction", given)
        until(lambda: self.l1("eth_getTransactionReceipt", sent))
        receipt: dict[str, Any] = self.l1("eth_getTransactionReceipt", sent)
        return receipt

    @property
    def data(self) -> Path:
        return self.folder / str(CHAIN_ID) / "data"

    @property
    def proposer(self) -> bytes:
        return bytes.fromhex(self.chain.deployment["proposer"][2:])

    def until_verified(self, batch: int) -> None:
        until(lambda: self.chain.last_committed_and_verified()[1] >= batch, self.chain.sequencer, self.chain.prover)

    def batch_of(self, transaction: str) -> int:
        def found() -> Any:
            receipt = ask(self.chain.url, "eth_getTransactionReceipt", transaction)
            return receipt and ask(self.chain.url, "ethrex_getBatchByBlock", receipt["blockNumber"])

        until(found, self.chain.sequencer)
        number: int = found()["number"]
        return number

    def state_after(self, batch: int, *who: str) -> dict[str, Any]:
        """The header at the end of a batch, and what some held there."""
        end = hex(ask(self.chain.url, "ethrex_getBatchByNumber", hex(batch))["last_block"])
        return {"header": header(self.chain.url, end)} | {
            one: ask(self.chain.url, "eth_getBalance", one, end) for one in who
        }

    def nothing_waits_on_l1(self) -> bool:
        """What the roles have sent is in blocks."""
        accounts_ = (text(one.address) for one in (COMMITTER, SETTLER))
        return all(
            self.l1("eth_getTransactionCount", one, "pending") == self.l1("eth_getTransactionCount", one, "latest")
            for one in accounts_
        )

    def begin_with(self, folder: Path) -> None:
        """How the sequencer is started from now on."""
        self.chain.sequencer.command += ["--reconstructed", str(folder), "--epoch", "2"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("lost")
    with roles.l1(folder) as (l1_url, _):
        roles.deploy(folder, l1_url, [PLAN])
        with roles.chain(folder, l1_url, CHAIN_ID, KEYS, "--http.api", "eth,ethrex,debug") as chain:
            yield World(folder, chain)


def test_a_rollup_goes_on_from_what_l1_holds(world: World) -> None:
    chain = world.chain
    alice, bob = (text(accounts.derive()[one].address) for one in (ALICE, BOB))

    # A rollup with money, a token and a withdrawal, all of it verified.
    world.user("deposit", "2eth")
    token_l1 = tokens.make(world.l1, alice, alice, 1_000_000, decimals=0)
    token_l2 = world.user("deploy-token", token_l1)["token_l2"]
    world.user("deposit", "100 USD", "--token-l1", token_l1, "--token-l2", token_l2)
    world.user("transfer", "30 USD", bob, "--token", token_l2)
    world.user("withdraw", "7 USD", "--token-l2", token_l2)
    withdrawn = world.user("withdraw", f"{5 * GWEI}wei", "--to", bob, "--wait")["l2_transaction"]
    (proof,) = ask(chain.url, "ethrex_getL1MessageProof", withdrawn)

    # What is committed from here on is not proven any more.
    chain.prover.kill()
    proven = chain.last_committed_and_verified()[1]
    unproven = world.batch_of(world.user("transfer", "1gwei", bob)["l2_transaction"])
    until(lambda: chain.last_committed_and_verified()[0] >= unproven > proven, chain.sequencer)
    ends = {number: world.state_after(number, alice, bob) for number in range(proven, unproven + 1)}
    chain.sequencer.kill()
    shutil.rmtree(world.data)
    until(world.nothing_waits_on_l1)
    committed, verified = chain.last_committed_and_verified()
    assert proven <= verified < committed
    before = ends[verified]
    end = before["header"]["number"]

    # With nothing at hand it does not start over; with what is not verified it does not start at all.
    chain.sequencer.start()
    until(lambda: "it is older than the chain; nothing was sealed" in chain.sequencer.log.read_text(), chain.sequencer)
    assert chain.sequencer.process is not None
    assert chain.sequencer.process.wait(60) == BEHIND
    assert (world.data / "chain").exists(), "the genesis is written before L1 is asked"
    whole, recovered = world.folder / "whole", world.folder / "recovered"
    assert reconstructed(world.folder, chain, whole)["batches"] == committed
    told = reconstructed(world.folder, chain, recovered, "--verified", "--if-missing", "--datadir", str(world.data))
    assert not (world.data / "chain").exists(), "a bare genesis makes room"
    assert (told["batches"], told["stateRoot"]) == (verified, before["header"]["stateRoot"])
    command = list(chain.sequencer.command)
    chain.sequencer.command += ["--reconstructed", str(whole)]
    chain.sequencer.start()
    until(lambda: "name --epoch, one above the highest" in chain.sequencer.log.read_text(), chain.sequencer)
    chain.sequencer.process.wait(60)
    shutil.rmtree(world.data)
    chain.sequencer.command[:] = command
    world.begin_with(whole)
    chain.sequencer.start()
    until(lambda: f"Begin with batch {verified}" in chain.sequencer.log.read_text(), chain.sequencer)
    chain.sequencer.process.wait(60)
    shutil.rmtree(world.data)
    chain.sequencer.command[:] = command
    world.begin_with(recovered)
    chain.sequencer.start()
    until(lambda: f"revertBatches({CHAIN_ID}, {verified})" in chain.sequencer.log.read_text(), chain.sequencer)
    assert chain.sequencer.process.wait(60) == BEHIND
    again = recover(
        world.folder,
        chain,
        "reconstruct",
        "--beacon",
        "http://127.0.0.1:1",
        "--out",
        world.folder / "other",
        "--datadir",
        world.data,
    )
    assert again.returncode == 0, "what has begun is left as it is, and nothing is asked for it"
    assert not (world.folder / "other").exists()

    # The admin takes back what nobody can prove; the same folder goes on.
    receipt = world.on_l1(OWNER.address, world.proposer, REVERT.call(CHAIN_ID, verified))
    assert receipt["status"] == "0x1"
    chain.sequencer.start()
    until(lambda: height(chain.url) > int(end, 16), chain.sequencer)
    chain.prover.start()
    assert header(chain.url, end) == before["header"]
    assert ask(chain.url, "eth_getBalance", alice, end) == before[alice]
    assert ask(chain.url, "eth_getBalance", bob, end) == before[bob]
    balance = {"to": token_l2, "data": "0x" + BALANCE_OF.call(bob).hex()}
    assert int(ask(chain.url, "eth_call", balance, end), 16) == 30

    # What users do works as before, and gets verified.
    world.user("deposit", "1eth", account=BOB)
    world.user("transfer", "10 USD", alice, "--token", token_l2, account=BOB)
    paid = world.user("transfer", "0.25eth", bob)["l2_transaction"]
    world.until_verified(world.batch_of(paid))
    again = world.user("withdraw", f"{3 * GWEI}wei", "--to", bob, "--claim")
    assert again["claim_transactions"]

    # What was withdrawn before is claimed with the proof that the reconstruction left.
    (claim,) = [
        one for one in json.loads((recovered / "claims.json").read_text()) if one["leaf"] == proof["message_hash"]
    ]
    assert claim["proof"] == proof["merkle_proof"]
    held = int(world.l1("eth_getBalance", bob, "latest"), 16)
    words = ("claim", "--claims", str(recovered), "--to", bob, "--amount")
    wrong = world.tried(*words, f"{6 * GWEI}wei")
    assert wrong.returncode != 0
    assert "messages in" in wrong.stderr
    assert len(world.user(*words, f"{5 * GWEI}wei")["l1_transactions"]) == 1
    assert int(world.l1("eth_getBalance", bob, "latest"), 16) == held + 5 * GWEI
    twice = world.tried(*words, f"{5 * GWEI}wei")
    assert twice.returncode != 0
    assert "are claimed already" in twice.stderr
    world.user("claim", "--claims", str(recovered), "--amount", "7 USD", "--token-l2", token_l2)
    balance = {"to": token_l1, "data": "0x" + BALANCE_OF.call(alice).hex()}
    assert int(world.l1("eth_call", balance, "latest"), 16) == 1_000_000 - 100 + 7

    (signed,) = {ask(chain.url, "ethrex_getBlocks", hex(height(chain.url)))["newest"]["epoch"]}
    assert signed == "0x2", "followers that heard of the first epoch listen"

    # What is from before is an error that says so.
    assert refused(chain.url, "ethrex_getBatchByNumber", hex(verified))["code"] == -39004
    assert refused(chain.url, "ethrex_getBatchByBlock", end)["code"] == -39004
    assert refused(chain.url, "eth_getBlockByNumber", "0x1", False)["code"] == PRUNED
    assert ask(chain.url, "ethrex_getQueueItem", "0x0")["status"] == "verified"
    assert ask(chain.url, "ethrex_getQueueItem", "0x0")["block_number"] is None

    # A follower that has L1 alone comes to the same states, over the loss.
    with alone(world.folder, chain) as follower:
        until(lambda: not follower.reasons(), follower.part)
        newest = world.batch_of(paid)
        until(lambda: int(ask(follower.url, "ethrex_batchNumber"), 16) >= newest, follower.part)
        for number in range(verified + 1, newest + 1):
            batch = ask(chain.url, "ethrex_getBatchByNumber", hex(number))
            assert header(follower.url, hex(batch["last_block"])) == header(chain.url, hex(batch["last_block"]))
        assert header(follower.url, end) == before["header"]

    # The folder is a rollup's like any other from now on.
    chain.sequencer.kill()
    chain.sequencer.command[:] = command
    chain.sequencer.start()
    until(lambda: height(chain.url), chain.sequencer)
    more = world.batch_of(world.user("transfer", "1gwei", bob)["l2_transaction"])
    world.until_verified(more)
    assert "a role of the rollup fails" not in chain.sequencer.log.read_text()
