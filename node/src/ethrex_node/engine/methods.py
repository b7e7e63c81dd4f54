"""
engine_*: the calls of a consensus client, each a row of the method table.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import orjson

from ethrex_node.engine import building, errors, forkchoice, memory, parts, payloads, structures
from ethrex_node.rpc import params, table

METHODS: Final = table.Group()

BODIES_MOST: Final = 1024
BLOBS_MOST: Final = 128
CLIENT_CODE: Final = "EX"
CLIENT_NAME: Final = "ethrex"

PayloadId = params.Data
Errors = (errors.WrongParams, errors.UnsupportedFork)


class Engine:
    """The state behind the calls, from start to `close`."""

    def __init__(
        self,
        chain: parts.Chain,
        builder: parts.Builder,
        blobs: parts.Blobs,
        codec: parts.Codec,
        *,
        version: str,
        commit: str = "00000000",
        sync: parts.Sync | None = None,
        max_reorg_depth: int = 0,
    ) -> None:
        lock, invalid, waiting = asyncio.Lock(), memory.Invalid(), memory.Waiting()
        self.chain = chain
        self.blobs = blobs
        self.codec = codec
        self.version = version
        self.commit = commit
        self.built = building.Payloads(builder)
        self.payloads = payloads.NewPayloads(chain, codec, invalid, waiting, lock)
        self.forkchoice = forkchoice.Forkchoice(
            chain, self.payloads, self.built, invalid, waiting, lock, sync or parts.NoSync(), max_reorg_depth
        )

    async def close(self) -> None:
        await self.built.close()


@METHODS.method("engine_newPayloadV1", raises=Errors)
async def new_payload_v1(engine: Engine, payload: dict[str, Any]) -> dict[str, str | None]:
    """Validate a payload of Paris."""
    return (await engine.payloads.judge(1, payload)).json()


@METHODS.method("engine_newPayloadV2", raises=Errors)
async def new_payload_v2(engine: Engine, payload: dict[str, Any]) -> dict[str, str | None]:
    """Validate a payload of Paris or Shanghai."""
    return (await engine.payloads.judge(2, payload)).json()


@METHODS.method("engine_newPayloadV3", raises=Errors)
async def new_payload_v3(
    engine: Engine,
    payload: dict[str, Any],
    versioned_hashes: list[bytes] | None = None,
    parent_beacon_block_root: params.Hash | None = None,
) -> dict[str, str | None]:
    """Validate a payload of Cancun."""
    return (await engine.payloads.judge(3, payload, versioned_hashes, parent_beacon_block_root)).json()


@METHODS.method("engine_newPayloadV4", raises=Errors)
async def new_payload_v4(
    engine: Engine,
    payload: dict[str, Any],
    versioned_hashes: list[bytes] | None = None,
    parent_beacon_block_root: params.Hash | None = None,
    execution_requests: list[Any] | None = None,
) -> dict[str, str | None]:
    """Validate a payload of Prague or later."""
    status = await engine.payloads.judge(4, payload, versioned_hashes, parent_beacon_block_root, execution_requests)
    return status.json()


FORKCHOICE_ERRORS = (errors.InvalidForkchoiceState, errors.InvalidAttributes, errors.TooDeepReorg, *Errors)


@METHODS.method("engine_forkchoiceUpdatedV1", raises=FORKCHOICE_ERRORS)
async def forkchoice_updated_v1(
    engine: Engine, state: structures.ForkchoiceState, attributes: parts.Attributes | None = None
) -> dict[str, Any]:
    """Set the head; build a payload of Paris."""
    return (await engine.forkchoice.update(1, state, attributes)).json()


@METHODS.method("engine_forkchoiceUpdatedV2", raises=FORKCHOICE_ERRORS)
async def forkchoice_updated_v2(
    engine: Engine, state: structures.ForkchoiceState, attributes: parts.Attributes | None = None
) -> dict[str, Any]:
    """Set the head; build a payload of Paris or Shanghai."""
    return (await engine.forkchoice.update(2, state, attributes)).json()


@METHODS.method("engine_forkchoiceUpdatedV3", raises=FORKCHOICE_ERRORS)
async def forkchoice_updated_v3(
    engine: Engine, state: structures.ForkchoiceState, attributes: parts.Attributes | None = None
) -> dict[str, Any]:
    """Set the head; build a payload of Cancun or later."""
    return (await engine.forkchoice.update(3, state, attributes)).json()


@METHODS.method("engine_getPayloadV1", raises=(errors.UnknownPayload, errors.UnsupportedFork))
async def get_payload_v1(engine: Engine, payload_id: PayloadId) -> orjson.Fragment:
    """The payload that was built, of Paris."""
    built = await _take(engine, payload_id, (1,), None)
    return await _payload(engine, built, 1)


@METHODS.method("engine_getPayloadV2", raises=(errors.UnknownPayload, errors.UnsupportedFork))
async def get_payload_v2(engine: Engine, payload_id: PayloadId) -> dict[str, Any]:
    """The payload that was built, of Paris or Shanghai, and its value."""
    built = await _take(engine, payload_id, (1, 2), ("paris", "shanghai"))
    version = 1 if engine.chain.fork(built.timestamp) == "paris" else 2
    return {"executionPayload": await _payload(engine, built, version), "blockValue": hex(built.value)}


@METHODS.method("engine_getPayloadV3", raises=(errors.UnknownPayload, errors.UnsupportedFork))
async def get_payload_v3(engine: Engine, payload_id: PayloadId) -> dict[str, Any]:
    """The payload that was built, of Cancun, its value and its blobs."""
    return await envelope(engine, await _take(engine, payload_id, (3,), ("cancun",)))


@METHODS.method("engine_getPayloadV4", raises=(errors.UnknownPayload, errors.UnsupportedFork))
async def get_payload_v4(engine: Engine, payload_id: PayloadId) -> dict[str, Any]:
    """The payload that was built, of Prague, its value, blobs and requests."""
    built = await _take(engine, payload_id, (3,), ("prague",))
    return {**await envelope(engine, built), "executionRequests": hexes(built.requests or ())}


@METHODS.method("engine_getPayloadV5", raises=(errors.UnknownPayload, errors.UnsupportedFork))
async def get_payload_v5(engine: Engine, payload_id: PayloadId) -> dict[str, Any]:
    """The payload that was built, of Osaka or later: its blobs come with cell proofs."""
    built = await _take(engine, payload_id, (3,), payloads.PRAGUE_ON[1:])
    return {**await envelope(engine, built), "executionRequests": hexes(built.requests or ())}


@METHODS.method("engine_getPayloadBodiesByHashV1", raises=(errors.TooLarge,))
async def payload_bodies_by_hash(engine: Engine, hashes: list[bytes]) -> list[Any]:
    """Bodies of blocks, null where a block is unknown."""
    if len(hashes) > BODIES_MOST:
        raise errors.TooLarge(f"requested count too large: {len(hashes)}")
    return [await _body(engine, block_hash) for block_hash in hashes]


@METHODS.method("engine_getPayloadBodiesByRangeV1", raises=(errors.TooLarge, errors.WrongParams))
async def payload_bodies_by_range(engine: Engine, start: params.Quantity, count: params.Quantity) -> list[Any]:
    """Bodies of canonical blocks, not past the head."""
    if start == 0 or count == 0:
        raise errors.WrongParams(f"invalid start or count, start: {start} count: {count}")
    if count > BODIES_MOST:
        raise errors.TooLarge(f"requested count too large: {count}")
    last = min(start + count - 1, engine.chain.head().number)
    return [await _body(engine, await engine.chain.canonical_hash(number)) for number in range(start, last + 1)]


@METHODS.method("engine_getBlobsV1", raises=(errors.TooLarge, errors.UnsupportedFork))
async def get_blobs_v1(engine: Engine, versioned_hashes: list[bytes]) -> list[Any]:
    """Blobs of the pool with their proofs, null where one is missing (Cancun, Prague)."""
    if engine.chain.fork(engine.chain.head().timestamp) not in ("cancun", "prague"):
        raise errors.UnsupportedFork("engine_getBlobsV1 is only available at Cancun/Prague fork")
    found = await _blobs(engine, versioned_hashes)
    return await asyncio.to_thread(lambda: [_blob_v1(one) if one and len(one.proofs) == 1 else None for one in found])


@METHODS.method("engine_getBlobsV2", raises=(errors.TooLarge,))
async def get_blobs_v2(engine: Engine, versioned_hashes: list[bytes]) -> list[Any] | None:
    """Blobs of the pool with their cell proofs, all or null (from Osaka on)."""
    found = await get_blobs_v3(engine, versioned_hashes)
    return None if found is None or None in found else found


@METHODS.method("engine_getBlobsV3", raises=(errors.TooLarge,))
async def get_blobs_v3(engine: Engine, versioned_hashes: list[bytes]) -> list[Any] | None:
    """Blobs of the pool with their cell proofs, null where one is missing (from Osaka on)."""
    found = await _blobs(engine, versioned_hashes)
    if engine.chain.fork(engine.chain.head().timestamp) not in payloads.PRAGUE_ON[1:]:
        return None
    return await asyncio.to_thread(lambda: [_blob_v2(one) if one and len(one.proofs) > 1 else None for one in found])


@METHODS.method("engine_exchangeCapabilities")
def exchange_capabilities(engine: Engine, theirs: list[Any]) -> list[str]:
    """The methods that are served here."""
    return [one.name for one in METHODS.functions if one.name != "engine_exchangeCapabilities"]


@METHODS.method("engine_getClientVersionV1")
def client_version(engine: Engine, theirs: dict[str, Any]) -> list[dict[str, str]]:
    """Who answers here."""
    commit = "0x" + engine.commit
    return [{"code": CLIENT_CODE, "name": CLIENT_NAME, "version": engine.version, "commit": commit}]


async def _take(
    engine: Engine, payload_id: bytes, versions: tuple[int, ...], forks: tuple[str, ...] | None
) -> parts.Built:
    """What a build process made, if this method is for it."""
    if len(payload_id) != 8:
        raise errors.WrongParams(f"a payload id has 8 bytes, got {len(payload_id)}")
    if payload_id[0] not in versions:
        raise errors.UnsupportedFork(f"the payload was asked for with version {payload_id[0]} of the attributes")
    process = engine.built.get(payload_id)
    if process is None:
        raise errors.UnknownPayload
    built = await process.take()
    fork = engine.chain.fork(built.timestamp)
    if forks is not None and fork not in forks:
        raise errors.UnsupportedFork(f"the payload is of {fork}")
    return built


async def _payload(engine: Engine, built: parts.Built, version: int) -> orjson.Fragment:
    return orjson.Fragment(await asyncio.to_thread(engine.codec.block_to_payload, built.block, version))


async def envelope(engine: Engine, built: parts.Built) -> dict[str, Any]:
    """A built payload with its value and blobs (getPayloadV3 and on)."""
    bundle = await asyncio.to_thread(
        lambda: {
            "commitments": hexes(built.commitments),
            "proofs": hexes(built.proofs),
            "blobs": hexes(built.blobs),
        }
    )
    return {
        "executionPayload": await _payload(engine, built, 3),
        "blockValue": hex(built.value),
        "blobsBundle": bundle,
        "shouldOverrideBuilder": False,
    }


async def _body(engine: Engine, block_hash: bytes | None) -> orjson.Fragment | None:
    body = None if block_hash is None else await engine.chain.body(block_hash)
    if body is None:
        return None
    return orjson.Fragment(await asyncio.to_thread(engine.codec.block_to_payload_body, body))


async def _blobs(engine: Engine, versioned_hashes: list[bytes]) -> Sequence[parts.Blob | None]:
    if len(versioned_hashes) > BLOBS_MOST:
        raise errors.TooLarge(f"requested blob count too large: {len(versioned_hashes)}")
    return await engine.blobs.blobs(versioned_hashes)


def _blob_v1(one: parts.Blob) -> dict[str, str]:
    return {"blob": params.hex_data(one.blob), "proof": params.hex_data(one.proofs[0])}


def _blob_v2(one: parts.Blob) -> dict[str, Any]:
    return {"blob": params.hex_data(one.blob), "proofs": hexes(one.proofs)}


def hexes(values: Sequence[bytes]) -> list[str]:
    """As JSON has bytes."""
    return [params.hex_data(value) for value in values]
