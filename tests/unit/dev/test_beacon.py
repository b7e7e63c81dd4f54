"""Blobs of sealed blocks, as rollup tools ask for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from ethrex_node import _native
from ethrex_node.dev import beacon, blobs
from unit.dev import blobs as made
from unit.dev.conftest import Dev


@pytest.fixture
def served(dev: Dev) -> beacon.Beacon:
    return beacon.Beacon(dev.wired.reader, dev.wired.producer.blobs, "test/1")


async def get(served: beacon.Beacon, path: str) -> tuple[int, Any]:
    page = await served.page(b"GET", path, b"")
    return page.status, orjson.loads(page.body)


async def test_blobs_are_found_by_timestamp_hash_and_name(dev: Dev, served: beacon.Beacon) -> None:
    given = [made.blob(1), made.blob(2)]
    (transaction,) = _native.admit_transactions([made.transaction(given)])
    assert not isinstance(transaction, str), transaction
    assert dev.wired.pool.add([transaction], local=True) == [None]
    await dev.call("evm_mine")
    block = dev.ask("eth_getBlockByNumber", "latest", False)
    assert block["blobGasUsed"] == hex(2 * 131_072)
    await dev.call("anvil_mine", "0x5")

    genesis_time = int((await get(served, "/eth/v1/beacon/genesis"))[1]["data"]["genesis_time"])
    seconds = int((await get(served, "/eth/v1/config/spec"))[1]["data"]["SECONDS_PER_SLOT"])
    slot = (int(block["timestamp"], 16) - genesis_time) // seconds
    for name in (slot, block["hash"]):
        status, found = await get(served, f"/eth/v1/beacon/blobs/{name}")
        assert (status, found["data"]) == (200, ["0x" + one.hex() for one in given])

    status, found = await get(served, f"/eth/v1/beacon/blob_sidecars/{slot}?indices=1")
    (sidecar,) = found["data"]
    commitment, proof = (bytes.fromhex(sidecar[name][2:]) for name in ("kzg_commitment", "kzg_proof"))
    assert (sidecar["index"], sidecar["blob"]) == ("1", "0x" + given[1].hex())
    assert _native.verify_blob_kzg_proof(given[1], commitment, proof)
    assert sidecar["signed_block_header"]["message"]["slot"] == str(slot)

    wanted = "0x" + transaction.blob_hashes[1].hex()
    status, found = await get(served, f"/eth/v1/beacon/blobs/{slot}?versioned_hashes={wanted}")
    assert found["data"] == ["0x" + given[1].hex()]
    assert (await get(served, "/eth/v1/beacon/blobs/head"))[1]["data"] == []


async def test_headers_and_version(dev: Dev, served: beacon.Beacon) -> None:
    await dev.call("evm_mine")
    block = dev.ask("eth_getBlockByNumber", "latest", False)
    _, found = await get(served, "/eth/v1/beacon/headers/head")
    assert found["data"]["root"] == block["hash"]
    assert found["data"]["header"]["message"]["parent_root"] == block["parentHash"]
    assert (await get(served, "/eth/v1/node/version"))[1] == {"data": {"version": "test/1"}}


async def test_what_is_not_there_says_so(served: beacon.Beacon) -> None:
    cases = [
        ("blobs/77", 404),
        ("blobs/0x" + "11" * 32, 404),
        ("blobs/0x12", 400),
        ("blobs/first", 400),
        ("x/head", 404),
    ]
    for path, status in cases:
        assert (await get(served, f"/eth/v1/beacon/{path}"))[0] == status, path
    assert (await served.page(b"POST", "/eth/v1/beacon/genesis", b"")).status == 405


def test_a_damaged_file_of_blobs_is_refused(tmp_path: Path) -> None:
    store = blobs.BlobStore(tmp_path)
    for content in (b"", b"blb1", b"blb1" + b"\x00\x00\x00\x01" + b"\x00" * 100):
        (tmp_path / ("11" * 32)).write_bytes(content)
        with pytest.raises(blobs.BlobsDamaged):
            store.of_block(b"\x11" * 32)
    assert store.of_block(b"\x22" * 32) == []
