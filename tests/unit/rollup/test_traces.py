"""Blocks of a rollup run again under every kind of trace: fees, mints and failures as they were, to the wei."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest

from ethrex_node import _native
from unit.rollup import rollups

VAULTS: Final = {rollups.RULES[name] for name in ("feeRecipient", "operatorFeeVault", "dataFeeVault")}
ALICE: Final = b"\xa1" * 20
BOB: Final = b"\xb0" * 20
ETHER: Final = 10**18
DIFF: Final = {"tracer": "prestateTracer", "tracerConfig": {"diffMode": True}}


class Asking:
    """The public door of a rollup's snapshot."""

    def __init__(self, chain: _native.Chain) -> None:
        self._reader = chain.reader()

    def __call__(self, method: str, *params: Any) -> Any:
        answer = self.whole(method, *params)
        assert "error" not in answer, answer
        return answer["result"]

    def whole(self, method: str, *params: Any) -> Any:
        request = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        answered = self._reader.answer(request.encode())
        assert answered is not None
        return json.loads(answered[1])


@pytest.fixture
def rollup(tmp_path: Path) -> rollups.Rollup:
    """Three blocks: deposits of which one cannot run, calls that write, a message to L1, a call without gas for its data."""
    opened = rollups.Rollup.open(tmp_path)
    deposit = opened.item(ALICE, 5 * ETHER)
    call = opened.item(rollups.COUNTER, 2 * ETHER, sender=ALICE)
    opened.seal(opened.send(BOB, 7), opened.send(rollups.COUNTER), items=(deposit, call))
    poor = opened.item(BOB, 10**9, sender=b"\x99" * 20)
    opened.seal(opened.send(rollups.COUNTER), opened.send(rollups.MESSENGER, data=b"\x01" * 32), items=(poor,))
    uncovered = opened.send(b"\xd0" * 20, 3, gas=21_001)
    opened.seal(uncovered, opened.send(b"\xd1" * 20, 3))
    return opened


@pytest.fixture
def ask(rollup: rollups.Rollup) -> Asking:
    return Asking(rollup.chain)


def block_of(ask: Asking, number: int) -> Any:
    return ask("eth_getBlockByNumber", hex(number), True)


def receipts_of(ask: Asking, number: int) -> Any:
    return ask("eth_getBlockReceipts", hex(number))


def test_state_diffs_of_every_transaction_add_up_to_the_wei(ask: Asking) -> None:
    for number in (1, 2, 3):
        base_fee = int(block_of(ask, number)["baseFeePerGas"], 16)
        traces = ask("debug_traceBlockByNumber", hex(number), DIFF)
        for trace, receipt in zip(traces, receipts_of(ask, number), strict=True):
            pre, post = trace["result"]["pre"], trace["result"]["post"]
            moved = 0
            for address in pre | post:
                before = int(pre.get(address, {}).get("balance", "0x0"), 16)
                moved += int(post.get(address, {}).get("balance", hex(before)), 16) - before
            assert moved == made(ask, receipt) - burned(receipt, base_fee)


def made(ask: Asking, receipt: Any) -> int:
    is_minted = receipt["type"] == "0x7e" and receipt["from"] == "0x" + rollups.BRIDGE.hex()
    transaction = ask("eth_getTransactionByHash", receipt["transactionHash"])
    return int(transaction["value"], 16) if is_minted else 0


def burned(receipt: Any, base_fee: int) -> int:
    """Items of the queue pay nothing, and data is paid for to a vault."""
    if receipt["type"] == "0x7e":
        return 0
    return (int(receipt["gasUsed"], 16) - int(receipt["dataGasUsed"], 16)) * base_fee


def test_balances_after_a_block_are_those_of_the_diffs(ask: Asking) -> None:
    for number in (1, 2, 3):
        after: dict[str, str] = {}
        for trace in ask("debug_traceBlockByNumber", hex(number), DIFF):
            after |= {
                address: account["balance"]
                for address, account in trace["result"]["post"].items()
                if "balance" in account
            }
        assert set(after) >= VAULTS
        for address, balance in after.items():
            assert ask("eth_getBalance", address, hex(number)) == balance, address


def test_parity_s_diffs_tell_the_same_balances(ask: Asking) -> None:
    for number in (1, 2, 3):
        after: dict[str, str] = {}
        for replayed in ask("trace_replayBlockTransactions", hex(number), ["stateDiff"]):
            for address, account in replayed["stateDiff"].items():
                balance = account["balance"]
                if balance != "=":
                    after[address] = balance["+"] if "+" in balance else balance["*"]["to"]
        assert set(after) >= VAULTS
        for address, balance in after.items():
            assert int(ask("eth_getBalance", address, hex(number)), 16) == int(balance, 16), address


