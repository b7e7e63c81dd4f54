"""The outbox over a real L1 process: reorgs, theft of nonces, fee spikes, full pools, time-outs, restarts."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from unit.rollup import l1_process, l1_proxy
from unit.rollup.conftest import KEYS
from unit.rollup.l1_proxy import Proxy

from ethrex_node.rollup.l1 import errors, fees
from ethrex_node.rollup.l1.client import L1Client
from ethrex_node.rollup.l1.client import Settings as L1Settings
from ethrex_node.rollup.outbox import Call, Outbox, Settings, funds, record
from ethrex_node.rollup.store import Store, schema
from ethrex_node.rollup.store.schema import TABLES, OutboxEntry, OutboxStatus

TARGET = b"\x77" * 20
BLOB = b"\0" + b"\7" * 31 + bytes(131_040)
DEPTH = 3
PATIENCE_MS = 60_000
LIMIT_SECONDS = 90
KEY = KEYS[1]


class Clock:
    def __init__(self) -> None:
        self.ms = 1_000_000

    def __call__(self) -> int:
        return self.ms


@dataclasses.dataclass
class Bench:
    """An outbox, the L1 under it, and the proxy between them."""

    l1: l1_process.L1
    proxy: Proxy
    store: Store
    client: L1Client
    clock: Clock
    outbox: Outbox

    def restarted(self, **settings: Any) -> Outbox:
        """Another outbox over the same store, as after a crash."""
        chosen = {"patience_ms": PATIENCE_MS} | settings
        self.outbox = Outbox(self.store, self.client, KEY, Settings(**chosen), self.clock)
        return self.outbox

    def entry(self, purpose: str) -> OutboxEntry:
        found = self.outbox.find(purpose)
        assert found is not None
        return found

    async def until_final(self) -> None:
        for _ in range(40):
            if not await self.outbox.round():
                return
            self.l1.mine()
            self.clock.ms += 12_000
        raise AssertionError([self.outbox.open_entries(), self.outbox.steps, self.outbox.refusals])

    def mined_from(self, address: bytes) -> list[dict[str, Any]]:
        """All transactions of an account on the chain as it is."""
        blocks = [self.l1.ask("eth_getBlockByNumber", hex(n), True) for n in range(self.l1.head() + 1)]
        return [one for block in blocks for one in block["transactions"] if one["from"] == "0x" + address.hex()]

    def pooled(self) -> int:
        return int(self.l1.ask("txpool_status")["pending"], 16)


@pytest.fixture
def l1() -> Iterator[l1_process.L1]:
    with l1_process.dev_chain("--mempool.maxsize", "8") as running:
        running.mine(2)
        yield running


@pytest.fixture
async def bench(l1: l1_process.L1, tmp_path: Path) -> AsyncIterator[Bench]:
    async with l1_proxy.proxies(l1.url, 1) as (proxy,):
        store = Store.open(tmp_path / "rollup", TABLES)
        client = await L1Client.open(L1Settings(urls=(proxy.url,), final_depth=DEPTH))
        made = Bench(l1, proxy, store, client, Clock(), None)  # type: ignore[arg-type]
        made.restarted()
        yield made
        await client.close()
        store.close()


def call(value: int = 1, **more: Any) -> Call:
    return Call(to=TARGET, value_wei=value, gas_limit=30_000, **more)


async def test_an_action_becomes_final_and_its_costs_are_kept(bench: Bench) -> None:
    before = bench.l1.balance(KEY.address)
    await bench.outbox.record("commit/1", call(5, blobs=(BLOB, BLOB)))

    await bench.until_final()

    entry = bench.entry("commit/1")
    assert entry.status is OutboxStatus.FINAL
    assert entry.mined is not None
    assert entry.mined.blob_gas_used == 2 * 131_072
    assert bench.l1.balance(KEY.address) == before - 5 - entry.mined.cost_wei
    with bench.store.read() as txn:
        assert txn.count(schema.BLOBS) == 0


async def test_a_purpose_is_served_once(bench: Bench) -> None:
    first = await bench.outbox.record("commit/1", call(5))
    assert await bench.outbox.record("commit/1", call(6)) == first
    await bench.until_final()

    await bench.outbox.record("commit/1", call(7))
    await bench.until_final()

    assert bench.l1.balance(TARGET) == 5
    assert bench.l1.nonce(KEY.address) == 1


async def test_what_reverted_for_good_may_be_tried_again(bench: Bench) -> None:
    bench.l1.ask("anvil_setCode", "0x" + TARGET.hex(), "0x5f5ffd")
    await bench.outbox.record("commit/1", call())
    await bench.until_final()
    mined = bench.entry("commit/1").mined
    assert mined is not None
    assert not mined.succeeded
    bench.l1.ask("anvil_setCode", "0x" + TARGET.hex(), "0x")

    await bench.outbox.record("commit/1", call())
    await bench.until_final()

    assert bench.l1.balance(TARGET) == 1
    assert bench.l1.nonce(KEY.address) == 2


async def test_recorded_and_not_sent_is_sent_after_a_crash(bench: Bench) -> None:
    await bench.outbox.record("commit/1", call())
    assert bench.pooled() == 0

    bench.restarted()
    await bench.until_final()

    assert bench.l1.balance(TARGET) == 1


async def test_what_the_pool_forgot_is_sent_again(bench: Bench) -> None:
    await bench.outbox.record("commit/1", call(blobs=(BLOB,)))
    await bench.outbox.round()
    bench.l1.ask("anvil_dropAllTransactions")
    assert bench.pooled() == 0

    await bench.outbox.round()
    assert bench.pooled() == 1
    await bench.until_final()

    assert len(bench.entry("commit/1").attempts) == 1


async def test_a_reorg_takes_it_back_and_it_is_mined_once(bench: Bench) -> None:
    await bench.outbox.record("commit/1", call(blobs=(BLOB,)))
    snapshot = bench.l1.ask("evm_snapshot")
    await bench.outbox.round()
    bench.l1.mine()
    await bench.outbox.round()
    assert bench.entry("commit/1").status is OutboxStatus.MINED

    bench.l1.ask("evm_revert", snapshot)
    bench.l1.ask("anvil_dropAllTransactions")
    bench.l1.mine(2)
    await bench.outbox.round()
    assert bench.entry("commit/1").status is OutboxStatus.WAITING
    await bench.until_final()

    assert len(bench.mined_from(KEY.address)) == 1
    assert bench.l1.balance(TARGET) == 1


async def test_a_sequence_survives_a_reorg_in_its_order(bench: Bench) -> None:
    snapshot = bench.l1.ask("evm_snapshot")
    for number in range(4):
        await bench.outbox.record(f"commit/{number}", call(10**number))
    for _ in range(2):
        await bench.outbox.round()
        bench.l1.mine()

    bench.l1.ask("evm_revert", snapshot)
    bench.l1.ask("anvil_dropAllTransactions")
    await bench.until_final()

    assert [int(one["value"], 16) for one in bench.mined_from(KEY.address)] == [1, 10, 100, 1000]


async def test_a_fee_spike_is_followed_by_the_rules_of_the_pools(bench: Bench) -> None:
    await bench.outbox.record("commit/1", call(blobs=(BLOB,)))
    await bench.outbox.round()
    bench.l1.ask("anvil_dropAllTransactions")  # as pools do with what is outbid
    spike(bench, 40 * fees.GWEI)

    await bench.outbox.round()  # sends the same again
    await bench.outbox.round()  # sees it outbid
    attempts = bench.entry("commit/1").attempts

    assert len(attempts) == 2
    assert attempts[1].max_fee_per_gas >= 2 * attempts[0].max_fee_per_gas
    assert attempts[1].max_fee_per_blob_gas >= 2 * attempts[0].max_fee_per_blob_gas
    assert bench.l1.ask("eth_getTransactionByHash", "0x" + attempts[1].hash.hex()) is not None
    assert bench.l1.ask("eth_getTransactionByHash", "0x" + attempts[0].hash.hex()) is None
    bench.proxy.change = None
    await bench.until_final()
    assert bench.l1.balance(TARGET) == 1


def spike(bench: Bench, base_fee: int) -> None:
    def change(method: str, _: list[Any], result: Any) -> Any:
        if method == "eth_feeHistory":
            return result | {"baseFeePerGas": [hex(base_fee)] * len(result["baseFeePerGas"])}
        return result

    bench.proxy.change = change


async def test_a_spike_beyond_the_caps_is_waited_for(bench: Bench) -> None:
    bench.restarted(fees=fees.Policy(most_per_gas=5 * fees.GWEI))
    await bench.outbox.record("commit/1", call())
    await bench.outbox.round()
    spike(bench, 40 * fees.GWEI)

    for _ in range(3):
        bench.clock.ms += 2 * PATIENCE_MS
        await bench.outbox.round()

    assert max(one.max_fee_per_gas for one in bench.entry("commit/1").attempts) <= 5 * fees.GWEI
    bench.proxy.change = None
    await bench.until_final()
    assert bench.l1.balance(TARGET) == 1


async def test_a_send_that_got_no_answer_is_not_a_second_one(bench: Bench) -> None:
    hasty = await L1Client.open(L1Settings(urls=(bench.proxy.url,), timeout_seconds=0.5, final_depth=DEPTH))
    outbox = Outbox(bench.store, hasty, KEY, Settings(), bench.clock)
    await outbox.record("commit/1", call())
    bench.proxy.silent = {"eth_sendRawTransaction"}
    await outbox.round()
    await hasty.close()
    assert outbox.refusals["Unreachable"] == 1
    bench.proxy.silent = set()

    await bench.until_final()

    assert bench.l1.nonce(KEY.address) == 1
    assert len(bench.entry("commit/1").attempts) == 1


async def test_an_l1_that_is_away_decides_nothing(bench: Bench) -> None:
    await bench.outbox.record("commit/1", call())
    await bench.outbox.round()
    before = bench.outbox.open_entries()
    bench.proxy.down = True

    for _ in range(3):
        bench.clock.ms += 10 * PATIENCE_MS
        with pytest.raises(errors.L1Error):
            await bench.outbox.round()
    assert bench.outbox.open_entries() == before

    bench.proxy.down = False
    await bench.until_final()
    assert bench.l1.nonce(KEY.address) == 1


def steal(bench: Bench, tip: int = 100 * fees.GWEI) -> str:
    """Somebody with the same key sends with the nonce that is next, for more."""
    given = {"from": "0x" + KEY.address.hex(), "to": "0x" + "99" * 20, "value": "0x1", "gas": "0x7530"}
    nonce = hex(bench.l1.nonce(KEY.address))
    return str(bench.l1.ask("eth_sendTransaction", given | {"nonce": nonce, "maxPriorityFeePerGas": hex(tip)}))


async def test_a_stolen_nonce_is_given_up_only_when_the_theft_is_final(bench: Bench) -> None:
    await bench.outbox.record("commit/1", call())
    thief = steal(bench)
    bench.l1.mine()

    for _ in range(DEPTH):
        await bench.outbox.round()
        assert bench.entry("commit/1").nonce == 0
        bench.l1.mine()
    await bench.outbox.round()

    entry = bench.entry("commit/1")
    assert entry.nonce == 1
    assert [lost.thief.hex() for lost in entry.lost] == [thief[2:]]
    await bench.until_final()
    assert bench.l1.balance(TARGET) == 1
    assert bench.outbox.stolen_nonces == 1


async def test_a_theft_that_a_reorg_takes_back_costs_nothing(bench: Bench) -> None:
    await bench.outbox.record("commit/1", call())
    snapshot = bench.l1.ask("evm_snapshot")
    steal(bench)
    bench.l1.mine()
    await bench.outbox.round()

    bench.l1.ask("evm_revert", snapshot)
    bench.l1.ask("anvil_dropAllTransactions")
    await bench.until_final()

    assert bench.entry("commit/1").nonce == 0
    assert bench.l1.nonce(KEY.address) == 1
    assert bench.l1.balance(TARGET) == 1


async def test_a_foreign_transaction_in_the_pool_is_outbid(bench: Bench) -> None:
    thief = steal(bench, tip=2 * fees.GWEI)
    await bench.outbox.record("commit/1", call())

    while bench.l1.ask("eth_getTransactionByHash", thief) is not None:
        await bench.outbox.round()
    await bench.until_final()

    assert bench.entry("commit/1").nonce == 0
    assert bench.l1.balance(TARGET) == 1
    assert bench.outbox.refusals["Underpriced"] >= 1


async def test_a_node_that_withholds_our_receipt_makes_nobody_pay_twice(bench: Bench) -> None:
    await bench.outbox.record("commit/1", call())
    await bench.outbox.round()
    bench.l1.mine(DEPTH + 3)
    bench.proxy.change = lambda method, _, result: None if method == "eth_getTransactionReceipt" else result

    for _ in range(3):
        bench.clock.ms += 2 * PATIENCE_MS
        await bench.outbox.round()
    assert len(bench.entry("commit/1").attempts) == 1

    bench.proxy.change = None
    await bench.until_final()
    assert bench.l1.nonce(KEY.address) == 1


async def test_a_gap_that_a_reorg_left_is_filled(bench: Bench) -> None:
    snapshot = bench.l1.ask("evm_snapshot")
    steal(bench)
    bench.l1.mine()
    await bench.outbox.record("commit/1", call())
    assert bench.entry("commit/1").nonce == 1
    bench.l1.ask("evm_revert", snapshot)
    bench.l1.ask("anvil_dropAllTransactions")

    await bench.until_final()

    assert bench.l1.balance(TARGET) == 1
    assert bench.l1.nonce(KEY.address) == 2


async def test_a_full_pool_is_waited_for(bench: Bench) -> None:
    crowd = [key.address for key in KEYS[2:10]]
    for address in crowd:
        given = {"from": "0x" + address.hex(), "to": "0x" + "99" * 20, "gas": "0x5208"}
        bench.l1.ask("eth_sendTransaction", given | {"maxPriorityFeePerGas": hex(50 * fees.GWEI)})
    await bench.outbox.record("commit/1", call())
    await bench.outbox.round()
    assert bench.outbox.refusals["PoolFull"] == 1

    await bench.until_final()

    assert bench.l1.balance(TARGET) == 1
    assert bench.entry("commit/1").nonce == 0


async def test_an_empty_account_is_named_and_tried_again(bench: Bench) -> None:
    rich = hex(bench.l1.balance(KEY.address))
    await bench.outbox.record("commit/1", call())
    bench.l1.ask("anvil_setBalance", "0x" + KEY.address.hex(), "0x0")
    await bench.outbox.round()
    assert bench.outbox.refusals["Unfunded"] == 1

    bench.l1.ask("anvil_setBalance", "0x" + KEY.address.hex(), rich)
    await bench.until_final()

    assert bench.l1.balance(TARGET) == 1


async def test_an_account_that_runs_low_is_warned_of_once(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.restarted(low_balance_wei=10**18)
    await bench.outbox.record("commit/1", call())
    await bench.outbox.round()
    assert "runs low" not in caplog.text
    bench.l1.ask("anvil_setBalance", "0x" + KEY.address.hex(), hex(10**18 - 1))

    for _ in range(3):
        await bench.outbox.round()

    assert [record.message for record in caplog.records].count("the account on L1 runs low") == 1
    assert bench.outbox.balance_wei == 10**18 - 1


async def test_an_account_with_nothing_to_do_is_looked_at_too(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.restarted(low_balance_wei=10**18)
    bench.l1.ask("anvil_setBalance", "0x" + KEY.address.hex(), hex(10**18 - 1))

    assert await bench.outbox.round() == []

    assert "the account on L1 runs low" in caplog.text
    samples = {one.name: one.value for metric in bench.outbox.metrics() for one in metric.samples}
    assert samples["ethrex_outbox_balance_low"] == 1


async def test_a_dear_l1_warns_earlier_than_the_setting(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.restarted(low_balance_wei=1)
    await bench.outbox.record("commit/1", call())
    await bench.until_final()
    cost = bench.outbox.spent_wei
    for left, warnings in ((funds.ACTIONS_AHEAD * cost, 0), (funds.ACTIONS_AHEAD * cost - 1, 1)):
        bench.l1.ask("anvil_setBalance", "0x" + KEY.address.hex(), hex(left))
        bench.clock.ms += funds.LOOK_MS
        await bench.outbox.round()
        assert caplog.text.count("the account on L1 runs low") == warnings


async def test_blobs_and_plain_actions_take_turns(bench: Bench) -> None:
    await bench.outbox.record("commit/1", call(1, blobs=(BLOB,)))
    await bench.outbox.record("verify/1", call(10))
    await bench.outbox.record("commit/2", call(100, blobs=(BLOB,)))

    await bench.until_final()

    assert [int(one["type"], 16) for one in bench.mined_from(KEY.address)] == [3, 2, 3]
    with bench.store.read() as txn:
        assert txn.count(schema.BLOBS) == 0


async def test_blobs_stay_while_another_open_action_has_them(bench: Bench) -> None:
    await bench.outbox.record("commit/1", call(1, blobs=(BLOB,)))
    await bench.outbox.round()
    bench.l1.mine(DEPTH + 2)
    await bench.outbox.record("commit/2", call(1, blobs=(BLOB,)))

    await bench.outbox.round()

    assert bench.entry("commit/1").status is OutboxStatus.FINAL
    with bench.store.read() as txn:
        assert txn.count(schema.BLOBS) == 1
    await bench.until_final()
    assert bench.l1.balance(TARGET) == 2


async def test_metrics_say_what_is_open(bench: Bench) -> None:
    await bench.outbox.record("commit/1", call())

    samples = {(s.name, *s.labels.values()): s.value for family in bench.outbox.metrics() for s in family.samples}

    assert samples["ethrex_outbox_open", "waiting"] == 1
    assert samples["ethrex_outbox_open", "mined"] == 0


async def test_what_leaves_was_recorded_before(bench: Bench) -> None:
    """Looked at from the L1's side, at the moment it arrives: the first attempt and its replacements."""
    arrived: dict[bytes, bool] = {}

    def look(method: str, params: list[Any], result: Any) -> Any:
        if method == "eth_sendRawTransaction":
            raw = bytes.fromhex(params[0][2:])
            arrived[raw] = raw in [one.raw for one in bench.entry("commit/1").attempts]
        return result

    bench.proxy.change = look
    await bench.outbox.record("commit/1", call())
    for _ in range(3):
        await bench.outbox.round()
        bench.clock.ms += 2 * PATIENCE_MS

    assert list(arrived.values()) == [True] * 3
    await bench.until_final()


