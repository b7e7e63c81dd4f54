"""A session with foundry's `cast`: each step is a command, its answer what the command prints."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

TOLD = json.loads(Path(sys.argv[1]).read_bytes())
ALICE, BOB, CAROL, DELEGATOR = TOLD["keys"][:4]
BOB_ADDRESS = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
DELEGATOR_ADDRESS = "0x90F79bf6EB2c4f870365E785982E1f101E93b906"
PROBE = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
FEES = ["--gas-price", "10gwei", "--priority-gas-price", "1gwei"]
ENVIRONMENT = {**os.environ, "ETH_RPC_URL": TOLD["url"]}
CAST_SECONDS = 90  # proofs of a blob take it ten on a quiet machine
STORE = "store(uint256,string)"


def cast(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [TOLD["cast"], *arguments], env=ENVIRONMENT, capture_output=True, text=True, timeout=CAST_SECONDS, check=False
    )


def shown(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text.strip()


def step(name: str, *arguments: str) -> Any:
    done = cast(*arguments)
    if done.returncode:
        sys.exit(f"{name}: {done.stderr}")
    answer = shown(done.stdout)
    print(json.dumps({"step": name, "answer": answer}), flush=True)
    return answer


def fails(name: str, *arguments: str) -> None:
    done = cast(*arguments)
    found = re.search(r'error code (-?\d+): (execution reverted).*data: "(0x[0-9a-f]*)"', done.stderr, re.DOTALL)
    answer = [done.returncode != 0, found.groups() if found else done.stderr]
    print(json.dumps({"step": name, "answer": answer}), flush=True)


def refused(words: str, *arguments: str) -> None:
    done = cast(*arguments)
    said = done.returncode != 0 and words in done.stderr.lower()
    print(json.dumps({"step": words, "answer": said}), flush=True)


def send(name: str, key: str, *arguments: str) -> Any:
    return step(name, "send", "--json", "--private-key", key, *FEES, *arguments)


def main() -> None:
    step("chain id", "chain-id")
    step("block number", "block-number")
    step("balance", "balance", BOB_ADDRESS)
    step("balance in ether", "balance", "--ether", BOB_ADDRESS)
    step("nonce", "nonce", BOB_ADDRESS)
    constructor = "7".zfill(64)
    send("deployed", ALICE, "--gas-limit", "500000", "--create", TOLD["bytecode"] + constructor)
    step("code", "code", PROBE)
    step("codehash", "codehash", PROBE)
    step("codesize", "codesize", PROBE)
    step("call", "call", PROBE, "number()(uint256)")
    step("estimate", "estimate", "--from", BOB_ADDRESS, PROBE, STORE, "11", "x")
    stored = send("stored", ALICE, PROBE, STORE, "21", "hello", "--gas-limit", "200000")
    step("receipt", "receipt", "--json", stored["transactionHash"])
    step("a field of a receipt", "receipt", stored["transactionHash"], "gasUsed")
    step("transaction", "tx", "--json", stored["transactionHash"])
    step("raw transaction", "tx", "--raw", stored["transactionHash"])
    step("block", "block", "--json", "latest")
    step("block in full", "block", "--json", "--full", "2")
    step("a field of a block", "block", "2", "--field", "gasUsed")
    step("base fee", "base-fee", "latest")
    step("logs", "logs", "--json", "--from-block", "0", "--address", PROBE, "Stored(address,uint256,string)")
    step("no logs", "logs", "--json", "--from-block", "0", "Stored(address,uint256,string)", BOB_ADDRESS)
    step("storage", "storage", PROBE, "0")
    step("storage root", "storage-root", PROBE)
    step("the past", "call", "--block", "1", PROBE, "number()(uint256)")
    step("access list", "access-list", "--json", "--from", BOB_ADDRESS, PROBE, "number()")
    step("implementation", "implementation", PROBE)
    step("admin", "admin", PROBE)
    step("computed address", "compute-address", BOB_ADDRESS, "--nonce", "3")
    step("override", "call", "--override-code", f"{BOB_ADDRESS}:0x602a60005260206000f3", BOB_ADDRESS, "x()(uint256)")
    fails("reason", "call", PROBE, "refuse(string)", "because")
    fails("custom error", "call", PROBE, STORE, "3", "")
    fails("panic", "call", PROBE, "overflow(uint256)", "3")
    fails("estimate of a failure", "estimate", PROBE, "refuse(string)", "because")
    refused(
        "insufficient funds",
        "send",
        "--private-key",
        BOB,
        *FEES,
        "--gas-limit",
        "21000",
        "--value",
        "1000000ether",
        PROBE,
    )
    refused("nonce too low", "send", "--private-key", ALICE, *FEES, "--gas-limit", "21000", "--nonce", "0", BOB_ADDRESS)
    send("a failed transaction", ALICE, PROBE, "refuse(string)", "no", "--gas-limit", "100000")
    legacy = ["send", "--json", "--private-key", BOB, "--gas-price", "5gwei", "--gas-limit", "30000", "--value", "1"]
    step("legacy", *legacy, "--legacy", DELEGATOR_ADDRESS)
    with tempfile.NamedTemporaryFile() as blob:
        Path(blob.name).write_bytes(b"cast" * 1000)
        blobs = ["--blob", "--path", blob.name, "--blob-gas-price", "1gwei", "--gas-limit", "100000", PROBE]
        send("blobs", CAROL, *blobs)
    signed = step(
        "authorization", "wallet", "sign-auth", PROBE, "--private-key", DELEGATOR, "--nonce", "0", "--chain", "31337"
    )
    delegation = ["--auth", signed, "--gas-limit", "200000", DELEGATOR_ADDRESS, STORE, "99", "as me"]
    delegated = send("delegated", CAROL, *delegation)
    step("delegated transaction", "tx", "--json", delegated["transactionHash"])
    step("delegated code", "code", DELEGATOR_ADDRESS)
    step(
        "unlocked",
        "send",
        "--json",
        "--unlocked",
        "--from",
        BOB_ADDRESS,
        *FEES,
        "--gas-limit",
        "30000",
        "--value",
        "3",
        PROBE,
    )
    step("index", "index", "address", BOB_ADDRESS, "4")
    step("find block", "find-block", "1")
    step("a raw call", "rpc", "eth_getBlockTransactionCountByNumber", "0x2")
    run = cast("run", "--quick", stored["transactionHash"])
    traced = re.sub(r"\x1b\[[0-9;]*m", "", run.stdout)
    print(json.dumps({"step": "run", "answer": [run.returncode, "Stored(" in traced or "emit" in traced]}), flush=True)
    step("trace", "rpc", "debug_traceTransaction", stored["transactionHash"], '{"tracer":"callTracer"}')
    step("pool", "rpc", "txpool_status")


main()