def test_a_trace_uses_the_gas_of_the_receipt_and_ends_as_it_did(ask: Asking) -> None:
    for number in (1, 2, 3):
        receipts = receipts_of(ask, number)
        for options in ({"tracer": "callTracer"}, {}):
            for trace, receipt in zip(ask("debug_traceBlockByNumber", hex(number), options), receipts, strict=True):
                result = trace["result"]
                used = result["gas"] if "structLogs" in result else int(result["gasUsed"], 16)
                assert used == int(receipt["gasUsed"], 16)
                if "structLogs" not in result:
                    assert (result["from"], result["to"]) == (receipt["from"], receipt["to"])
                failed = result.get("failed", "error" in result)
                assert failed == (receipt["status"] == "0x0"), result


def test_parity_s_traces_fail_where_the_receipts_do(ask: Asking) -> None:
    for number in (1, 2, 3):
        outermost = {
            trace["transactionHash"]: trace
            for trace in ask("trace_block", hex(number))
            if trace["type"] != "reward" and not trace["traceAddress"]
        }
        for receipt in receipts_of(ask, number):
            trace = outermost[receipt["transactionHash"]]
            assert ("error" in trace) == (receipt["status"] == "0x0"), trace
            assert trace["action"]["from"] == receipt["from"]


def test_one_transaction_is_traced_as_in_its_block(ask: Asking) -> None:
    for number in (1, 2, 3):
        for trace in ask("debug_traceBlockByNumber", hex(number), DIFF):
            assert ask("debug_traceTransaction", trace["txHash"], DIFF) == trace["result"]
        for replayed in ask("trace_replayBlockTransactions", hex(number), ["trace"]):
            alone = ask("trace_replayTransaction", replayed["transactionHash"], ["trace"])
            assert alone["trace"] == replayed["trace"]


def test_a_witness_is_that_of_the_block_with_its_items(ask: Asking) -> None:
    witness = ask("debug_executionWitness", "0x1")

    assert any(code == rollups.COUNTER_CODE for code in witness["codes"])
    assert len(witness["headers"]) == 1


def test_a_call_with_a_price_pays_for_its_data_and_one_without_pays_nothing(ask: Asking) -> None:
    free = {"from": "0x" + rollups.USER.hex(), "to": "0x" + rollups.COUNTER.hex(), "gas": "0x7a120"}
    paying = free | {"maxFeePerGas": hex(100 * rollups.GWEI), "maxPriorityFeePerGas": hex(2 * rollups.GWEI)}

    (plain,) = ask("eth_simulateV1", {"blockStateCalls": [{"calls": [free]}]}, "latest")
    (whole,) = ask("eth_simulateV1", {"blockStateCalls": [{"calls": [paying]}]}, "latest")

    used = [int(block["calls"][0]["gasUsed"], 16) for block in (plain, whole)]
    assert used[1] > used[0]
    assert int(ask("eth_createAccessList", paying, "latest")["gasUsed"], 16) > used[0]


def test_simulated_blocks_have_the_headers_of_children_and_ask_for_the_operators_tip(ask: Asking) -> None:
    head = block_of(ask, 3)
    call = {"from": "0x" + rollups.USER.hex(), "to": "0x" + BOB.hex(), "value": "0x1", "gas": "0x7a120"}
    fees = {"maxFeePerGas": hex(100 * rollups.GWEI), "maxPriorityFeePerGas": hex(rollups.RULES["operatorFeePerGas"])}

    def simulated(**changed: str) -> Any:
        asked = {"blockStateCalls": [{"calls": [call | fees | changed]}], "validation": True}
        return ask.whole("eth_simulateV1", asked, "latest")

    (child,) = simulated()["result"]
    refused = simulated(maxPriorityFeePerGas=hex(rollups.RULES["operatorFeePerGas"] - 1))["error"]

    assert child["extraData"] == "0x00" + head["extraData"][4:]
    assert child["excessBlobGas"] == child["blobGasUsed"] == "0x0"
    assert child["miner"] == head["miner"]
    random = _native.keccak256(bytes.fromhex(head["hash"][2:]) + (4).to_bytes(32, "big"))
    assert child["mixHash"] == "0x" + random.hex()
    assert refused["code"] == -38012
    assert "operator fee" in refused["message"]


def test_an_estimate_is_enough_and_little_more(rollup: rollups.Rollup, ask: Asking) -> None:
    call = {"from": "0x" + rollups.USER.hex(), "to": "0x" + (b"\xe7" * 20).hex(), "value": "0x5"}
    paying = call | {"maxFeePerGas": hex(100 * rollups.GWEI), "maxPriorityFeePerGas": hex(2 * rollups.GWEI)}
    free_gas, gas = (int(ask("eth_estimateGas", given, "latest"), 16) for given in (call, paying))

    rollup.seal(rollup.send(b"\xe7" * 20, 5, gas=gas))
    (receipt,) = receipts_of(Asking(rollup.chain), 4)

    assert receipt["status"] == "0x1"
    assert free_gas >= gas
    used, data = int(receipt["gasUsed"], 16), int(receipt["dataGasUsed"], 16)
    assert used <= gas <= used + data // 2
