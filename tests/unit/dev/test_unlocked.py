"""Transactions and messages that the node signs."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from eth_account import Account
from eth_account.messages import encode_defunct, encode_typed_data

from ethrex_node.rpc import errors, params
from unit.dev.conftest import FIRST, SECOND, Dev

FIRST_HEX, SECOND_HEX = "0x" + FIRST.hex(), "0x" + SECOND.hex()
STRANGER = "0x00000000000000000000000000000000000000dd"
TYPED: dict[str, Any] = {
    "types": {
        "EIP712Domain": [{"name": "name", "type": "string"}, {"name": "chainId", "type": "uint256"}],
        "Mail": [{"name": "to", "type": "address"}, {"name": "text", "type": "string"}],
    },
    "primaryType": "Mail",
    "domain": {"name": "Test", "chainId": 31337},
    "message": {"to": SECOND_HEX, "text": "hello"},
}


async def test_the_accounts_are_those_of_the_mnemonic(dev: Dev) -> None:
    listed = await dev.call("eth_accounts")
    assert listed[0] == "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
    assert len(listed) == 10


async def test_what_is_left_out_is_filled_in(dev: Dev) -> None:
    first = await dev.call("eth_sendTransaction", {"from": FIRST_HEX, "to": SECOND_HEX, "value": "0x64"})
    second = await dev.call("eth_sendTransaction", {"from": FIRST_HEX, "data": "0x602a60005260206000f3"})
    legacy = {"from": SECOND_HEX, "to": FIRST_HEX, "gasPrice": hex(3 * 10**9), "gas": "0x5208"}
    third = await dev.call("eth_sendTransaction", legacy)
    await dev.call("evm_mine")

    assert [params.hex_data(one.hash) for one in dev.kept] == [first, second, third]
    sent = [dev.ask("eth_getTransactionByHash", one) for one in (first, second, third)]
    assert [one["nonce"] for one in sent] == ["0x0", "0x1", "0x0"]
    assert [one["type"] for one in sent] == ["0x2", "0x2", "0x0"]
    assert [one["from"] for one in sent] == [FIRST_HEX, FIRST_HEX, SECOND_HEX]
    receipts = [dev.ask("eth_getTransactionReceipt", one) for one in (first, second, third)]
    assert [one["status"] for one in receipts] == ["0x1"] * 3
    assert receipts[0]["gasUsed"] == sent[0]["gas"] == "0x5208"
    assert receipts[1]["contractAddress"] is not None


async def test_bad_transactions_are_refused_with_reasons(dev: Dev) -> None:
    cases: list[tuple[dict[str, Any], type[errors.RpcError], str]] = [
        ({"to": SECOND_HEX}, errors.InvalidParams, "missing field 'from'"),
        ({"from": STRANGER, "to": SECOND_HEX}, errors.Refused, "unknown account"),
        ({"from": FIRST_HEX, "wrong": 1}, errors.InvalidParams, "unknown transaction fields: wrong"),
        ({"from": FIRST_HEX, "to": "0x12"}, errors.InvalidParams, "invalid to"),
        ({"from": FIRST_HEX, "to": SECOND_HEX, "chainId": "0x1"}, errors.InvalidParams, "chainId"),
        ({"from": FIRST_HEX, "data": "0x01", "input": "0x02"}, errors.InvalidParams, "not equal"),
        ({"from": FIRST_HEX, "gasPrice": "0x1", "maxFeePerGas": "0x1"}, errors.InvalidParams, "both gasPrice"),
        ({"from": FIRST_HEX, "to": SECOND_HEX, "gas": "0x5208", "value": hex(10**40)}, errors.Refused, "insufficient"),
    ]
    for transaction, kind, reason in cases:
        with pytest.raises(kind, match=reason):
            await dev.call("eth_sendTransaction", transaction)


async def test_a_reverting_call_is_told_before_it_is_sent(dev: Dev) -> None:
    await dev.call("anvil_setCode", STRANGER, "0x60006000fd")
    with pytest.raises(errors.RpcError, match="execution reverted"):
        await dev.call("eth_sendTransaction", {"from": FIRST_HEX, "to": STRANGER})


async def test_an_impersonated_sender_needs_no_key_and_marks_the_chain(dev: Dev) -> None:
    await dev.call("anvil_impersonateAccount", STRANGER)
    await dev.call("anvil_setBalance", STRANGER, hex(10**18))
    sent = await dev.call("eth_sendTransaction", {"from": STRANGER, "to": SECOND_HEX, "value": "0x7"})
    await dev.call("evm_mine")

    assert dev.ask("eth_getTransactionByHash", sent)["from"] == STRANGER
    assert dev.ask("eth_getTransactionReceipt", sent)["status"] == "0x1"
    assert dev.ask("eth_getTransactionCount", STRANGER, "latest") == "0x1"
    assert dev.balance(SECOND) == 10_000 * 10**18 + 7
    assert dev.wired.chain.is_marked()
    assert dev.kept == []  # a restart would take it for its stand-in's

    await dev.call("anvil_stopImpersonatingAccount", STRANGER)
    with pytest.raises(errors.Refused, match="unknown account"):
        await dev.call("eth_sendTransaction", {"from": STRANGER, "to": SECOND_HEX})


async def test_an_impersonated_contract_sends_though_it_has_code(dev: Dev) -> None:
    await dev.call("anvil_setCode", STRANGER, "0x602a60005260206000f3")
    await dev.call("anvil_setBalance", STRANGER, hex(10**18))
    await dev.call("anvil_impersonateAccount", STRANGER)
    sent = await dev.call("eth_sendTransaction", {"from": STRANGER, "to": SECOND_HEX, "value": "0x7"})
    await dev.call("evm_mine")

    assert dev.ask("eth_getTransactionReceipt", sent)["status"] == "0x1"
    assert dev.ask("debug_traceTransaction", sent, {"tracer": "callTracer"})["from"] == STRANGER


async def test_signed_transactions_come_back_whole(dev: Dev) -> None:
    signed = await dev.call("eth_signTransaction", {"from": FIRST_HEX, "to": SECOND_HEX, "value": "0x1"})
    assert Account.recover_transaction(signed["raw"]).lower() == FIRST_HEX
    assert orjson.loads(orjson.dumps(signed["tx"]))["from"] == FIRST_HEX
    assert dev.wired.pool.counts() == (0, 0)


async def test_messages_are_signed_by_their_account(dev: Dev) -> None:
    message = "0x" + b"hello".hex()
    signature = await dev.call("eth_sign", FIRST_HEX, message)
    assert signature == await dev.call("personal_sign", message, FIRST_HEX)
    assert Account.recover_message(encode_defunct(b"hello"), signature=signature).lower() == FIRST_HEX
    with pytest.raises(errors.Refused, match="unknown account"):
        await dev.call("eth_sign", STRANGER, message)


async def test_typed_data_is_signed_as_object_and_as_text(dev: Dev) -> None:
    signature = await dev.call("eth_signTypedData_v4", FIRST_HEX, TYPED)
    assert signature == await dev.call("eth_signTypedData_v4", FIRST_HEX, orjson.dumps(TYPED).decode())
    assert Account.recover_message(encode_typed_data(full_message=TYPED), signature=signature).lower() == FIRST_HEX
    bad: Any
    for bad in ("{", [], {"types": {}}):
        with pytest.raises(errors.InvalidParams):
            await dev.call("eth_signTypedData_v4", FIRST_HEX, bad)


async def test_node_info_tells_head_and_fees(dev: Dev) -> None:
    await dev.call("evm_mine")
    info = await dev.call("anvil_nodeInfo")
    assert (info["currentBlockNumber"], info["environment"]["chainId"]) == ("0x1", 31337)
    assert info["currentBlockHash"] == dev.ask("eth_getBlockByNumber", "latest", False)["hash"]
