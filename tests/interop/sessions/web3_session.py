"""A session with web3.py: `web3_session.py INPUT` prints a line of JSON a step. INPUT is what ``clients.Input`` writes."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from eth_account import Account
from eth_account.messages import encode_defunct
from eth_account.typed_transactions import base
from hexbytes import HexBytes
from web3 import HTTPProvider, Web3
from web3.exceptions import ContractLogicError, Web3RPCError

TOLD = json.loads(Path(sys.argv[1]).read_bytes())
GWEI = 10**9
FEES = {"maxFeePerGas": 10 * GWEI, "maxPriorityFeePerGas": GWEI}
ALICE = Account.from_key(TOLD["keys"][0])
BOB = Account.from_key(TOLD["keys"][1])
CAROL = Account.from_key(TOLD["keys"][2])
DELEGATOR = Account.from_key(TOLD["keys"][3])

vars(base)["load_trusted_setup"] = functools.cache(
    vars(base)["load_trusted_setup"]
)  # four seconds, and it is read for each proof
w3: Any = Web3(HTTPProvider(TOLD["url"]))


def step(name: str, answer: Any) -> None:
    print(json.dumps({"step": name, "answer": answer}, default=_plain), flush=True)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return "0x" + bytes(value).hex()
    return dict(value)


def fails(name: str, call: Callable[[], Any]) -> None:
    """The step's answer is the failure, as the client shows it."""
    try:
        answer = call()
    except (ContractLogicError, Web3RPCError) as error:
        answer = {"kind": type(error).__name__, "message": error.message, "data": getattr(error, "data", None)}
    step(name, answer)


def refused(words: str, call: Callable[[], Any]) -> None:
    """Nodes word their refusals as they like; these words are what tools look for."""
    try:
        call()
        step(words, "not refused")
    except Web3RPCError as error:
        step(words, words in error.message.lower())


def sent(account: Any, fields: dict[str, Any], **options: Any) -> Any:
    """Sign with the keys here, send, wait; gives the receipt."""
    whole = {"chainId": w3.eth.chain_id, "nonce": w3.eth.get_transaction_count(account.address), **FEES, **fields}
    signed = account.sign_transaction(whole, **options)
    return w3.eth.wait_for_transaction_receipt(w3.eth.send_raw_transaction(signed.raw_transaction), poll_latency=0.02)


