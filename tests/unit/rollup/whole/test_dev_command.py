"""`ethrex l2 dev`: a whole rollup of real processes comes up, settles, goes on where it stopped, and leaves nothing."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from eth_account import Account

from ethrex_node.dev import accounts
from unit.rollup.whole import processes
from unit.rollup.whole.processes import CHAIN_ID, LIMIT_SECONDS, Running, rollup, until

GWEI = 10**9


def alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if Path(f"/proc/{pid}/status").exists() and "zombie" not in _status(pid)]


def _status(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return "zombie"


def pay(running: Running, nonce: int, wei: int) -> str:
    """From the first account to one that has nothing."""
    facts = {
        "chainId": CHAIN_ID, "nonce": nonce, "to": b"\xab" * 20, "value": wei, "gas": 200_000,
        "maxFeePerGas": 100 * GWEI, "maxPriorityFeePerGas": GWEI,
    }  # fmt: skip
    signed = Account.sign_transaction(facts, accounts.derive()[0].key)
    sent: str = running.l2("eth_sendRawTransaction", "0x" + bytes(signed.raw_transaction).hex())
    until(lambda: running.l2("eth_getTransactionReceipt", sent))
    return sent


def finalized(running: Running) -> int:
    """0: no block is final yet."""
    status = processes.answer(running, "status")
    return status["finalized"] or 0


def test_it_settles_goes_on_and_leaves_nothing(tmp_path: Path) -> None:
    with rollup(tmp_path) as running:
        children = running.children()
        assert len(children) == 3  # L1, sequencer, prover
        receipt = running.l2("eth_getTransactionReceipt", pay(running, 0, 5))
        assert receipt["status"] == "0x1"
        block = int(receipt["blockNumber"], 16)

        until(lambda: running.status().last_verified > 0)
        until(lambda: finalized(running) >= block)
        head = int(running.l2("eth_blockNumber"), 16)
    assert running.process.returncode == 0
    assert alive(children) == []

    with rollup(tmp_path) as running:
        assert int(running.l2("eth_blockNumber"), 16) >= head
        verified = running.status().last_verified
        pay(running, 1, 7)
        assert int(running.l2("eth_getBalance", "0x" + "ab" * 20, "latest"), 16) == 12
        until(lambda: running.status().last_verified > verified)

        children = running.children()
        os.kill(running.process.pid, signal.SIGKILL)
        until(lambda: not alive(children))


def test_a_part_that_ends_ends_the_whole_with_its_last_words(tmp_path: Path) -> None:
    with rollup(tmp_path) as running:
        sequencer = running.children()[1]
        os.kill(sequencer, signal.SIGKILL)
        assert running.process.stdout is not None
        rest = running.process.stdout.read()
        running.process.wait(LIMIT_SECONDS)

    assert "sequencer ended with -9" in rest
    assert running.process.returncode == 2
