"""The same with web3.py and eth-account."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from eth_account import Account
from web3 import HTTPProvider, Web3
from web3.middleware import SignAndSendRawMiddlewareBuilder

TOLD = json.loads(Path(sys.argv[1]).read_bytes())
w3: Any = Web3(HTTPProvider(TOLD["url"]))
ALICE = Account.from_key(TOLD["keys"][8])
w3.middleware_onion.inject(SignAndSendRawMiddlewareBuilder.build(ALICE), layer=0)


def step(name: str, answer: Any) -> None:
    print(json.dumps({"step": name, "answer": answer}), flush=True)


item = w3.eth.get_transaction(TOLD["deposit"])
arrived = w3.eth.get_transaction_receipt(TOLD["deposit"])
fee = arrived["gasUsed"] * arrived["effectiveGasPrice"]
parties = [item["from"].lower(), item["to"].lower()]
step("deposit", [item["type"], item["hash"].to_0x_hex(), *parties, arrived["status"], str(fee)])
block = w3.eth.get_block(arrived["blockNumber"], True)
step("its block", any(one["hash"].to_0x_hex() == TOLD["deposit"] for one in block["transactions"]))

before = w3.eth.get_balance(ALICE.address)
sent = w3.eth.send_transaction(
    {"from": ALICE.address, "to": Web3.to_checksum_address("0x" + "ce" * 20), "value": 12345}
)
receipt = w3.eth.wait_for_transaction_receipt(sent)
spent = before - w3.eth.get_balance(ALICE.address)
step("paid to the wei", spent == 12345 + receipt["gasUsed"] * receipt["effectiveGasPrice"])

factory = w3.eth.contract(abi=TOLD["abi"], bytecode=TOLD["bytecode"])
made = w3.eth.wait_for_transaction_receipt(factory.constructor(7).transact({"from": ALICE.address, "value": 5}))
probe = w3.eth.contract(address=made["contractAddress"], abi=TOLD["abi"])
step("call", str(probe.functions.number().call()))
stored = w3.eth.wait_for_transaction_receipt(probe.functions.store(21, "hello").transact({"from": ALICE.address}))
step("event", [one["event"] for one in probe.events.Stored().process_receipt(stored)])
