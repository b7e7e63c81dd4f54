"""
engine_forkchoiceUpdated and engine_getPayload: heads, attributes, build processes.
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import pytest
import rlp  # type: ignore[import-untyped]
from unit.engine import standin
from unit.engine.conftest import ZERO, Desk, hexed
from unit.rpc.client import until

from ethrex_node.engine import building, parts

TIMES = {"paris": 12, "shanghai": 1012, "cancun": 2012, "prague": 3012, "osaka": 4012}
ATTRIBUTES_VERSION = {"paris": 1, "shanghai": 2, "cancun": 3, "prague": 3, "osaka": 3}
GET_VERSION = {"paris": 1, "shanghai": 2, "cancun": 3, "prague": 4, "osaka": 5}


def wish(fork: str = "paris", **changes: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "timestamp": hex(TIMES[fork]),
        "prevRandao": "0x" + "22" * 32,
        "suggestedFeeRecipient": "0x" + "33" * 20,
    }
    if fork != "paris":
        made["withdrawals"] = []
    if fork not in ("paris", "shanghai"):
        made["parentBeaconBlockRoot"] = "0x" + "44" * 32
    made.update(changes)
    return {name: value for name, value in made.items() if value is not None}


async def test_a_valid_block_becomes_the_head(desk: Desk) -> None:
    (block,) = await desk.extend()
    assert desk.chain.head() == block
    answer = await desk.choose(block)
    valid = {"status": "VALID", "latestValidHash": hexed(block.hash), "validationError": None}
    assert answer["result"] == {"payloadStatus": valid, "payloadId": None}


async def test_an_unknown_head_is_syncing_and_is_asked_for(desk: Desk) -> None:
    stranger = parts.Known(9, b"\x99" * 32, b"\x98" * 32, 99)
    answer = await desk.choose(stranger)
    assert answer["result"]["payloadStatus"]["status"] == "SYNCING"
    assert answer["result"]["payloadId"] is None
    assert desk.sync.asked == [stranger.hash]


async def test_a_zero_head_is_invalid(desk: Desk) -> None:
    answer = await desk.choose(parts.Known(0, bytes(32), bytes(32), 0))
    assert answer["result"]["payloadStatus"]["status"] == "INVALID"


async def test_blocks_that_waited_for_their_parent_are_executed_when_chosen(desk: Desk) -> None:
    made = [standin.payload(desk.chain.genesis, 12)]
    for number in range(2, 6):
        made.append(standin.payload(standin.known_of(made[-1]), 12 * number))
    for one in reversed(made[1:]):
        assert (await desk.offer(one))["status"] == "SYNCING"
    await desk.offer(made[0])
    answer = await desk.choose(standin.known_of(made[-1]))
    assert answer["result"]["payloadStatus"]["status"] == "VALID"
    assert desk.chain.head().number == 5
    assert not desk.sync.asked


async def test_a_bad_one_among_those_that_waited_makes_the_head_invalid(desk: Desk) -> None:
    first = standin.payload(desk.chain.genesis, 12)
    bad = standin.payload(standin.known_of(first), 24, extraData=standin.BAD)
    last = standin.payload(standin.known_of(bad), 36)
    for one in (last, bad, first):
        await desk.offer(one)
    status = (await desk.choose(standin.known_of(last)))["result"]["payloadStatus"]
    assert (status["status"], status["latestValidHash"]) == ("INVALID", hexed(standin.hash_of(first)))
    assert (await desk.choose(standin.known_of(last)))["result"]["payloadStatus"]["status"] == "INVALID"


async def test_a_reorg_to_a_side_branch(desk: Desk) -> None:
    blocks = await desk.extend(3)
    other = standin.payload(blocks[0], 100)
    assert (await desk.offer(other))["status"] == "VALID"
    assert desk.chain.head() == blocks[-1]
    await desk.choose(standin.known_of(other))
    assert desk.chain.head() == standin.known_of(other)


async def test_the_head_may_go_back_but_not_below_what_is_final(desk: Desk) -> None:
    blocks = await desk.extend(4)
    await desk.choose(blocks[3], finalized=hexed(blocks[1].hash))
    await desk.choose(blocks[2])
    assert desk.chain.head() == blocks[2]
    answer = await desk.choose(blocks[0], attributes=wish(timestamp="0xff"))
    assert answer["result"]["payloadStatus"]["status"] == "VALID"
    assert answer["result"]["payloadId"] is None
    assert desk.chain.head() == blocks[2]


async def test_too_far_back_is_refused(desk: Desk) -> None:
    blocks = await desk.extend(12)
    answer = await desk.choose(blocks[1])
    assert answer["error"]["code"] == -38006
    assert desk.chain.head() == blocks[-1]


@pytest.mark.parametrize("which", ["safe", "finalized"])
@pytest.mark.parametrize("unknown", [False, True])
async def test_safe_and_finalized_must_be_on_the_chain_of_the_head(desk: Desk, which: str, unknown: bool) -> None:
    blocks = await desk.extend(2)
    side = standin.payload(blocks[0], 100)
    await desk.offer(side)
    off = "0x" + "99" * 32 if unknown else hexed(standin.hash_of(side))
    new = standin.payload(blocks[1], 200)
    await desk.offer(new)
    answer = await desk.choose(standin.known_of(new), **{which: off})  # type: ignore[arg-type]
    assert answer["error"]["code"] == -38002
    assert desk.chain.head() == blocks[1], "all or nothing"


async def test_safe_and_finalized_are_passed_on(desk: Desk) -> None:
    blocks = await desk.extend(3)
    await desk.choose(blocks[2], safe=hexed(blocks[1].hash), finalized=hexed(blocks[0].hash))
    assert desk.chain.heads[-1] == (blocks[2].hash, blocks[1].hash, blocks[0].hash)


@pytest.mark.parametrize(
    ("version", "attributes", "code"),
    [
        (1, wish("shanghai"), -32602),
        (1, wish("cancun", withdrawals=None, parentBeaconBlockRoot=None), -32602),
        (2, wish("paris", withdrawals=[]), -38003),
        (2, wish("shanghai", withdrawals=None), -38003),
        (2, wish("cancun"), -38003),
        (2, wish("cancun", parentBeaconBlockRoot=None), -38005),
        (3, wish("shanghai"), -38003),
        (3, wish("shanghai", parentBeaconBlockRoot=ZERO), -38005),
        (3, wish("cancun", withdrawals=None), -38003),
        (3, wish("cancun", timestamp="0x0"), -38005),
        (1, wish("paris", timestamp="0x0"), -38003),
        (3, wish("prague", prevRandao=None), -32602),
        (3, wish("prague", prevRandao="0x00"), -32602),
        (3, wish("prague", timestamp="12"), -32602),
        (3, wish("prague", timestamp="0x1" + "0" * 16), -32602),
        (3, wish("prague", withdrawals=[{}]), -32602),
        (3, [], -32602),
    ],
)
async def test_bad_attributes_are_refused(desk: Desk, version: int, attributes: Any, code: int) -> None:
    answer = await desk.choose(desk.chain.genesis, attributes=attributes, version=version)
    assert answer["error"]["code"] == code


async def test_bad_attributes_do_not_undo_the_head(desk: Desk) -> None:
    made = standin.payload(desk.chain.genesis, 12)
    await desk.offer(made)
    block = standin.known_of(made)
    answer = await desk.choose(block, attributes=wish(timestamp="0xc"))
    assert answer["error"]["code"] == -38003
    assert desk.chain.head() == block


async def test_attributes_are_not_looked_at_while_the_head_is_unknown(desk: Desk) -> None:
    stranger = parts.Known(9, b"\x99" * 32, b"\x98" * 32, 99)
    answer = await desk.choose(stranger, attributes=wish("cancun", withdrawals=None), version=3)
    assert answer["result"]["payloadStatus"]["status"] == "SYNCING"


@pytest.mark.parametrize(
    "state", [None, 5, {}, {"headBlockHash": ZERO, "safeBlockHash": ZERO}, {"headBlockHash": "0x"}]
)
async def test_a_state_of_the_wrong_shape_is_refused(desk: Desk, state: Any) -> None:
    assert await desk.code("engine_forkchoiceUpdatedV3", state) == -32602


# building


@pytest.mark.parametrize("fork", TIMES)
async def test_what_was_asked_for_is_built_and_taken(desk: Desk, fork: str) -> None:
    desk.builder.requests = (b"\x00\x01",)
    answer = await desk.choose(desk.chain.genesis, attributes=wish(fork), version=ATTRIBUTES_VERSION[fork])
    payload_id = answer["result"]["payloadId"]
    assert len(payload_id) == 18
    got = await desk.result(f"engine_getPayloadV{GET_VERSION[fork]}", payload_id)
    payload = got if fork == "paris" else got["executionPayload"]
    assert payload["timestamp"] == hex(TIMES[fork])
    names = {
        "shanghai": {"executionPayload", "blockValue"},
        "cancun": {"executionPayload", "blockValue", "blobsBundle", "shouldOverrideBuilder"},
    }
    full = {*names["cancun"], "executionRequests"}
    if fork != "paris":
        assert set(got) == names.get(fork, full)
        assert got["blockValue"] == "0x1"
    if "executionRequests" in got:
        assert got["executionRequests"] == ["0x0001"]


@pytest.mark.parametrize("asked", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("fork", TIMES)
async def test_a_payload_is_given_by_the_version_of_its_fork(desk: Desk, fork: str, asked: int) -> None:
    answer = await desk.choose(desk.chain.genesis, attributes=wish(fork), version=ATTRIBUTES_VERSION[fork])
    got = await desk.call(f"engine_getPayloadV{asked}", answer["result"]["payloadId"])
    if asked == GET_VERSION[fork] or (fork, asked) == ("paris", 2):
        assert "result" in got
    else:
        assert got["error"]["code"] == -38005


async def test_an_unknown_payload_is_told(desk: Desk) -> None:
    assert await desk.code("engine_getPayloadV3", "0x03" + "00" * 7) == -38001
    assert await desk.code("engine_getPayloadV3", "0x03") == -32602


async def test_the_same_wish_finds_the_same_process(desk: Desk) -> None:
    ids = [
        (await desk.choose(desk.chain.genesis, attributes=wish("cancun", **change), version=3))["result"]["payloadId"]
        for change in ({}, {}, {"parentBeaconBlockRoot": ZERO}, {"prevRandao": ZERO}, {"timestamp": hex(2013)})
    ]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 4


async def test_a_payload_gets_better_until_it_is_taken(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "IMPROVE_SECONDS", 0.01)
    desk.builder.values = [1, 3, 2]
    answer = await desk.choose(desk.chain.genesis, attributes=wish("shanghai"), version=2)
    await until(lambda: desk.builder.builds >= 4)
    got = await desk.result("engine_getPayloadV2", answer["result"]["payloadId"])
    assert got["blockValue"] == "0x3"
    builds = desk.builder.builds
    await asyncio.sleep(0.05)
    assert desk.builder.builds == builds
    assert await desk.result("engine_getPayloadV2", answer["result"]["payloadId"]) == got


async def test_a_payload_that_cannot_be_built_is_an_error(desk: Desk) -> None:
    desk.builder.fails = True
    answer = await desk.choose(desk.chain.genesis, attributes=wish("shanghai"), version=2)
    assert await desk.code("engine_getPayloadV2", answer["result"]["payloadId"]) == -32603


async def test_old_processes_are_dropped(desk: Desk) -> None:
    ids = [
        (await desk.choose(desk.chain.genesis, attributes=wish(timestamp=hex(12 + number))))["result"]["payloadId"]
        for number in range(building.KEPT + 1)
    ]
    assert await desk.code("engine_getPayloadV1", ids[0]) == -38001
    assert "result" in await desk.call("engine_getPayloadV1", ids[-1])


def test_an_id_is_derived_as_geth_derives_it() -> None:
    """SHA-256 over parent, timestamp, randao, recipient, RLP of the withdrawals, beacon root; the version first."""
    root = b"\x05" * 32
    withdrawals = tuple(parts.Withdrawal(number, 1000, b"\x06" * 20, 2**40) for number in range(3))
    attributes = parts.Attributes(7, b"\x02" * 32, b"\x03" * 20, withdrawals, root)
    encoded = rlp.encode([[one.index, one.validator, one.address, one.amount] for one in withdrawals])
    whole = b"\x01" * 32 + (7).to_bytes(8, "big") + b"\x02" * 32 + b"\x03" * 20 + encoded + root
    assert building.payload_id(3, b"\x01" * 32, attributes) == b"\x03" + hashlib.sha256(whole).digest()[1:8]


# bodies, blobs, and who is there


async def test_bodies_by_hash_and_range(desk: Desk) -> None:
    blocks = await desk.extend(3)
    body: dict[str, Any] = {"transactions": [], "withdrawals": None}
    hashes = [hexed(blocks[2].hash), ZERO, hexed(blocks[0].hash)]
    assert await desk.result("engine_getPayloadBodiesByHashV1", hashes) == [body, None, body]
    assert await desk.result("engine_getPayloadBodiesByRangeV1", "0x2", "0x10") == [body, body]
    assert await desk.result("engine_getPayloadBodiesByRangeV1", "0x4", "0x10") == []


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("engine_getPayloadBodiesByHashV1", [[ZERO] * 1025], -38004),
        ("engine_getPayloadBodiesByHashV1", [["0x00"]], -32602),
        ("engine_getPayloadBodiesByRangeV1", ["0x1", "0x401"], -38004),
        ("engine_getPayloadBodiesByRangeV1", ["0x0", "0x1"], -32602),
        ("engine_getPayloadBodiesByRangeV1", ["0x1", "0x0"], -32602),
        ("engine_getPayloadBodiesByRangeV1", [1, 1], -32602),
        ("engine_getBlobsV3", [[ZERO] * 129], -38004),
        ("engine_getBlobsV1", [[ZERO]], -38005),
    ],
)
async def test_requests_that_ask_too_much_or_wrongly(desk: Desk, method: str, params: list[Any], code: int) -> None:
    assert await desk.code(method, *params) == code


HELD = {
    b"\x01" * 32: parts.Blob(b"\xaa", (b"\xbb",)),
    b"\x02" * 32: parts.Blob(b"\xaa", (b"\xbb",) * 128),
}


async def test_blobs_of_cancun_have_one_proof(desk: Desk) -> None:
    await desk.extend(1, 2012)
    desk.blobs.held = HELD
    hashes = ["0x" + f"{number:02x}" * 32 for number in (1, 2, 3)]
    assert await desk.result("engine_getBlobsV1", hashes) == [{"blob": "0xaa", "proof": "0xbb"}, None, None]
    assert await desk.result("engine_getBlobsV2", hashes) is None


async def test_blobs_of_osaka_have_cell_proofs(desk: Desk) -> None:
    await desk.extend(1, 4012)
    desk.blobs.held = HELD
    hashes = ["0x" + f"{number:02x}" * 32 for number in (2, 3, 1)]
    whole = {"blob": "0xaa", "proofs": ["0xbb"] * 128}
    assert await desk.result("engine_getBlobsV3", hashes) == [whole, None, None]
    assert await desk.result("engine_getBlobsV2", hashes) is None
    assert await desk.result("engine_getBlobsV2", hashes[:1]) == [whole]
    assert await desk.code("engine_getBlobsV1", hashes) == -38005


async def test_capabilities_and_version(desk: Desk) -> None:
    served = await desk.result("engine_exchangeCapabilities", ["engine_newPayloadV1"])
    assert "engine_newPayloadV4" in served
    assert "engine_exchangeCapabilities" not in served
    theirs = {"code": "LH", "name": "Lighthouse", "version": "v7", "commit": "0x00000000"}
    (ours,) = await desk.result("engine_getClientVersionV1", theirs)
    assert ours["name"] == "ethrex"
    assert len(ours["commit"]) == 10


async def test_plain_methods_are_served_beside(desk: Desk) -> None:
    assert await desk.result("eth_syncing") is False
