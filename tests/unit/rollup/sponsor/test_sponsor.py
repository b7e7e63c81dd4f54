"""The sponsor over a real chain and pool: nonces, what a crash leaves, an account that runs dry."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ethrex_node.pool.door import Door
from ethrex_node.rollup.l1 import signers
from ethrex_node.rollup.sponsor import Budget, Chain, Policy, Sponsor, errors, ledger, past
from ethrex_node.rollup.sponsor.policy import DAY_SECONDS, Scope, Used
from ethrex_node.rollup.sponsor.request import Request
from ethrex_node.rollup.store import Store
from ethrex_node.rollup.store.schema import TABLES
from ethrex_node.rpc import logs
from unit.rollup.rollups import CHAIN_ID, COUNTER, GWEI, KEY
from unit.rollup.sequencer.sequencers import Running

ETHER = 10**18


class Sponsoring:
    """A sponsor with the money of the genesis, that pays for calls of the counter."""

    def __init__(self, folder: Path, rules: Policy, key: bytes = KEY, low_balance_wei: int = 0) -> None:
        self.running = Running(folder).open()
        self.threads = ThreadPoolExecutor(1)
        self.reader = self.running.native.reader()
        self.door = Door(self.running.pool, self.threads)
        chain = Chain(CHAIN_ID, self.door, self.ask, lambda address: self.running.native.accounts([address])[0][:2])
        signer = signers.local(key)
        self.sponsor = Sponsor(chain, self.running.store, signer, rules, lambda: 1e9, low_balance_wei)

    def ask(self, method: str, *given: Any) -> Any:
        return logs.ask(self.reader, method, list(given))

    async def seal(self) -> None:
        await self.running.sequencer.step()
        await self.sponsor.settle()

    def pending(self) -> list[int]:
        with self.running.store.read() as txn:
            return [row.nonce for row in ledger.pending(txn)]

    def close(self) -> None:
        self.threads.shutdown()
        self.running.close()


RULES = Policy(targets=frozenset({COUNTER}), total=Budget(4))
CALL = Request(COUNTER)


@pytest.fixture
def sponsoring(tmp_path: Path) -> Iterator[Sponsoring]:
    made = Sponsoring(tmp_path, RULES)
    yield made
    made.close()


async def test_calls_at_once_share_neither_nonce_nor_limit(sponsoring: Sponsoring) -> None:
    await sponsoring.running.sequencer.start()

    answers = await asyncio.gather(*(sponsoring.sponsor.send(CALL) for _ in range(6)), return_exceptions=True)

    assert [type(one) for one in answers].count(errors.LimitReached) == 2
    assert sponsoring.pending() == [0, 1, 2, 3]
    await sponsoring.seal()
    assert sponsoring.pending() == []
    assert int(sponsoring.ask("eth_getStorageAt", "0x" + COUNTER.hex(), "0x0", "latest"), 16) == 4


async def test_what_the_pool_has_lost_is_pooled_again(sponsoring: Sponsoring) -> None:
    await sponsoring.running.sequencer.start()
    sent = await sponsoring.sponsor.send(CALL)
    sponsoring.running.pool.clear()  # as a kill leaves it

    await sponsoring.sponsor.settle()
    assert sponsoring.door.get(sent) is not None
    await sponsoring.seal()

    assert sponsoring.ask("eth_getTransactionReceipt", "0x" + sent.hex())["status"] == "0x1"


async def test_what_the_pool_does_not_take_again_is_told_of_once(
    sponsoring: Sponsoring, caplog: pytest.LogCaptureFixture
) -> None:
    await sponsoring.running.sequencer.start()
    await sponsoring.sponsor.send(CALL)
    pool = sponsoring.running.pool
    pool.clear()
    cheap, pool.block_rules = pool.block_rules, dataclasses.replace(pool.block_rules, min_tip_wei=10**18)

    for _ in range(3):
        await sponsoring.sponsor.settle()
    assert [one.message for one in caplog.records].count("a sponsored transaction waits") == 1

    pool.block_rules = cheap
    await sponsoring.sponsor.settle()
    await sponsoring.seal()
    assert sponsoring.pending() == []


async def test_a_nonce_that_somebody_else_used_counts_no_more(sponsoring: Sponsoring) -> None:
    await sponsoring.running.sequencer.start()
    await sponsoring.sponsor.send(CALL)
    sponsoring.running.pool.clear()
    sponsoring.running.admit(sponsoring.running.user.send(COUNTER))  # the same account and nonce

    await sponsoring.seal()

    assert sponsoring.pending() == []
    for _ in range(4):
        await sponsoring.sponsor.send(CALL)


async def test_gas_beyond_the_policy_is_told(tmp_path: Path) -> None:
    made = Sponsoring(tmp_path, Policy(targets=frozenset({COUNTER}), gas_limit=50_000))

    with pytest.raises(errors.NotSponsored, match=r"it takes \d+ gas, 50000 are sponsored"):
        await made.sponsor.send(CALL)
    assert made.pending() == []
    made.close()


async def test_an_empty_sponsor_says_so_and_a_low_one_is_warned_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = Sponsoring(tmp_path, RULES, key=b"\x77" * 32, low_balance_wei=ETHER)
    caplog.set_level(logging.WARNING)

    with pytest.raises(errors.SponsorEmpty, match="cannot pay"):
        await made.sponsor.send(CALL)
    await made.sponsor.settle()
    await made.sponsor.settle()

    assert [one.message for one in caplog.records].count("the sponsor's account on L2 runs low") == 1
    samples = {sample.name: sample.value for metric in made.sponsor.metrics() for sample in metric.samples}
    assert samples["ethrex_sponsor_balance_low"] == 1
    made.close()


POOR = b"\x77" * 32  # a key that has nothing at the genesis
FULL_GAS = 15_000_000  # two of them fill a block


async def fund(made: Sponsoring) -> None:
    await made.running.sequencer.start()
    made.running.admit(made.running.user.send(made.sponsor.address, ETHER))
    await made.running.sequencer.step()


async def outbid(made: Sponsoring, blocks: int = 9) -> None:
    """Full blocks without what is pooled, until the base fee has more than doubled; then it is pooled again."""
    held = [made.door.get(one) for one in made.running.pool.by_hash]
    made.running.pool.clear()
    for _ in range(blocks):
        for _ in range(2):
            made.running.admit(made.running.user.send(None, data=b"\xfe", gas=FULL_GAS))
        await made.running.sequencer.step()
        made.running.seconds += 1
    for one in held:
        assert one is not None
        made.running.admit(one)


async def test_what_the_base_fee_overtook_is_replaced_and_found_by_its_first_hash(tmp_path: Path) -> None:
    made = Sponsoring(tmp_path, RULES, key=POOR)
    await fund(made)
    first = await made.sponsor.send(CALL)
    await outbid(made)
    assert made.ask("eth_getTransactionReceipt", "0x" + first.hex()) is None

    await made.sponsor.settle()

    second = made.sponsor.stands_for(first)
    assert second != first
    assert (made.door.get(first), made.door.get(second) is None) == (None, False)
    made.running.pool.clear()  # a kill: what replaced it is pooled again
    await made.sponsor.settle()
    await made.seal()
    receipt = made.ask("eth_getTransactionReceipt", "0x" + second.hex())
    assert receipt["status"] == "0x1"
    assert (made.pending(), made.sponsor.stands_for(first), made.sponsor.stands_for(second)) == ([], second, second)
    with made.running.store.read() as txn:
        used = ledger.used(txn, Scope("all"))
    assert used == Used(1, int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16))
    made.close()


async def test_where_the_replaced_one_came_into_a_block_that_one_is_paid_for(tmp_path: Path) -> None:
    made = Sponsoring(tmp_path, RULES, key=POOR)
    await fund(made)
    first = await made.sponsor.send(CALL)
    raw = made.door.get(first)
    await outbid(made)
    await made.sponsor.settle()
    for _ in range(12):  # empty blocks: fees fall again
        made.running.pool.clear()
        await made.running.sequencer.step()
        made.running.seconds += 1
    assert raw is not None
    made.running.admit(raw)

    await made.seal()

    assert made.ask("eth_getTransactionReceipt", "0x" + first.hex())["status"] == "0x1"
    assert (made.pending(), made.sponsor.stands_for(first)) == ([], first)
    assert made.sponsor.paid_wei > 0
    made.close()


@pytest.mark.parametrize("budget", ["account", "balance"])
async def test_beyond_the_limits_nothing_is_replaced_and_that_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, budget: str
) -> None:
    rules = RULES
    if budget == "account":
        rules = Policy(targets=frozenset({COUNTER}), total=Budget(wei=400_000 * GWEI))
    made = Sponsoring(tmp_path, rules, key=POOR)
    await made.running.sequencer.start()
    made.running.admit(made.running.user.send(made.sponsor.address, 400_000 * GWEI))
    await made.running.sequencer.step()
    first = await made.sponsor.send(CALL)
    await outbid(made)

    for _ in range(3):
        await made.sponsor.settle()

    assert made.sponsor.stands_for(first) == first
    assert made.door.get(first) is not None
    told = [one for one in caplog.records if one.message == "a sponsored transaction waits"]
    assert len(told) == 1
    assert "fees have risen" in vars(told[0])["reason"]
    made.close()


async def test_whoever_takes_over_counts_what_the_chain_says_was_paid_for(sponsoring: Sponsoring) -> None:
    running, mine = sponsoring.running, sponsoring.sponsor
    await running.sequencer.start()
    for _ in range(2):
        await mine.send(CALL)
        await sponsoring.seal()
    running.user.nonce = 2
    running.admit(running.user.send(b"\x77" * 20, 1))  # by hand, with value: nobody was sponsored
    await running.sequencer.step()
    await running.sequencer.step()
    await mine.send(CALL)
    await sponsoring.seal()
    today = running.chain.head.timestamp // DAY_SECONDS
    scopes = (Scope("all"), Scope("day", today))
    with running.store.read() as txn:
        promised = {scope: ledger.used(txn, scope) for scope in (Scope("all"),)}

    blocks = range(1, running.chain.head.number + 1)
    found = list(past.payments(sponsoring.ask, mine.address, RULES.targets, blocks, CHAIN_ID))
    fresh = Store.open(running.folder / "fresh", TABLES, map_bytes=1 << 26)
    try:
        assert fresh.write_now(lambda txn: past.count(txn, iter(found), today)) == 3
        with fresh.read() as txn:
            counted = {scope: ledger.used(txn, scope) for scope in scopes}
            assert ledger.pending(txn) == []
    finally:
        fresh.close()

    assert counted[Scope("all")] == counted[Scope("day", today)] == promised[Scope("all")]
    assert promised[Scope("all")].transactions == 3
    assert [one.row.accounts for one in found] == [(), (), ()], "the target stands for no user"
    (other, *_) = past.payments(sponsoring.ask, mine.address, frozenset(), blocks, CHAIN_ID)
    assert other.row.accounts == (COUNTER,)
