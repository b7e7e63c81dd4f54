"""
L1 takes back a deposit that L2 has executed, above finality and below what the watcher took for settled: blocks since are
sealed again with the same users' transactions in order, only what lived of the deposit drops, and everything settles. In
every other round the sequencer is killed in the middle of it. FAULT_QUEUE_REORGS says how many rounds (`make faults`: 20).
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from unit.rollup.whole import roles
from unit.rollup.whole.roles import GWEI, LIMIT_SECONDS, patiently, text

from ethrex_node.dev import accounts
from ethrex_node.rollup.l1.abi import Function
from ethrex_node.rollup.l1.fees import Fees
from ethrex_node.rollup.l1.transaction import Transaction

ROUNDS: Final = int(os.environ.get("FAULT_QUEUE_REORGS", "2"))
SEED: Final = int(os.environ.get("FAULT_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
CHAIN_ID: Final = 4_346
L1_CHAIN_ID: Final = 31337
COMMITTER, SETTLER, PROVER, USER, GIVER = accounts.derive()[1:6]
ETHER: Final = 10**18
DEPOSIT: Final = Function("deposit(uint256,address)")
WITHDRAW: Final = Function("withdraw(address)")
BRIDGE_L2: Final = bytes(18) + b"\xff\xff"
MESSENGER: Final = "0x" + bytes(18).hex() + "fffe"
PAYMENTS: Final = 6  # of the user in a round


@dataclass
class Actor:
    chain: roles.Chain
    account: accounts.DevAccount
    nonce: int = 0

    def send(self, to: bytes, value_wei: int, data: bytes = b"") -> str:
        fields = Transaction(
            chain_id=CHAIN_ID, nonce=self.nonce, to=to, gas_limit=300_000, fees=Fees(50 * GWEI, GWEI), data=data,
            value_wei=value_wei,
        )  # fmt: skip
        raw = roles.signed(fields, self.account.key).raw
        sent: str = patiently(self.chain.url, "eth_sendRawTransaction", "0x" + raw.hex())
        self.nonce += 1
        return sent


def guest(number: int) -> accounts.DevAccount:
    return accounts.derive(count=10 + ROUNDS)[10 + number]


def deposit(chain: roles.Chain, to: bytes) -> None:
    nonce = int(patiently(chain.l1_url, "eth_getTransactionCount", text(GIVER.address), "latest"), 16)
    fields = Transaction(
        chain_id=L1_CHAIN_ID, nonce=nonce, to=chain.bridge, gas_limit=500_000, fees=Fees(50 * GWEI, GWEI),
        data=DEPOSIT.call(CHAIN_ID, text(to)), value_wei=ETHER,
    )  # fmt: skip
    patiently(chain.l1_url, "eth_sendRawTransaction", "0x" + roles.signed(fields, GIVER.key).raw.hex())


def balance(chain: roles.Chain, owner: bytes) -> int:
    return int(patiently(chain.url, "eth_getBalance", text(owner), "latest"), 16)


def receipt(chain: roles.Chain, sent: str) -> Any:
    return patiently(chain.url, "eth_getTransactionReceipt", sent)


def place(chain: roles.Chain, sent: str) -> tuple[int, int]:
    found = receipt(chain, sent)
    return int(found["blockNumber"], 16), int(found["transactionIndex"], 16)


def until(is_so: Callable[[], object], chain: roles.Chain) -> None:
    end = time.monotonic() + LIMIT_SECONDS
    while not is_so():
        assert time.monotonic() < end, chain.sequencer.log.read_text()[-6000:]
        time.sleep(0.1)


def reorgs(chain: roles.Chain) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = patiently(chain.url, "ethrex_getQueueReorgs")
    return found


@pytest.mark.timeout(3 * LIMIT_SECONDS + 90 * ROUNDS)
def test_a_deposit_that_l1_takes_back_costs_only_what_lived_of_it(tmp_path: Path) -> None:
    print(f"seed {SEED}, {ROUNDS} rounds")
    chance = random.Random(SEED)
    plan = {
        "chainId": CHAIN_ID,
        "committers": [text(COMMITTER.address)],
        "genesis": {"balancesWei": {text(USER.address): 10**21}},
        "proofs": {"attestedSigners": [text(PROVER.address)]},
    }
    keys = roles.Keys(COMMITTER, SETTLER, PROVER)
    with roles.l1(tmp_path) as (l1_url, _):
        roles.deploy(tmp_path, l1_url, [plan])
        with (
            roles.chain(tmp_path, l1_url, CHAIN_ID, keys, "--eth.final-depth", "200") as chain,
            roles.follower(tmp_path, chain) as follower,
        ):
            user = Actor(chain, USER)
            _settles(chain, user.send(b"\xab" * 20, 1))
            for number in range(ROUNDS):
                _round(chain, user, number, chance.uniform(0.0, 0.4) if number % 2 else None)
            sent = user.send(b"\xab" * 20, 1)
            _settles(chain, sent)
            newest = patiently(chain.url, "eth_getBlockByNumber", receipt(chain, sent)["blockNumber"], False)
            until(lambda: _is_with(follower, newest["number"], newest["hash"]), chain)
            assert patiently(follower.url, "ethrex_getQueueReorgs") == reorgs(chain)
            log = chain.sequencer.log.read_text()
            assert "a role of the rollup fails" not in log
            assert "no block could be sealed" not in log


def _round(chain: roles.Chain, user: Actor, number: int, kill_after: float | None) -> None:
    stranger = Actor(chain, guest(number))
    before = patiently(chain.l1_url, "evm_snapshot")
    deposit(chain, stranger.account.address)
    until(lambda: balance(chain, stranger.account.address) == ETHER, chain)
    told = patiently(chain.url, "eth_newFilter", {"address": MESSENGER})
    ours, theirs = [], []
    for at in range(PAYMENTS):
        ours.append(user.send(b"\xab" * 20, 1))
        if at % 3 == 1:
            theirs.append(stranger.send(b"\xac" * 20, 1))
        if at == 2:
            ours.append(user.send(BRIDGE_L2, 10**12, WITHDRAW.call(text(USER.address))))
        until(lambda: receipt(chain, ours[-1]) is not None, chain)
    until(lambda: receipt(chain, theirs[-1]) is not None, chain)
    order = sorted(ours, key=lambda one: place(chain, one))
    first = place(chain, ours[0])[0]
    until(lambda: patiently(chain.url, "ethrex_getBatchByBlock", hex(first)) is not None, chain)
    batch = patiently(chain.url, "ethrex_getBatchByBlock", hex(first))["number"]
    until(lambda: chain.last_committed_and_verified()[1] >= batch, chain)
    logs_before = patiently(chain.url, "eth_getFilterChanges", told)

    assert patiently(chain.l1_url, "evm_revert", before) is True
    if kill_after is not None:
        until(lambda: chain.sequencer.log.read_text().count("they are void") > number, chain)
        time.sleep(kill_after)
        chain.sequencer.kill()
        chain.sequencer.start()
    until(lambda: len(reorgs(chain)) > number and reorgs(chain)[number]["status"] == "done", chain)

    found = reorgs(chain)[number]
    assert set(found["dropped"]) == set(theirs)
    assert found["first_block"] <= first
    assert all(receipt(chain, one) is None for one in theirs)
    assert sorted(ours, key=lambda one: place(chain, one)) == order
    assert balance(chain, stranger.account.address) == 0
    if kill_after is None:
        changes = patiently(chain.url, "eth_getFilterChanges", told)
        assert [one["removed"] for one in logs_before] == [False]
        assert sorted(one["removed"] for one in changes) == [False, True]
        assert {one["transactionHash"] for one in changes} == {logs_before[0]["transactionHash"]}
    _settles(chain, ours[-1])
    (_,) = patiently(chain.url, "ethrex_getL1MessageProof", logs_before[0]["transactionHash"])
    deposit(chain, stranger.account.address)
    until(lambda: balance(chain, stranger.account.address) == ETHER, chain)


def _settles(chain: roles.Chain, sent: str) -> None:
    """Verified on L1, in a batch that L1 knows with this hash."""
    until(lambda: receipt(chain, sent) is not None, chain)
    block = receipt(chain, sent)["blockNumber"]

    def is_verified() -> bool:
        found = patiently(chain.url, "ethrex_getBatchByBlock", block)
        return found is not None and found["status"] in ("verified", "final")

    until(is_verified, chain)


def _is_with(follower: roles.Follower, number: str, block_hash: str) -> bool:
    found = patiently(follower.url, "eth_getBlockByNumber", number, False)
    return found is not None and bool(found["hash"] == block_hash)
