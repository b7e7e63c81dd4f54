"""
Followers and L1: one that has nothing but L1 has its state at the end of each batch, and says of the rest that it is not
there; what L1 takes back is taken back by every follower.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from ethrex_node.dev import accounts
from unit.rollup.whole import from_l1, processes, roles
from unit.rollup.whole.from_l1 import PRUNED, alone, header, height, refused, until
from unit.rollup.whole.roles import ask, patiently, text

pytestmark = pytest.mark.timeout(600)

CHAIN_ID: Final = 4_351
COMMITTER, SETTLER, PROVER, USER = accounts.derive()[1:5]
KEYS: Final = roles.Keys(COMMITTER, SETTLER, PROVER)
PLAN: Final = {
    "chainId": CHAIN_ID,
    "committers": [text(COMMITTER.address)],
    "genesis": {"balancesWei": {text(USER.address): 10**20}},
    "proofs": {"attestedSigners": [text(PROVER.address)]},
}
RECIPIENT: Final = "0x" + "ab" * 20


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("alone")


@pytest.fixture(scope="module")
def chain(folder: Path) -> Iterator[roles.Chain]:
    """A batch a payment, and none for a while without: L1 has each soon, however slow the machine is. Nothing is ever final."""
    with roles.l1(folder) as (l1_url, _):
        roles.deploy(folder, l1_url, [PLAN])
        flags = (
            "--committer.commit-time",
            "1",
            "--committer.idle-time",
            "600",
            "--block-producer.block-time",
            "0.5",
            "--eth.final-depth",
            "1000000",
        )
        with roles.chain(folder, l1_url, CHAIN_ID, KEYS, *flags) as running:
            yield running


def until_verified(chain: roles.Chain, number: int) -> None:
    until(lambda: chain.last_committed_and_verified()[1] >= number, chain.sequencer, chain.prover)


def pay(chain: roles.Chain) -> str:
    nonce = int(patiently(chain.url, "eth_getTransactionCount", text(USER.address), "pending"), 16)
    return roles.pay(chain.url, CHAIN_ID, USER, nonce)


def batch_of(chain: roles.Chain, transaction: str) -> int:
    """The batch that a transaction is in, once L1 has it."""

    def found() -> int:
        receipt = ask(chain.url, "eth_getTransactionReceipt", transaction)
        batch = receipt and ask(chain.url, "ethrex_getBatchByBlock", receipt["blockNumber"])
        return batch["number"] if batch and batch["status"] != "sealed" else 0

    until(found, chain.sequencer)
    return found()


def batch(chain: roles.Chain) -> int:
    """One more that L1 has."""
    return batch_of(chain, pay(chain))


def same_states(chain: roles.Chain, follower: roles.Follower, first: int, last: int) -> None:
    """At the ends of these batches."""
    for number in range(first, last + 1):
        batch = ask(chain.url, "ethrex_getBatchByNumber", hex(number))
        at = hex(batch["last_block"])
        assert header(follower.url, at) == header(chain.url, at)
        assert header(follower.url, at)["stateRoot"] == batch["state_root"]
        for who in (text(USER.address), RECIPIENT):
            assert ask(follower.url, "eth_getBalance", who, at) == ask(chain.url, "eth_getBalance", who, at)


def test_it_has_the_state_at_the_end_of_each_batch(folder: Path, chain: roles.Chain) -> None:
    first, last = batch(chain), batch(chain)
    with alone(folder, chain) as follower:
        until(lambda: not follower.reasons(), follower.part)
        until(lambda: int(ask(follower.url, "ethrex_batchNumber"), 16) >= last, follower.part)
        until(lambda: height(follower.url, "finalized") > 0, follower.part)

        same_states(chain, follower, first, last)
        ours = ask(follower.url, "ethrex_getBatchByNumber", hex(last))
        theirs = ask(chain.url, "ethrex_getBatchByNumber", hex(last))
        assert {ours[name] == theirs[name] for name in ("batch_hash", "first_block", "last_block", "queue_index")} == {
            True
        }
        safe = height(follower.url, "safe")
        assert ask(chain.url, "ethrex_getBatchByBlock", hex(safe))["last_block"] == safe


def test_what_it_does_not_have_is_an_error_that_says_so(folder: Path, chain: roles.Chain) -> None:
    sent = pay(chain)
    number = batch_of(chain, sent)
    block = ask(chain.url, "eth_getTransactionReceipt", sent)["blockNumber"]
    its = ask(chain.url, "ethrex_getBatchByNumber", hex(number))
    with alone(folder, chain) as follower:
        until(lambda: height(follower.url) >= its["last_block"], follower.part)

        for method in ("eth_getTransactionByHash", "eth_getTransactionReceipt", "eth_getRawTransactionByHash"):
            assert refused(follower.url, method, sent)["code"] == PRUNED
        logs = {"fromBlock": hex(its["first_block"]), "toBlock": hex(its["last_block"])}
        assert refused(follower.url, "eth_getLogs", logs)["code"] == PRUNED
        assert refused(follower.url, "eth_getBlockByNumber", block, False)["code"] == PRUNED
        assert refused(follower.url, "debug_traceTransaction", sent)["code"] == PRUNED
        within = hex(its["last_block"] - 1)
        told = refused(follower.url, "eth_getBalance", RECIPIENT, within)
        assert told["code"] == PRUNED
        assert f"block {its['last_block'] - 1} is not held here" in told["message"]
        nonce = int(ask(follower.url, "eth_getTransactionCount", text(USER.address), "latest"), 16)
        with pytest.raises(AssertionError, match=r"-39002.*takes no transactions"):
            roles.pay(follower.url, CHAIN_ID, USER, nonce)
        assert refused(follower.url, "ethrex_getL1MessageProof", sent)["code"] == -39002
        assert refused(follower.url, "ethrex_getBlocks", hex(its["first_block"]))["code"] == PRUNED


def test_it_goes_on_where_kill_9_left_it(folder: Path, chain: roles.Chain) -> None:
    with alone(folder, chain) as follower:
        made = []
        for _ in range(3):
            made.append(batch(chain))
            until(lambda: int(ask(follower.url, "ethrex_batchNumber"), 16) >= made[-1], follower.part)
            follower.part.kill()
            follower.part.start()
        until(lambda: not follower.reasons(), follower.part)

        same_states(chain, follower, made[0], made[-1])


def test_an_archive_that_lacks_a_batch_is_waited_for(folder: Path, chain: roles.Chain) -> None:
    archive = folder / "archive"
    last = batch(chain)
    with alone(folder, chain, blobs=("--archive", archive)) as follower:
        until(lambda: "not in the archive" in follower.reasons().get("lag", ""), follower.part)
        assert height(follower.url) == 0

        done = from_l1.recover(folder, chain, "archive-blobs", "--beacon", chain.l1_url, "--archive", archive)
        assert done.returncode == 0, done.stderr

        wanted = ask(chain.url, "ethrex_getBatchByNumber", hex(last))["last_block"]
        until(lambda: height(follower.url) >= wanted, follower.part)
        same_states(chain, follower, last, last)


def test_it_begins_with_a_reconstructed_state(folder: Path, chain: roles.Chain) -> None:
    until_verified(chain, batch(chain))
    out = folder / "recovered"
    told = from_l1.reconstructed(folder, chain, out, "--verified")
    begun = ("--reconstructed", out)
    batch(chain)
    with alone(folder, chain, *begun) as follower:
        until(lambda: not follower.reasons(), follower.part)
        until(lambda: height(follower.url) > told["lastBlock"], follower.part)

        same_states(chain, follower, told["batches"], told["batches"] + 1)
        assert header(follower.url, hex(told["lastBlock"]))["stateRoot"] == told["stateRoot"]
        assert refused(follower.url, "eth_getBalance", RECIPIENT, hex(told["lastBlock"] - 1))["code"] == PRUNED
        follower.part.kill()
        follower.part.start()
        until(lambda: not follower.reasons(), follower.part)
    with roles.follower(folder, chain, *map(str, begun)) as full:
        until(lambda: not full.reasons(), full.part)
        until(lambda: height(full.url, "safe") > told["lastBlock"], full.part)

        at = hex(height(full.url))
        assert patiently(full.url, "eth_getBlockByNumber", at, True) == patiently(
            chain.url, "eth_getBlockByNumber", at, True
        )
        assert refused(full.url, "eth_getBlockByNumber", hex(told["lastBlock"]), False)["code"] == PRUNED


def test_batches_that_l1_takes_back_are_taken_back(folder: Path, chain: roles.Chain) -> None:
    """Both kinds of followers. The sequencer is away, so that nothing comes again before somebody looked."""
    with alone(folder, chain) as follower, roles.follower(folder, chain) as full:
        until(lambda: not follower.reasons() and not full.reasons(), follower.part, full.part)
        batch(chain)
        before = patiently(chain.l1_url, "evm_snapshot")
        kept = chain.last_committed_and_verified()[0]
        last = [batch(chain) for _ in range(2)][-1]
        newest = ask(chain.url, "ethrex_getBatchByNumber", hex(last))["last_block"]
        until(lambda: height(follower.url) >= newest, follower.part)
        gone = header(follower.url)
        until(lambda: height(full.url, "safe") >= int(gone["number"], 16), full.part)
        latest = height(full.url)
        chain.sequencer.kill()

        assert patiently(chain.l1_url, "evm_revert", before) is True
        until(lambda: int(ask(follower.url, "ethrex_batchNumber"), 16) <= kept, follower.part)
        until(lambda: height(follower.url) < int(gone["number"], 16), follower.part)
        until(lambda: height(full.url, "safe") < int(gone["number"], 16), full.part)

        assert height(full.url) >= latest, "what the sequencer sealed stays the newest"
        assert "sequencer" not in full.reasons()
        back = int(ask(follower.url, "ethrex_batchNumber"), 16)
        end = ask(follower.url, "ethrex_getBatchByNumber", hex(back))
        until(lambda: height(follower.url) == end["last_block"], follower.part)
        assert header(follower.url)["stateRoot"] == end["state_root"]

        chain.sequencer.start()
        until(lambda: height(follower.url) >= int(gone["number"], 16), follower.part, chain.sequencer)
        until(lambda: height(full.url, "safe") >= int(gone["number"], 16), full.part)
        same_states(chain, follower, max(1, back), last)
        assert header(follower.url, gone["number"]) == gone, "the same batches came again"


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ((), "without --sequencer batches are taken from L1"),
        (("--beacon", "http://127.0.0.1:1", "--archive", "nowhere"), "either --beacon or --archive"),
        (("--beacon", "http://127.0.0.1:1", "--sequencer", "http://127.0.0.1:1"), "for a follower without --sequencer"),
        (("--archive", "nowhere", "--reconstructed", "nowhere"), "start.json: No such file"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(
    folder: Path, chain: roles.Chain, tmp_path: Path, flags: tuple[str, ...], told: str
) -> None:
    given = (
        "--deployment",
        folder / "deployment" / f"{CHAIN_ID}.json",
        "--datadir",
        tmp_path / "data",
        "--http.port",
        "0",
    )
    command = [processes.COMMAND, "l2", "follow", *map(str, given), "--l1", chain.l1_url, *flags]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode in (1, 2)
    assert told in done.stderr
    assert "Traceback" not in done.stderr