def main() -> None:
    step("chain", [w3.eth.chain_id, w3.net.version, w3.eth.block_number, w3.eth.syncing, w3.eth.accounts])
    step("balance", w3.eth.get_balance(ALICE.address))
    step("suggested fees", w3.eth.max_priority_fee > 0 and w3.eth.gas_price > w3.eth.max_priority_fee)

    probe = w3.eth.contract(abi=TOLD["abi"], bytecode=TOLD["bytecode"])
    built = probe.constructor(7).build_transaction({"from": ALICE.address, "nonce": 0, "gas": 500_000, **FEES})
    step("a deployment built", built)
    step("estimate of a deployment", probe.constructor(7).estimate_gas({"from": ALICE.address}))
    receipt = sent(ALICE, built)
    step("deployed", receipt)
    probe = w3.eth.contract(address=receipt["contractAddress"], abi=TOLD["abi"])
    step("code", w3.eth.get_code(probe.address))
    step("call", probe.functions.number().call())
    step("a call as another", probe.functions.store(11, "x").call({"from": BOB.address}))
    step("estimate", probe.functions.store(11, "x").estimate_gas({"from": BOB.address}))

    blocks, logs = w3.eth.filter("latest"), probe.events.Stored.create_filter(from_block="latest")
    pending = w3.eth.filter("pending")
    stored = sent(
        ALICE, probe.functions.store(21, "hello").build_transaction({"from": ALICE.address, "gas": 200_000, **FEES})
    )
    step("stored", stored)
    step("block filter", len(blocks.get_new_entries()))
    step("pending filter", pending.get_new_entries())
    step("log filter", logs.get_new_entries())
    step("log filter again", logs.get_new_entries())
    step("all of the filter", logs.get_all_entries())
    step("filter ended", w3.eth.uninstall_filter(logs.filter_id))
    fails("filter gone", lambda: w3.eth.get_filter_changes(logs.filter_id))
    step("logs", probe.events.Stored.get_logs(from_block=0))
    step("no logs", probe.events.Stored.get_logs(from_block=0, argument_filters={"number": 22}))
    step("events of a receipt", probe.events.Stored().process_receipt(stored))
    step("storage", w3.eth.get_storage_at(probe.address, 0))
    step("text", probe.functions.texts(ALICE.address).call())
    step("the past", probe.functions.number().call(block_identifier=1))
    step("transaction", w3.eth.get_transaction(stored["transactionHash"]))
    step("block", w3.eth.get_block("latest"))
    step("block in full", w3.eth.get_block(2, full_transactions=True))
    step("by index", w3.eth.get_transaction_by_block(2, 0))
    step("count", w3.eth.get_block_transaction_count(2))

    fails("reason", lambda: probe.functions.refuse("because").call())
    fails("custom error", lambda: probe.functions.store(3, "").call())
    fails("panic", lambda: probe.functions.overflow(3).call())
    fails("estimate of a failure", lambda: probe.functions.refuse("because").estimate_gas())
    fails("no such function", lambda: w3.eth.call({"to": probe.address, "data": "0x12345678"}))
    beyond = {"to": BOB.address, "value": 10**30, "gas": 21_000, "nonce": 2, "chainId": 31337, **FEES}
    refused("insufficient funds", lambda: w3.eth.send_raw_transaction(ALICE.sign_transaction(beyond).raw_transaction))
    past = {**beyond, "value": 1, "nonce": 0}
    refused("nonce too low", lambda: w3.eth.send_raw_transaction(ALICE.sign_transaction(past).raw_transaction))
    failed = sent(ALICE, {"to": probe.address, "data": probe.encode_abi("refuse", ["no"]), "gas": 100_000, "value": 0})
    step("a failed transaction", failed)
    step(
        "state override",
        w3.eth.call({"to": BOB.address, "data": "0x"}, "latest", {BOB.address: {"code": "0x602a60005260206000f3"}}),
    )

    legacy = {"gasPrice": 5 * GWEI, "to": BOB.address, "value": 1, "gas": 30_000, "chainId": 31337}
    for name, fields in (
        ("legacy", legacy),
        ("before chain ids", {key: value for key, value in legacy.items() if key != "chainId"}),
        (
            "access list",
            {**legacy, "type": 1, "accessList": [{"address": probe.address, "storageKeys": ["0x" + "00" * 32]}]},
        ),
    ):
        signed = BOB.sign_transaction({**fields, "nonce": w3.eth.get_transaction_count(BOB.address)})
        taken = w3.eth.wait_for_transaction_receipt(
            w3.eth.send_raw_transaction(signed.raw_transaction), poll_latency=0.02
        )
        step(name, [taken, w3.eth.get_transaction(taken["transactionHash"])])
    step(
        "create access list",
        w3.eth.create_access_list(
            {
                "from": BOB.address,
                "to": probe.address,
                "data": probe.encode_abi("number"),
                "gas": 100_000,
                "gasPrice": 5 * GWEI,
            }
        ),
    )

    blob = {"type": 3, "to": probe.address, "value": 0, "gas": 100_000, "maxFeePerBlobGas": GWEI}
    with_blobs = sent(CAROL, blob, blobs=[HexBytes(one) for one in TOLD["blobs"]])
    step("blobs", [with_blobs, w3.eth.get_transaction(with_blobs["transactionHash"])])

    signed = DELEGATOR.sign_authorization({"chainId": 31337, "address": probe.address, "nonce": 0})
    delegated = sent(
        CAROL,
        {
            "to": DELEGATOR.address,
            "value": 0,
            "gas": 200_000,
            "authorizationList": [signed],
            "data": probe.encode_abi("store", [99, "as me"]),
        },
    )
    step("delegated", [delegated, w3.eth.get_transaction(delegated["transactionHash"])])
    step("delegated code", w3.eth.get_code(DELEGATOR.address))
    step("delegated storage", w3.eth.get_storage_at(DELEGATOR.address, 0))

    step(
        "unlocked",
        w3.eth.wait_for_transaction_receipt(
            w3.eth.send_transaction({"from": w3.eth.accounts[5], "to": BOB.address, "value": 3, **FEES, "gas": 30_000}),
            poll_latency=0.02,
        ),
    )
    step("signed", w3.eth.sign(w3.eth.accounts[5], text="hello"))
    step("signed here", ALICE.sign_message(encode_defunct(text="hello")).signature)
    step("fee history", w3.eth.fee_history(4, "latest", [25, 75]))
    proof = w3.eth.get_proof(probe.address, ["0x" + "00" * 32, "0x" + "00" * 31 + "01"], "latest")
    step(
        "proof",
        {
            "address": proof["address"],
            "balance": proof["balance"],
            "nonce": proof["nonce"],
            "codeHash": proof["codeHash"],
            "storage": proof["storageProof"],
            "storageHash": proof["storageHash"],
        },
    )
    step("nothing there", w3.eth.get_balance("0x" + "00" * 19 + "99"))
    calls = [{"from": BOB.address, "to": probe.address, "data": probe.encode_abi("store", [50, "s"])}]
    (simulated,) = w3.eth.simulate_v1({"blockStateCalls": [{"calls": calls}]}, "latest")
    step(
        "simulated", [{name: call[name] for name in ("status", "gasUsed", "returnData")} for call in simulated["calls"]]
    )


main()