async def test_an_l1_that_was_killed_comes_back(bench: Bench, tmp_path: Path) -> None:
    folder = str(tmp_path / "l1")
    with l1_process.dev_chain("--datadir", folder) as first:
        bench.l1, bench.proxy.target = first, first.url
        for number in range(3):
            await bench.outbox.record(f"commit/{number}", call(10**number))
        await bench.outbox.round()
        first.mine()
        await bench.outbox.record("commit/3", call(1000))
        await bench.outbox.round()
        first.kill()
    bench.proxy.down = True
    with pytest.raises(errors.L1Error):
        await bench.outbox.round()

    with l1_process.dev_chain("--datadir", folder) as second:
        bench.l1, bench.proxy.target, bench.proxy.down = second, second.url, False
        await bench.until_final()

        assert [int(one["value"], 16) for one in bench.mined_from(KEY.address)] == [1, 10, 100, 1000]


async def test_rounds_go_on_by_themselves_through_an_outage(bench: Bench) -> None:
    await bench.outbox.record("commit/1", call())
    bench.proxy.down = True
    running = asyncio.create_task(bench.outbox.run(0.01))
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            while not bench.outbox.refusals.total():
                await asyncio.sleep(0.01)
            bench.proxy.down = False
            while bench.outbox.open_entries():
                bench.l1.mine()
                await asyncio.sleep(0.01)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    assert bench.l1.balance(TARGET) == 1


