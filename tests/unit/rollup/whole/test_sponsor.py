"""The operator pays: users without money act by EIP-7702, within limits that a restart does not forget."""

from __future__ import annotations

import json
import os
import signal
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from ethrex_node import _native
from ethrex_node.dev import accounts
from unit.rollup.whole.deployment import text
from unit.rollup.whole.processes import CHAIN_ID, LIMIT_SECONDS, Running, rollup, until

GWEI = 10**9
MAKER, SPONSOR = accounts.derive()[4], accounts.derive()[6]
USER = Account.from_key(b"\x0d" * 32)
OTHER = Account.from_key(b"\x0e" * 32)
# With an input it reverts; without it adds one to slot 0 of whoever it is the code of.
CODE = bytes.fromhex("36600c575f546001015f55005b5f5ffd")
CREATION = bytes.fromhex(f"60{len(CODE):02x}600a5f3960{len(CODE):02x}5ff3") + CODE
COUNTER = _native.keccak256(_native.rlp_encode([MAKER.address, b""]))[12:]


def post(running: Running, method: str, *params: Any) -> dict[str, Any]:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}).encode()
    asked = urllib.request.Request(running.said["rollup"], body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(asked, timeout=30) as answer:
        value: dict[str, Any] = json.load(answer)
    return value


def refused(running: Running, **fields: Any) -> dict[str, Any]:
    error: dict[str, Any] = post(running, "ethrex_sendTransaction", fields)["error"]
    return error


def sponsored(running: Running, **fields: Any) -> dict[str, Any]:
    """The receipt."""
    sent = running.l2("ethrex_sendTransaction", fields)
    until(lambda: running.l2("eth_getTransactionReceipt", sent))
    receipt: dict[str, Any] = running.l2("eth_getTransactionReceipt", sent)
    assert receipt["status"] == "0x1"
    return receipt


def authorization(user: Any, delegate: bytes, nonce: int = 0) -> dict[str, str]:
    signed = user.sign_authorization({"chainId": CHAIN_ID, "address": text(delegate), "nonce": nonce})
    facts = {"chainId": CHAIN_ID, "nonce": nonce, "yParity": signed.y_parity, "r": signed.r, "s": signed.s}
    return {"address": text(delegate)} | {name: hex(value) for name, value in facts.items()}


def figure(running: Running, name: str) -> float:
    with urllib.request.urlopen(running.said["metrics"], timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    return next(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name + " "))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rollup")


@pytest.fixture(scope="module", autouse=True)
def environment() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ETHREX_SPONSOR_KEY", "env:SPONSOR_OF_L2")
        patch.setenv("SPONSOR_OF_L2", SPONSOR.key.hex())
        patch.setenv("ETHREX_SPONSOR_DELEGATES", text(COUNTER))
        patch.setenv("ETHREX_SPONSOR_ACCOUNT_TRANSACTIONS", "3")
        patch.setenv("ETHREX_SPONSOR_GAS_LIMIT", "200000")
        yield


def make_counter(running: Running) -> None:
    facts = {"chainId": CHAIN_ID, "nonce": 0, "data": CREATION, "value": 0, "gas": 500_000,
             "maxFeePerGas": 100 * GWEI, "maxPriorityFeePerGas": GWEI}  # fmt: skip
    raw = Account.sign_transaction(facts, MAKER.key).raw_transaction
    sent = running.l2("eth_sendRawTransaction", "0x" + bytes(raw).hex())
    until(lambda: running.l2("eth_getTransactionReceipt", sent))
    assert running.l2("eth_getCode", text(COUNTER), "latest") == "0x" + CODE.hex()


def test_users_without_money_act_within_limits_that_a_restart_keeps(folder: Path) -> None:
    with rollup(folder) as running:
        make_counter(running)
        before = int(running.l2("eth_getBalance", text(SPONSOR.address), "latest"), 16)

        first = sponsored(running, to=USER.address, authorizationList=[authorization(USER, COUNTER)])
        again = sponsored(running, to=USER.address, data="0x")

        assert (first["type"], again["type"]) == ("0x4", "0x2")
        assert running.l2("eth_getCode", USER.address, "latest") == "0xef0100" + COUNTER.hex()
        assert int(running.l2("eth_getStorageAt", USER.address, "0x0", "latest"), 16) == 2
        assert running.l2("eth_getBalance", USER.address, "latest") == "0x0"
        paid = sum(int(one["gasUsed"], 16) * int(one["effectiveGasPrice"], 16) for one in (first, again))
        after = int(running.l2("eth_getBalance", text(SPONSOR.address), "latest"), 16)
        assert before - after == paid
        until(lambda: figure(running, "ethrex_sponsor_pending") == 0)
        assert figure(running, 'ethrex_sponsor_used_wei{scope="all"}') == paid

        stale = authorization(USER, COUNTER)
        for fields, code, told in (
            ({"to": text(COUNTER)}, -39011, "no sponsored target"),
            ({"to": OTHER.address}, -39011, "no sponsored target"),
            ({"to": USER.address, "authorizationList": [stale]}, -32602, "nonce 0, the account's is 1"),
            ({"to": USER.address, "value": "0x1"}, -32602, "value has to be 0"),
            ({"to": USER.address, "data": "0x01"}, 3, "revert"),
        ):
            error = refused(running, **fields)
            assert error["code"] == code, error
            assert told in error["message"]

        # What was answered is in a block and within the limit after the sequencer was killed.
        sent = running.l2("ethrex_sendTransaction", {"to": USER.address})
        os.kill(running.children()[1], signal.SIGKILL)
        running.process.wait(LIMIT_SECONDS)

    with rollup(folder) as running:
        until(lambda: running.l2("eth_getTransactionReceipt", sent))
        error = refused(running, to=USER.address)
        assert (error["code"], error["data"]["scope"], error["data"]["used"]) == (-39012, "account", "3")
        # Another account has limits of its own.
        sponsored(running, to=OTHER.address, authorizationList=[authorization(OTHER, COUNTER)])
        assert figure(running, 'ethrex_sponsor_used_transactions{scope="all"}') == 4
        assert figure(running, 'ethrex_sponsor_refusals_total{reason="LimitReached"}') == 1
