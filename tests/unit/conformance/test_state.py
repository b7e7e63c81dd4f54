"""State and transaction suites see a changed root, log hash, gas, sender, and a refusal that should not be."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from conformance import fixture, runner, signing
from conformance.case import Outcome
from conformance.options import Options
from conformance.runner import Task
from conformance.sources import File
from conformance.suites import BY_FILE
from ethrex_node import _native

EMPTY_LOGS = "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347"
SENDER = "0xa94f5374fce5edbc8e2a8697c15331677e6ebf0b"
SECRET = "0x45a915e4d060149eb4365960e6a7a45f334393093061116b197e3240065ff2d8"


def state_test() -> dict[str, Any]:
    """A transfer of one wei; its answers are those of the code, the changes below must each be seen."""
    test: dict[str, Any] = {
        "env": {
            "currentCoinbase": "0x2adc25665018aa1fe0e6bc666dac8fc2697ff9ba", "currentGasLimit": "0x0f4240",
            "currentNumber": "0x01", "currentTimestamp": "0x03e8", "currentDifficulty": "0x020000",
            "currentRandom": "0x20000", "currentBaseFee": "0x0a", "currentExcessBlobGas": "0x00",
        },
        "pre": {SENDER: {"nonce": "0x00", "balance": "0x0de0b6b3a7640000", "code": "0x", "storage": {}}},
        "transaction": {
            "data": ["0x"], "gasLimit": ["0x5208", "0x5207"], "gasPrice": "0x0b", "nonce": "0x00", "secretKey": SECRET,
            "sender": SENDER, "to": "0x095e7baea6a6c7c4c2dfeb977efac326af552d87", "value": ["0x01"],
        },
        "post": {},
    }  # fmt: skip
    return test


def entry(gas: int = 0, **other: Any) -> dict[str, Any]:
    return {"hash": "0x" + "00" * 32, "logs": EMPTY_LOGS, "indexes": {"data": 0, "gas": gas, "value": 0}} | other


def reasons(suite: str, content: Any) -> list[tuple[Outcome, str]]:
    data = json.dumps(content).encode()
    results = runner.play(BY_FILE[suite], Task(File("f.json", data)), Options()).results
    return [(result.outcome, result.reason) for result in results]


def answered(fork: str, **other: Any) -> dict[str, Any]:
    """The test with the root that the code gives, taken from its own report."""
    test = state_test()
    test["post"] = {fork: [entry(**other)]}
    ((outcome, reason),) = reasons("state", {"t": test})
    assert outcome is Outcome.FAILED, "a root of zeros is nobody's"
    test["post"][fork][0]["hash"] = reason.split("got ")[1].split(",")[0]
    assert reasons("state", {"t": test}) == [(Outcome.PASSED, "")]
    return test


@pytest.mark.parametrize("fork", ["Frontier", "Berlin", "London", "Cancun", "Osaka"])
def test_a_wrong_root_or_log_hash_is_seen(fork: str) -> None:
    test = answered(fork)

    for key in ("hash", "logs"):
        changed = copy.deepcopy(test)
        changed["post"][fork][0][key] = "0x" + "11" * 32
        assert reasons("state", {"t": changed})[0][0] is Outcome.FAILED


def test_a_changed_state_or_block_changes_the_root() -> None:
    test = answered("Prague")

    for path, value in [
        (("pre", SENDER, "balance"), "0x0de0b6b3a7640001"),
        (("env", "currentBaseFee"), "0x09"),
        (("env", "currentCoinbase"), "0x2adc25665018aa1fe0e6bc666dac8fc2697ff9bb"),
    ]:
        changed = copy.deepcopy(test)
        place = changed
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value
        assert reasons("state", {"t": changed})[0][0] is Outcome.FAILED, path


def test_a_refusal_must_be_expected_and_an_expected_one_must_come() -> None:
    refused = answered("Prague", gas=1, expectException="TransactionException.INTRINSIC_GAS_TOO_LOW")
    executed = answered("Prague")

    del refused["post"]["Prague"][0]["expectException"]
    executed["post"]["Prague"][0]["expectException"] = "TransactionException.INTRINSIC_GAS_TOO_LOW"
    assert "refused" in reasons("state", {"t": refused})[0][1]
    assert "executed" in reasons("state", {"t": executed})[0][1]


def test_an_unscheduled_fork_is_skipped_by_name_and_an_unknown_one_fails() -> None:
    test = state_test()
    test["post"] = {"Amsterdam": [entry()], "Atlantis": [entry()]}

    assert [outcome for outcome, _ in reasons("state", {"t": test})] == [Outcome.SKIPPED, Outcome.FAILED]


def test_a_transaction_that_is_signed_here_is_the_sender_s() -> None:
    legacy = signing.signed(state_test()["transaction"], {"data": 0, "gas": 0, "value": 0})
    parts = state_test()["transaction"] | {"maxFeePerGas": "0x0b", "maxPriorityFeePerGas": "0x00"}
    dynamic = signing.signed(parts, {"data": 0, "gas": 0, "value": 0})

    for raw, kind in ((legacy, 0), (dynamic, 2)):
        config = json.dumps({"chainId": 1, "homesteadBlock": 0, "eip150Block": 0, "eip155Block": 0, "eip158Block": 0,
                             "byzantiumBlock": 0, "istanbulBlock": 0, "berlinBlock": 0, "londonBlock": 0}).encode()  # fmt: skip
        checked = _native.check_transaction(config, raw)
        assert (raw[0] if raw[0] < 0x80 else 0) == kind
        assert checked["sender"] == fixture.unhex(SENDER)
        assert checked["intrinsic_gas"] == 21000


def transaction_test(**change: Any) -> list[Outcome]:
    raw = signing.signed(state_test()["transaction"], {"data": 0, "gas": 0, "value": 0})
    right = {"hash": "0x" + _native.keccak256(raw).hex(), "sender": SENDER, "intrinsicGas": "0x5208"}
    expected = {key: value for key, value in (right | change).items() if value is not None}
    content = {"t": {"txbytes": "0x" + raw.hex(), "result": {"Berlin": expected}}}
    return [outcome for outcome, _ in reasons("transaction", content)]


def test_a_transaction_passes_only_with_its_facts() -> None:
    assert transaction_test() == [Outcome.PASSED]
    assert transaction_test(sender="0x" + "11" * 20) == [Outcome.FAILED]
    assert transaction_test(intrinsicGas="0x5209") == [Outcome.FAILED]
    assert transaction_test(hash="0x" + "11" * 32) == [Outcome.FAILED]
    assert transaction_test(hash=None, sender=None, exception="any") == [Outcome.FAILED]


def test_a_transaction_that_must_be_refused_is() -> None:
    result = {"Berlin": {"exception": "any", "intrinsicGas": "0x00"}}

    assert reasons("transaction", {"t": {"txbytes": "0xc0", "result": result}}) == [(Outcome.PASSED, "")]
    result["Berlin"] = {"hash": "0x", "sender": "0x", "intrinsicGas": "0x00"}
    assert reasons("transaction", {"t": {"txbytes": "0xc0", "result": result}})[0][0] is Outcome.FAILED


def test_a_trie_passes_only_with_its_root_and_hashes_keys_by_file_name() -> None:
    root = "0x8aad789dff2f538bca5d8ea56e8abe10f4c7ba3a5dea95fea4cd6e7c3a1168d3"
    dogs = {"t": {"in": {"doe": "reindeer", "dog": "puppy", "dogglesworth": "cat"}, "root": root}}
    listed = {"t": {"in": [["doe", "reindeer"], ["cat", "x"], ["dogglesworth", "cat"], ["dog", "puppy"], ["cat", None]],
                    "root": root}}  # fmt: skip

    def play(name: str, content: Any) -> list[Outcome]:
        file = File(name, json.dumps(content).encode())
        return [result.outcome for result in runner.play(BY_FILE["trie"], Task(file), Options()).results]

    assert play("trie.json", dogs) == play("trie.json", listed) == [Outcome.PASSED]
    assert play("trie_secureTrie.json", dogs) == [Outcome.FAILED]
    assert play("trie.json", {"t": dogs["t"] | {"root": "0x" + "11" * 32}}) == [Outcome.FAILED]
    assert play("next.json", {"t": {"in": ["a"], "tests": []}}) == [Outcome.SKIPPED]
