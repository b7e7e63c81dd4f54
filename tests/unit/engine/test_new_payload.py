"""
engine_newPayload: structures, forks, statuses, and what is remembered.
"""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest
from unit.engine import standin
from unit.engine.conftest import ZERO, Desk, hexed

from ethrex_node.engine import parts

TIMES = {"paris": 12, "shanghai": 1012, "cancun": 2012, "prague": 3012, "osaka": 4012, "bpo1": 5012}


def status(state: str, latest: bytes | None = None, reason: str | None = None) -> dict[str, Any]:
    return {"status": state, "latestValidHash": None if latest is None else hexed(latest), "validationError": reason}


@pytest.mark.parametrize("timestamp", TIMES.values())
async def test_a_good_payload_is_valid_and_stays_so(desk: Desk, timestamp: int) -> None:
    made = standin.payload(desk.chain.genesis, timestamp)
    expected = status("VALID", standin.hash_of(made))
    assert await desk.offer(made) == expected
    assert await desk.offer(made) == expected
    assert len(desk.chain.executed) == 1


async def test_an_unknown_parent_is_syncing(desk: Desk) -> None:
    first = standin.payload(desk.chain.genesis, 12)
    second = standin.payload(standin.known_of(first), 24)
    assert await desk.offer(second) == status("SYNCING")
    assert await desk.offer(first) == status("VALID", standin.hash_of(first))
    assert await desk.offer(second) == status("VALID", standin.hash_of(second))


async def test_a_parent_without_state_is_accepted(desk: Desk) -> None:
    made = standin.payload(desk.chain.genesis, 12, extraData=standin.STATELESS)
    assert await desk.offer(made) == status("ACCEPTED")


async def test_a_bad_block_is_invalid_and_is_not_tried_again(desk: Desk) -> None:
    made = standin.payload(desk.chain.genesis, 12, extraData=standin.BAD)
    genesis = desk.chain.genesis.hash
    assert await desk.offer(made) == status("INVALID", genesis, "extra data is dead")
    assert await desk.offer(made) == status("INVALID", genesis, "links to previously rejected block")
    assert len(desk.chain.executed) == 1


async def test_what_descends_from_a_bad_block_is_invalid(desk: Desk) -> None:
    bad = standin.payload(desk.chain.genesis, 12, extraData=standin.BAD)
    child = standin.payload(standin.known_of(bad), 24)
    grandchild = standin.payload(standin.known_of(child), 36)
    await desk.offer(bad)
    expected = status("INVALID", desk.chain.genesis.hash, "links to previously rejected block")
    assert await desk.offer(child) == expected
    assert await desk.offer(grandchild) == expected
    assert (await desk.choose(standin.known_of(grandchild)))["result"]["payloadStatus"] == expected


@pytest.mark.parametrize("desk", [False], indirect=True)
async def test_on_proof_of_work_the_latest_valid_hash_is_zero(desk: Desk) -> None:
    made = standin.payload(desk.chain.genesis, 12, extraData=standin.BAD)
    assert (await desk.offer(made))["latestValidHash"] == ZERO


async def test_a_bad_block_gets_another_chance_in_the_end(desk: Desk) -> None:
    made = standin.payload(desk.chain.genesis, 12, extraData=standin.BAD)
    for _ in range(130):
        assert (await desk.offer(made))["status"] == "INVALID"
    assert len(desk.chain.executed) == 2


@pytest.mark.parametrize(
    ("timestamp", "state"), [(12, "INVALID_BLOCK_HASH"), (1012, "INVALID"), (2012, "INVALID"), (3012, "INVALID")]
)
async def test_a_wrong_hash_is_told_without_a_latest_valid_one(desk: Desk, timestamp: int, state: str) -> None:
    made = {**standin.payload(desk.chain.genesis, timestamp), "blockHash": "0x" + "11" * 32}
    assert await desk.offer(made) == status(state, None, "block hash does not match")


async def test_transactions_that_are_none_make_it_invalid(desk: Desk) -> None:
    made = standin.payload(desk.chain.genesis, 12, transactions=["0x"])
    assert await desk.offer(made) == status("INVALID", None, "transaction 0 is empty")


async def test_versioned_hashes_are_checked_even_without_the_parent(desk: Desk) -> None:
    made = standin.payload(desk.chain.genesis, 2012, parentHash="0x" + "77" * 32)
    answer = await desk.result("engine_newPayloadV3", made, ["0x01" + "00" * 31], ZERO)
    assert answer == status("INVALID", None, "versioned hashes do not match")


