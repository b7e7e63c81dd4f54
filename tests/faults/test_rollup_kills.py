"""
kill -9 of a rollup's parts at random instants, under traffic: the sequencer, its prover, the L1 under it.

Nothing that was answered with a receipt is lost, every deposit arrives once, no batch is refused by L1 or stuck, and at the
end all of them are verified. FAULT_ROLLUP_KILLS says how often (`make faults`: 110).
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest
from unit.rollup.whole import roles
from unit.rollup.whole.roles import LIMIT_SECONDS, patiently, text

from ethrex_node.dev import accounts
from ethrex_node.rollup.l1.abi import Function
from ethrex_node.rollup.l1.fees import Fees
from ethrex_node.rollup.l1.transaction import Transaction

KILLS: Final = int(os.environ.get("FAULT_ROLLUP_KILLS", "6"))
SEED: Final = int(os.environ.get("FAULT_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
CHAIN_ID: Final = 4_343
GWEI: Final = 10**9
COMMITTER, SETTLER, PROVER, USER, GIVER = accounts.derive()[1:6]
RICH: Final = 10**21
DEPOSIT_WEI: Final = 10**15
RECIPIENT: Final = b"\xdd" * 20
DEPOSIT: Final = Function("deposit(uint256,address)")


@dataclass
class Traffic:
    """A user that pays and waits for the receipt, again and again; and one that deposits on L1."""

    chain: roles.Chain
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
        signed = roles.signed(transaction, USER.key)
        sent, raw = "0x" + signed.hash.hex(), "0x" + signed.raw.hex()
        end = time.monotonic() + LIMIT_SECONDS
        while (receipt := patiently(self.chain.url, "eth_getTransactionReceipt", sent)) is None:
            assert time.monotonic() < end, f"payment {nonce} is never sealed"
            self._offer(raw)
            time.sleep(0.05)
        self.receipts[sent] = receipt["blockHash"]

    def _offer(self, raw: str) -> None:
        """A restart may have lost it before it was sealed: a user sends it again."""
        try:
            patiently(self.chain.url, "eth_sendRawTransaction", raw)
        except AssertionError as error:
            assert "already known" in str(error) or "nonce too low" in str(error), error

    def _deposit(self) -> None:
        """Sent once a nonce: after a kill of the L1 the same transaction is given to it again."""
        data = DEPOSIT.call(CHAIN_ID, text(RECIPIENT))
        transaction = Transaction(
            chain_id=31337, nonce=self.deposits, to=self.chain.bridge, gas_limit=500_000,
            fees=Fees(50 * GWEI, GWEI), data=data, value_wei=DEPOSIT_WEI,
        )  # fmt: skip
        signed = roles.signed(transaction, GIVER.key)
        try:
            patiently(self.chain.l1_url, "eth_sendRawTransaction", "0x" + signed.raw.hex())
        except AssertionError as error:
            assert "already known" in str(error) or "nonce too low" in str(error), error
        if patiently(self.chain.l1_url, "eth_getTransactionReceipt", "0x" + signed.hash.hex()) is not None:
            self.deposits += 1


@pytest.mark.timeout(2 * LIMIT_SECONDS + 10 * KILLS)
def test_parts_that_are_killed_lose_nothing(tmp_path: Path) -> None:
    print(f"seed {SEED}, {KILLS} kills")
    chance = random.Random(SEED)
    plan = {
        "chainId": CHAIN_ID,
        "committers": [text(COMMITTER.address)],
        "genesis": {"balancesWei": {text(USER.address): RICH}},
        "proofs": {"attestedSigners": [text(PROVER.address)]},
    }
    with roles.l1(tmp_path) as (l1_url, l1):
        roles.deploy(tmp_path, l1_url, [plan])
        with roles.chain(tmp_path, l1_url, CHAIN_ID, roles.Keys(COMMITTER, SETTLER, PROVER)) as rollup:
            _kill_and_settle(rollup, l1, chance)


def _kill_and_settle(rollup: roles.Chain, l1: roles.Part, chance: random.Random) -> None:
    parts = [rollup.sequencer, rollup.sequencer, rollup.prover, l1]
    traffic = Traffic(rollup)
    thread = threading.Thread(target=traffic.run)
    thread.start()
    try:
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.2, 3.0))
            part = chance.choice(parts)
            part.kill()
            time.sleep(chance.choice([0.0, 0.0, 0.5]))
            part.start()
        _until(lambda: traffic.failed is not None or len(traffic.receipts) > KILLS, rollup)
    finally:
        traffic.over.set()
        thread.join(2 * LIMIT_SECONDS)
    assert traffic.failed is None, traffic.failed
    assert len(traffic.receipts) > KILLS

    _all_is_settled(rollup, traffic)


def _all_is_settled(rollup: roles.Chain, traffic: Traffic) -> None:
    for sent, block in traffic.receipts.items():
        receipt = patiently(rollup.url, "eth_getTransactionReceipt", sent)
        assert receipt is not None, f"{sent} had a receipt and is gone"
        assert receipt["blockHash"] == block
    mined = int(patiently(rollup.l1_url, "eth_getTransactionCount", text(GIVER.address), "latest"), 16)
    _until(lambda: _balance(rollup, RECIPIENT) == mined * DEPOSIT_WEI, rollup)

    # A batch without a transaction is left open for long.
    last = patiently(rollup.url, "eth_getTransactionReceipt", list(traffic.receipts)[-1])["blockNumber"]
    _until(lambda: (patiently(rollup.url, "ethrex_getBatchByBlock", last) or {}).get("status") == "final", rollup)
    _until(lambda: len(set(rollup.last_committed_and_verified())) == 1, rollup)
    commits = rollup.commits()
    assert commits == list(range(1, len(commits) + 1))
    assert commits
    log = rollup.sequencer.log.read_text()
    for bad in ("L1 refused", "L1 would refuse a batch", "a role of the rollup fails", "no block could be sealed"):
        assert bad not in log, [line for line in log.splitlines() if bad in line][:3]


def _balance(rollup: roles.Chain, owner: bytes) -> int:
    return int(patiently(rollup.url, "eth_getBalance", text(owner), "latest"), 16)


def _until(is_so: Callable[[], bool], rollup: roles.Chain) -> None:
    end = time.monotonic() + LIMIT_SECONDS
    while not is_so():
        assert time.monotonic() < end, rollup.sequencer.log.read_text()[-3000:]
        time.sleep(0.2)