async def test_two_that_ask_at_once_get_one_action(bench: Bench) -> None:
    entries = await asyncio.gather(*(bench.outbox.record("commit/1", call(blobs=(BLOB,))) for _ in range(3)))

    assert len({entry.number for entry in entries}) == 1
    assert len(bench.outbox.open_entries()) == 1


async def withdraw(bench: Bench, purpose: str) -> OutboxEntry:
    entry = bench.entry(purpose)
    return await bench.store.write(lambda txn: record.withdraw(txn, entry))


@pytest.mark.parametrize("carried", [(), (BLOB,)])
@pytest.mark.parametrize("is_sent", [False, True])
async def test_in_the_place_of_a_withdrawn_action_nothing_is_done_and_its_purpose_is_free(
    bench: Bench, is_sent: bool, carried: tuple[bytes, ...]
) -> None:
    await bench.outbox.record("commit/1", call(5, blobs=carried))
    if is_sent:
        await bench.outbox.round()
        assert bench.pooled() == 1
    withdrawn = await withdraw(bench, "commit/1")

    bench.restarted()  # a crash in between changes nothing
    await bench.outbox.record("commit/1", call(70, blobs=carried))
    await bench.until_final()

    assert bench.l1.balance(TARGET) == 70
    assert (bench.entry("commit/1").nonce, bench.entry(withdrawn.purpose).nonce) == (1, 0)
    assert bench.entry(withdrawn.purpose).status is OutboxStatus.FINAL
    first = bench.mined_from(KEY.address)[0]
    assert (first["to"], first["value"]) == ("0x" + KEY.address.hex(), "0x0")
    with bench.store.read() as txn:
        assert txn.count(schema.BLOBS) == 0


async def test_a_withdrawn_action_that_is_mined_all_the_same_is_done_with(bench: Bench) -> None:
    await bench.outbox.record("commit/1", call(5))
    await bench.outbox.round()
    bench.l1.mine()
    withdrawn = await withdraw(bench, "commit/1")

    await bench.until_final()

    assert bench.outbox.find("commit/1") is None
    mined = bench.entry(withdrawn.purpose).mined
    assert mined is not None
    assert (mined.succeeded, bench.l1.nonce(KEY.address)) == (True, 1)
