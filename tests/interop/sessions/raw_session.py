"""A session of bare JSON-RPC calls, as test tools such as hardhat's network helpers make them."""

from __future__ import annotations

import json
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

TOLD = json.loads(Path(sys.argv[1]).read_bytes())
GWEI = 10**9
ALICE, BOB = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266", "0x70997970c51812dc3a010c7d01b50e0d17dc79c8"
STRANGER = "0x00000000000000000000000000000000000000ee"
PROBE = "0x5fbdb2315678afecb367f032d93f642f64180aa3"
RETURNS_42 = "0x602a60005260206000f3"
NUMBER = "0x8381f58a"  # number()
FEES = {"maxFeePerGas": hex(10 * GWEI), "maxPriorityFeePerGas": hex(GWEI)}
PLAIN = {"from": ALICE, "to": BOB, "value": "0x1", "gas": "0x7530", **FEES}


def ask(method: str, *params: Any) -> Any:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}).encode()
    request = urllib.request.Request(TOLD["url"], body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def call(method: str, *params: Any) -> Any:
    answer = ask(method, *params)
    if "error" in answer:
        sys.exit(f"{method} {params}: {answer['error']}")
    return answer["result"]


def step(name: str, answer: Any) -> None:
    print(json.dumps({"step": name, "answer": answer}), flush=True)


def sent(fields: dict[str, Any]) -> Any:
    """Send; gives the receipt. anvil answers a little before the block is there."""
    transaction = call("eth_sendTransaction", fields)
    end = time.monotonic() + 20
    while time.monotonic() < end:
        receipt = call("eth_getTransactionReceipt", transaction)
        if receipt is not None:
            return receipt
        time.sleep(0.01)
    sys.exit(f"{transaction} is not mined")


def state(address: str, block: str = "latest") -> list[Any]:
    methods = ("eth_getBalance", "eth_getTransactionCount", "eth_getCode")
    return [call(method, address, block) for method in methods]


def mined() -> Any:
    return call("eth_getBlockByNumber", "latest", False)


def main() -> None:
    step("modules of the chain", [call("net_version"), call("eth_chainId"), call("net_listening"), call("eth_syncing")])
    step("deployed", sent({"from": ALICE, "data": TOLD["bytecode"] + "7".zfill(64), "gas": hex(500_000), **FEES}))

    taken = call("evm_snapshot")
    call("hardhat_setBalance", STRANGER, hex(10**18))
    call("hardhat_setNonce", STRANGER, "0x7")
    call("hardhat_setCode", STRANGER, RETURNS_42)
    step("written", state(STRANGER))
    step("storage written", call("hardhat_setStorageAt", PROBE, "0x0", "0x" + "9".zfill(64)))
    step("call after a write", call("eth_call", {"to": PROBE, "data": NUMBER}, "latest"))
    inner = call("evm_snapshot")
    call("hardhat_setBalance", STRANGER, "0x1")
    call("evm_mine")
    step("inner revert", call("evm_revert", inner))
    step("after the inner revert", [state(STRANGER), call("eth_blockNumber")])
    step("used up", call("evm_revert", inner))
    call("evm_snapshot")
    step("outer revert", call("evm_revert", taken))
    step("after the outer revert", [state(STRANGER), call("eth_call", {"to": PROBE, "data": NUMBER}, "latest")])

    before = int(mined()["timestamp"], 16)
    call("evm_increaseTime", 3600)
    call("evm_mine")
    after = int(mined()["timestamp"], 16)
    step("time moved", 3600 <= after - before < 3660)
    call("evm_setNextBlockTimestamp", after + 500)
    call("evm_mine")
    step("time told", int(mined()["timestamp"], 16) - after)
    step("time in the past", "error" in ask("evm_setNextBlockTimestamp", after))
    call("hardhat_mine", "0x3", "0x3c")
    step(
        "apart",
        [
            int(call("eth_getBlockByNumber", hex(number), False)["timestamp"], 16) - after - 500 >= 60
            for number in (4, 5, 6)
        ],
    )
    step("height", call("eth_blockNumber"))

    call("hardhat_impersonateAccount", STRANGER)
    call("hardhat_setBalance", STRANGER, hex(10**18))
    impersonated = sent({**PLAIN, "from": STRANGER})
    step("impersonated", {key: value for key, value in impersonated.items() if key != "transactionHash"})
    call("hardhat_stopImpersonatingAccount", STRANGER)
    step("no longer", "error" in ask("eth_sendTransaction", {**PLAIN, "from": STRANGER}))

    call("evm_setAutomine", False)
    height, pooled_nonce = call("eth_blockNumber"), call("eth_getTransactionCount", ALICE, "latest")
    waiting = [call("eth_sendTransaction", {**PLAIN, "value": hex(value)}) for value in (11, 12, 13)]
    step("nothing is mined", call("eth_blockNumber") == height)
    step("pending nonce", int(call("eth_getTransactionCount", ALICE, "pending"), 16) - int(pooled_nonce, 16))
    step("pooled", call("txpool_status"))
    step("waiting transaction", call("eth_getTransactionByHash", waiting[0]))
    pending = call("eth_getBlockByNumber", "pending", False)
    step("block pending", [pending["number"], pending["transactions"], pending["gasUsed"]])
    step(
        "balance in the pending block",
        int(call("eth_getBalance", BOB, "pending"), 16) - int(call("eth_getBalance", BOB, "latest"), 16),
    )
    step("count of the pending block", call("eth_getBlockTransactionCountByNumber", "pending"))
    step("call in the pending block", call("eth_call", {"to": PROBE, "data": NUMBER}, "pending"))
    step("dropped", call("anvil_dropTransaction", waiting[2]))
    step("pooled after the drop", call("txpool_status"))
    call("evm_mine")
    step("mined together", [call("eth_getTransactionReceipt", one) is not None for one in waiting])
    call("evm_setAutomine", True)

    call("hardhat_setCoinbase", STRANGER)
    call("evm_setBlockGasLimit", hex(20_000_000))
    call("evm_mine")
    last = mined()
    step("told of the block", [last["miner"], last["gasLimit"]])

    call("anvil_setStorageAt", PROBE, "0x5", "0x" + "6".zfill(64))
    dumped = call("anvil_dumpState")
    step("a dump", dumped.startswith("0x1f8b"))
    call("anvil_setStorageAt", PROBE, "0x5", "0x" + "7".zfill(64))
    step("loaded", call("anvil_loadState", dumped))
    step("storage loaded", call("eth_getStorageAt", PROBE, "0x5", "latest"))
    call("anvil_reset")
    step("reset", [call("eth_blockNumber"), state(ALICE), state(PROBE)])


main()
