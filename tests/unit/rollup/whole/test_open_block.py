"""What users see of a transaction before its block, and how they send, over the processes of a whole rollup."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from eth_account import Account

from ethrex_node import _native
from ethrex_node.dev import accounts
from unit.rollup.whole.deployment import text
from unit.rollup.whole.processes import CHAIN_ID, Running, rollup, until

GWEI = 10**9
ME = accounts.derive()[4]
RECEIVER = b"\xab" * 20
SIGNED_UP = Account.from_key(b"\x0d" * 32)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with rollup(tmp_path_factory.mktemp("rollup"), "--block-time", "2") as found:
        yield found


def nonce(running: Running, tag: str = "pending") -> int:
    return int(running.l2("eth_getTransactionCount", text(ME.address), tag), 16)


def signed(running: Running, blobs: list[bytes] | None = None, **fields: Any) -> str:
    facts = {
        "chainId": CHAIN_ID, "nonce": nonce(running), "to": RECEIVER, "value": 0, "gas": 300_000,
        "maxFeePerGas": 100 * GWEI, "maxPriorityFeePerGas": GWEI,
    }  # fmt: skip
    raw = Account.sign_transaction(facts | fields, ME.key, blobs=blobs).raw_transaction
    return "0x" + bytes(raw).hex()


def post(running: Running, method: str, *params: Any) -> dict[str, Any]:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}).encode()
    asked = urllib.request.Request(running.said["rollup"], body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(asked, timeout=30) as answer:
        value: dict[str, Any] = json.load(answer)
    return value


def test_a_transaction_is_seen_before_its_block(running: Running) -> None:
    def sent_and_seen() -> bool:
        """Whether it was asked about before its block came."""
        before = int(running.l2("eth_getBalance", text(RECEIVER), "latest"), 16)
        expected = nonce(running) + 1
        sent = running.l2("eth_sendRawTransaction", signed(running, value=5))
        assert nonce(running) == expected
        assert int(running.l2("eth_getBalance", text(RECEIVER), "pending"), 16) == before + 5
        block = running.l2("eth_getBlockByNumber", "pending", True)
        shown = running.l2("eth_getTransactionByHash", sent)
        estimate = running.l2("eth_call", {"to": text(RECEIVER), "data": "0x"}, "pending")
        if running.l2("eth_getTransactionReceipt", sent) is not None:
            return False
        assert int(block["number"], 16) == int(running.l2("eth_blockNumber"), 16) + 1
        assert [one["hash"] for one in block["transactions"]] == [sent]
        assert (shown["hash"], shown["blockHash"], estimate) == (sent, None, "0x")
        assert int(running.l2("eth_getBalance", text(RECEIVER), "latest"), 16) == before
        until(lambda: running.l2("eth_getTransactionReceipt", sent))
        return True

    until(sent_and_seen)


def test_a_receipt_comes_with_the_sending(running: Running) -> None:
    head = int(running.l2("eth_blockNumber"), 16)
    receipt = running.l2("eth_sendRawTransactionSync", signed(running, value=1))

    assert int(receipt["blockNumber"], 16) <= head + 2  # the next block, or the one after if that was on its way
    assert receipt["status"] == "0x1"
    assert running.l2("eth_getTransactionReceipt", receipt["transactionHash"]) == receipt
    late = post(running, "eth_sendRawTransactionSync", signed(running, value=1, nonce=nonce(running) + 1), "0x1")
    assert late["error"]["code"] == 4


def test_blobs_are_refused_in_words(running: Running) -> None:
    raw = signed(running, type=3, maxFeePerBlobGas=GWEI, blobs=[bytes(131_072)])

    error = post(running, "eth_sendRawTransaction", raw)["error"]

    assert error["code"] == -32000
    assert error["message"] == "transaction type not supported: a rollup's chain takes no blobs (type 3)"


def test_nobody_sends_an_item_of_the_queue(running: Running) -> None:
    item = _native.privileged_transaction(
        chain_id=CHAIN_ID, index=0, sender=ME.address, to=RECEIVER, value=bytes(32), gas_limit=50_000, data=b""
    )  # fmt: skip

    error = post(running, "eth_sendRawTransaction", "0x" + item.hex())["error"]

    assert error["code"] == -32000
    assert "type" in error["message"]


def test_an_account_signs_itself_up_by_type_4(running: Running) -> None:
    delegate = b"\x17" * 20
    authorization = SIGNED_UP.sign_authorization({"chainId": CHAIN_ID, "address": text(delegate), "nonce": 0})

    receipt = running.l2("eth_sendRawTransactionSync", signed(running, type=4, authorizationList=[authorization]))

    assert (receipt["type"], receipt["status"]) == ("0x4", "0x1")
    assert running.l2("eth_getCode", SIGNED_UP.address, "latest") == "0xef0100" + delegate.hex()
    shown = running.l2("eth_getTransactionByHash", receipt["transactionHash"])
    assert shown["authorizationList"][0]["address"] == text(delegate)


def test_an_item_of_the_queue_looks_as_documented(running: Running) -> None:
    """docs/protocol.md: type 0x7e as JSON."""
    block = next(
        one
        for number in range(1, int(running.l2("eth_blockNumber"), 16) + 1)
        if (one := running.l2("eth_getBlockByNumber", hex(number), True))["transactions"]
    )
    item = block["transactions"][0]
    bridge = "0x" + bytes(18).hex() + "ffff"
    place = {"blockHash": block["hash"], "blockNumber": block["number"], "blockTimestamp": block["timestamp"]}

    assert item | place == item
    assert {name: item[name] for name in set(item) - set(place) - {"hash", "input", "gas", "value"}} == {
        "type": "0x7e", "transactionIndex": "0x0", "chainId": hex(CHAIN_ID), "nonce": "0x0", "from": bridge, "to": bridge,
        "gasPrice": "0x0", "maxFeePerGas": "0x0", "maxPriorityFeePerGas": "0x0", "accessList": [],
        "v": "0x0", "r": "0x0", "s": "0x0", "yParity": "0x0",
    }  # fmt: skip
    receipt = running.l2("eth_getTransactionReceipt", item["hash"])
    shown = [receipt[name] for name in ("type", "effectiveGasPrice", "dataGasUsed", "dataFee", "operatorFee")]
    assert shown == ["0x7e", "0x0", "0x0", "0x0", "0x0"]