def payload(fork: str, **changes: Any) -> dict[str, Any]:
    chain_genesis = parts.Known(0, b"\x01" * 32, bytes(32), 0)
    made = standin.payload(chain_genesis, TIMES[fork])
    for name, value in changes.items():
        if value is None:
            made.pop(name, None)
        else:
            made[name] = value
    return made


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("engine_newPayloadV1", [payload("shanghai")], -32602),
        ("engine_newPayloadV1", [payload("paris", blobGasUsed="0x0")], -32602),
        ("engine_newPayloadV1", [payload("paris", stateRoot=None)], -32602),
        ("engine_newPayloadV1", [], -32602),
        ("engine_newPayloadV1", [5], -32602),
        ("engine_newPayloadV2", [payload("paris", withdrawals=[])], -32602),
        ("engine_newPayloadV2", [payload("shanghai", withdrawals=None)], -32602),
        ("engine_newPayloadV2", [payload("shanghai", blobGasUsed="0x0")], -32602),
        ("engine_newPayloadV2", [payload("shanghai", excessBlobGas="0x0")], -32602),
        ("engine_newPayloadV2", [payload("cancun", blobGasUsed=None, excessBlobGas=None)], -38005),
        ("engine_newPayloadV2", [payload("paris", timestamp=12)], -32602),
        ("engine_newPayloadV2", [payload("paris", timestamp=None)], -32602),
        ("engine_newPayloadV3", [payload("cancun", withdrawals=None), [], ZERO], -32602),
        ("engine_newPayloadV3", [payload("cancun", blobGasUsed=None), [], ZERO], -32602),
        ("engine_newPayloadV3", [payload("cancun", excessBlobGas=None), [], ZERO], -32602),
        ("engine_newPayloadV3", [payload("cancun"), None, ZERO], -32602),
        ("engine_newPayloadV3", [payload("cancun"), [], None], -32602),
        ("engine_newPayloadV3", [payload("cancun")], -32602),
        ("engine_newPayloadV3", [payload("cancun"), ["0x00"], ZERO], -32602),
        ("engine_newPayloadV3", [payload("cancun"), [], ZERO, []], -32602),
        ("engine_newPayloadV3", [payload("prague"), [], ZERO], -38005),
        ("engine_newPayloadV3", [payload("shanghai", blobGasUsed="0x0", excessBlobGas="0x0"), [], ZERO], -38005),
        ("engine_newPayloadV3", [payload("shanghai"), [], ZERO], -32602),
        ("engine_newPayloadV4", [payload("prague"), [], ZERO], -32602),
        ("engine_newPayloadV4", [payload("prague"), [], ZERO, ["0x"]], -32602),
        ("engine_newPayloadV4", [payload("prague"), [], ZERO, ["0x00"]], -32602),
        ("engine_newPayloadV4", [payload("prague"), [], ZERO, ["zz"]], -32602),
        ("engine_newPayloadV4", [payload("prague"), [], ZERO, ["0x0101", "0x0001"]], -32602),
        ("engine_newPayloadV4", [payload("prague"), [], ZERO, ["0x0101", "0x0102"]], -32602),
        ("engine_newPayloadV4", [payload("cancun"), [], ZERO, []], -38005),
    ],
)
async def test_what_a_version_does_not_take_is_refused(desk: Desk, method: str, params: list[Any], code: int) -> None:
    assert await desk.code(method, *params) == code
    assert not desk.chain.executed


async def test_a_payload_that_is_nested_too_deeply_is_refused(desk: Desk) -> None:
    deep: list[Any] = []
    for _ in range(240):
        deep = [deep]
    made = standin.payload(desk.chain.genesis, 12)
    body = orjson.dumps({"jsonrpc": "2.0", "id": 1, "method": "engine_newPayloadV1", "params": [made]})
    nested = orjson.dumps(made["extraData"])
    deeper = b"[" * 40 + orjson.dumps(deep) + b"]" * 40

    answer = desk.dispatcher.answer(body.replace(b'"extraData":' + nested, b'"extraData":' + deeper))

    assert orjson.loads(answer if isinstance(answer, bytes) else await answer)["error"]["code"] == -32602


@pytest.mark.parametrize("timestamp", ["0x1" + "0" * 16, "0x" + "f" * 64, None, 7, "0x01"])
async def test_a_timestamp_that_is_none_is_refused(desk: Desk, timestamp: Any) -> None:
    made = standin.payload(desk.chain.genesis, 3012) | {"timestamp": timestamp}

    assert await desk.code("engine_newPayloadV4", made, [], ZERO, []) == -32602


async def test_requests_in_order_are_taken(desk: Desk) -> None:
    made = standin.payload(desk.chain.genesis, 3012)
    answer = await desk.result("engine_newPayloadV4", made, [], ZERO, ["0x0001", "0x0201"])
    assert answer["status"] == "VALID"


async def test_an_error_carries_its_reason_as_geth_does(desk: Desk) -> None:
    answer = await desk.call("engine_newPayloadV3", standin.payload(desk.chain.genesis, 3012), [], ZERO)
    assert answer["error"] == {
        "code": -38005,
        "message": "Unsupported fork",
        "data": {"err": "newPayloadV3 is not for prague payloads"},
    }


async def test_the_same_payload_twice_at_once_is_executed_once(desk: Desk) -> None:
    desk.chain.gate.clear()
    made = standin.payload(desk.chain.genesis, 12)
    asked = [asyncio.create_task(desk.offer(made)) for _ in range(3)]
    await asyncio.sleep(0.02)
    desk.chain.gate.set()
    answers = await asyncio.gather(*asked)
    assert [answer["status"] for answer in answers] == ["VALID"] * 3
    assert len(desk.chain.executed) == 1


async def test_a_caller_that_gives_up_does_not_lose_the_verdict(desk: Desk) -> None:
    desk.chain.gate.clear()
    made = standin.payload(desk.chain.genesis, 12, extraData=standin.BAD)
    asked = asyncio.create_task(desk.offer(made))
    await asyncio.sleep(0.05)
    asked.cancel()
    desk.chain.gate.set()
    assert (await desk.offer(made))["validationError"] == "links to previously rejected block"
