"""Blockchain and engine fixtures made here by the node's own builder; then spoilt in one place each."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from conformance import genesis, runner
from conformance.case import Outcome, Result
from conformance.options import Options
from conformance.runner import Task
from conformance.sources import File
from conformance.suites import BY_FILE, blockchain
from ethrex_node import _native

HOLDER = "0x" + "11" * 20
RECEIVER = "0x" + "22" * 20
SLOT = "0x" + "00" * 31 + "01"
CODE = "0x00"


def fixture() -> dict[str, Any]:
    """Shanghai; two blocks, the second pays a withdrawal of one gwei."""
    account = {"balance": "0x05", "nonce": "0x01", "code": CODE, "storage": {SLOT: "0x07"}}
    test: dict[str, Any] = {
        "network": "Shanghai",
        "genesisBlockHeader": {
            "number": "0x00", "timestamp": "0x00", "gasLimit": "0x1c9c380", "difficulty": "0x00", "baseFeePerGas": "0x07",
            "extraData": "0x", "nonce": "0x0000000000000000", "mixHash": "0x" + "00" * 32, "coinbase": "0x" + "00" * 20,
        },
        "pre": {HOLDER: account},
        "blocks": [],
    }  # fmt: skip
    config = orjson.dumps(genesis.build(test))
    test["genesisBlockHeader"]["hash"] = "0x" + _native.genesis_hash(config)[0].hex()
    return test


@pytest.fixture
def right(tmp_path: Path) -> dict[str, Any]:
    test = fixture()
    chain = _native.Chain(tmp_path, orjson.dumps(genesis.build(test)), durable=False)
    for number, amount in ((1, 0), (2, 1)):
        built = chain.build(
            chain.head().hash,
            [],
            timestamp=12 * number,
            fee_recipient=bytes(20),
            prev_randao=bytes(32),
            withdrawals=[(0, 0, bytes.fromhex(RECEIVER[2:]), amount)],
            parent_beacon_root=None,
            gas_limit=30_000_000,
        )
        chain.set_head(built.hash, bytes(32), bytes(32))
        test["blocks"].append({"rlp": "0x" + built.block.hex()})
    test["lastblockhash"] = "0x" + chain.head().hash.hex()
    received = {"balance": hex(10**9), "nonce": "0x00", "code": "0x", "storage": {}}
    test["postState"] = copy.deepcopy(test["pre"]) | {RECEIVER: received}
    return test


def play(test: dict[str, Any], suite: str = "blockchain") -> Result:
    file = File("f.json", json.dumps({"t": test}).encode())
    (result,) = runner.play(BY_FILE[suite], Task(file), Options()).results
    return result


def spoil(test: dict[str, Any], path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    spoilt = copy.deepcopy(test)
    place: Any = spoilt
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return spoilt


@pytest.fixture
def payloads(right: dict[str, Any]) -> dict[str, Any]:
    """The same two blocks for the Engine API."""
    test = {key: value for key, value in right.items() if key != "blocks"}
    made = (orjson.loads(_native.block_to_payload(bytes.fromhex(b["rlp"][2:]), 2)) for b in right["blocks"])
    test["engineNewPayloads"] = [
        {"params": [payload], "newPayloadVersion": "2", "forkchoiceUpdatedVersion": "2"} for payload in made
    ]
    return test


def test_the_right_fixture_passes(right: dict[str, Any]) -> None:
    assert play(right) == Result("f.json::t", Outcome.PASSED)


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        (("lastblockhash",), "0x" + "11" * 32, "head"),
        (("genesisBlockHeader", "hash"), "0x" + "11" * 32, "genesis hash"),
        (("genesisBlockHeader", "extraData"), "0x01", "genesis hash"),
        (("pre", HOLDER, "balance"), "0x06", "genesis hash"),
        (("postState", HOLDER, "balance"), "0x06", "state root"),
        (("postState", HOLDER, "storage", SLOT), "0x08", "state root"),
        (("postStateHash",), "0x" + "11" * 32, "state root"),
        (("blocks", 1, "expectException"), "BlockException.INVALID_STATE_ROOT", "accepted"),
        (("blocks", 0, "rlp"), "0xc0", "refused"),
        (("network",), "Paris", "genesis hash"),
        (("network",), "Atlantis", "UnknownNetwork"),
    ],
)
def test_each_spoilt_place_is_seen(right: dict[str, Any], path: tuple[str | int, ...], value: str, reason: str) -> None:
    result = play(spoil(right, path, value))

    assert result.outcome is Outcome.FAILED
    assert reason in result.reason


def test_a_bad_block_must_be_expected(right: dict[str, Any]) -> None:
    raw = bytearray.fromhex(right["blocks"][1]["rlp"][2:])
    raw[-1] ^= 1  # the amount of the withdrawal
    right["blocks"].append({"rlp": "0x" + raw.hex()})

    assert "block 2 refused" in play(right).reason
    right["blocks"][2]["expectException"] = "BlockException.INVALID_WITHDRAWALS_ROOT"
    assert play(right).outcome is Outcome.PASSED


def test_before_the_merge_difficulty_decides_and_the_first_of_equals_stays() -> None:
    header = fixture()["genesisBlockHeader"] | {"difficulty": "0x02"}
    choice = blockchain.ForkChoice.at_genesis({"genesisBlockHeader": header})
    root = bytes.fromhex(header["hash"][2:])

    def block(name: bytes, parent: bytes, difficulty: int) -> bool:
        return choice.takes(name * 32, [parent, *[b""] * 6, bytes([difficulty])])

    assert block(b"a", root, 5)
    assert not block(b"b", root, 5)
    assert not block(b"c", root, 4)
    assert block(b"d", b"c" * 32, 2)
    assert choice.head == b"d" * 32
    assert choice.takes(b"p" * 32, [b"a" * 32, *[b""] * 7]), "after the merge the newest is the head"


def test_the_right_payloads_pass(payloads: dict[str, Any]) -> None:
    assert play(payloads, "engine") == Result("f.json::t", Outcome.PASSED)


FIRST = ("engineNewPayloads", 0)


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        (("lastblockhash",), "0x" + "11" * 32, "head"),
        (("genesisBlockHeader", "hash"), "0x" + "11" * 32, "genesis hash"),
        (("postState", HOLDER, "balance"), "0x06", "state root"),
        ((*FIRST, "params", 0, "stateRoot"), "0x" + "11" * 32, "payload 0: INVALID"),
        ((*FIRST, "params", 0, "parentHash"), "0x" + "11" * 32, "payload 0: INVALID"),
        ((*FIRST, "params", 0, "withdrawals"), None, "payload 0"),
        ((*FIRST, "validationError"), "BlockException.INVALID_STATE_ROOT", "payload 0: VALID, expected INVALID"),
        ((*FIRST, "errorCode"), "-32602", "error code"),
        ((*FIRST, "newPayloadVersion"), "3", "payload 0"),
        ((*FIRST, "forkchoiceUpdatedVersion"), "9", "engine_forkchoiceUpdatedV9"),
    ],
)
def test_each_spoilt_payload_is_seen(
    payloads: dict[str, Any], path: tuple[str | int, ...], value: Any, reason: str
) -> None:
    result = play(spoil(payloads, path, value), "engine")

    assert result.outcome is Outcome.FAILED
    assert reason in result.reason


def test_a_bad_payload_must_be_expected(payloads: dict[str, Any]) -> None:
    bad = spoil(payloads, ("engineNewPayloads", 1, "params", 0, "stateRoot"), "0x" + "11" * 32)
    bad["engineNewPayloads"].append(payloads["engineNewPayloads"][1])

    assert play(bad, "engine").outcome is Outcome.FAILED
    bad["engineNewPayloads"][1]["validationError"] = "BlockException.INVALID_BLOCK_HASH"
    assert play(bad, "engine").outcome is Outcome.PASSED


def test_a_refused_call_must_have_the_expected_code(payloads: dict[str, Any]) -> None:
    refused = spoil(payloads, (*FIRST, "params", 0, "withdrawals"), None)

    for code, outcome in (("-32602", Outcome.FAILED), ("-38005", Outcome.FAILED)):
        refused["engineNewPayloads"][0]["errorCode"] = code
        assert play(refused, "engine").outcome is outcome
        assert ("error code" in play(refused, "engine").reason) is (code != "-32602")
