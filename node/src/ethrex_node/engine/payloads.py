"""
engine_newPayload: is this payload a valid block?

The order of the checks is the specification's: the structure that this version takes (-32602), the fork that the
timestamp falls into (-38005), the block hash, then the rules of the chain. Calls are worked off one after the other.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final

import orjson

from ethrex_node.engine import errors, memory, parts, structures
from ethrex_node.rpc import params

log = logging.getLogger(__name__)

PRAGUE_ON: Final = ("prague", "osaka", "bpo1", "bpo2", "bpo3", "bpo4", "bpo5")
FORKS: Final[dict[int, tuple[str, ...]]] = {3: ("cancun",), 4: PRAGUE_ON}


class NewPayloads:
    """Judges payloads. Shares its memory and its lock with ``forkchoice``."""

    def __init__(
        self,
        chain: parts.Chain,
        codec: parts.Codec,
        invalid: memory.Invalid,
        waiting: memory.Waiting,
        lock: asyncio.Lock,
    ) -> None:
        self._chain = chain
        self._codec = codec
        self._invalid = invalid
        self._waiting = waiting
        self._lock = lock

    async def judge(
        self,
        version: int,
        payload: dict[str, Any],
        versioned_hashes: list[bytes] | None = None,
        beacon_root: bytes | None = None,
        requests: list[Any] | None = None,
    ) -> structures.Status:
        """The status of a payload. Raises WrongParams, UnsupportedFork."""
        self._check_version(version, payload, versioned_hashes, beacon_root, requests)
        decoded = None if requests is None else structures.requests(requests)
        encoded = _encoded(payload)
        try:
            block_hash, block = await asyncio.to_thread(
                self._codec.payload_to_block, version, encoded, versioned_hashes, beacon_root, decoded
            )
        except parts.PayloadInvalid as error:
            return _no_block(version, error)
        parent = params.data(payload["parentHash"], 32)
        # what was begun is finished, even when the caller gives up: a block half remembered is worse than a lost answer
        return await asyncio.shield(asyncio.ensure_future(self._locked(block_hash, parent, block)))

    async def execute(self, block_hash: bytes, parent: bytes, block: bytes) -> structures.Status:
        """Execute a well-formed block, or say why not. The caller holds the lock."""
        if await self._chain.known(block_hash) is not None:
            return structures.valid(block_hash)
        bad = self._invalid.find(block_hash) or self._invalid.find(parent, descendant=block_hash)
        if bad is not None:
            return structures.Status("INVALID", bad.latest_valid, "links to previously rejected block")
        try:
            await self._chain.execute(block)
        except parts.UnknownParent:
            self._waiting.add(block_hash, parent, block)
            return structures.SYNCING
        except parts.StateUnavailable:
            self._waiting.add(block_hash, parent, block)
            return structures.ACCEPTED
        except parts.BlockInvalid as error:
            known = await self._chain.known(parent)
            latest = None if known is None else structures.ZERO if known.proof_of_work else known.hash
            self._invalid.add(block_hash, latest)
            self._waiting.discard(block_hash)
            log.warning("block %s is invalid: %s", params.hex_data(block_hash), error)
            return structures.Status("INVALID", latest, str(error))
        self._waiting.discard(block_hash)
        return structures.valid(block_hash)

    async def _locked(self, block_hash: bytes, parent: bytes, block: bytes) -> structures.Status:
        async with self._lock:
            return await self.execute(block_hash, parent, block)

    def _check_version(
        self,
        version: int,
        payload: dict[str, Any],
        versioned_hashes: list[bytes] | None,
        beacon_root: bytes | None,
        requests: list[Any] | None,
    ) -> None:
        given = {name for name in ("withdrawals", "blobGasUsed", "excessBlobGas") if payload.get(name) is not None}
        if version == 1:
            _require(not given, f"{', '.join(sorted(given))} not supported in V1")
            return
        try:
            fork = self._chain.fork(structures.number(payload, "timestamp"))
        except ValueError as error:
            raise errors.WrongParams(str(error)) from error
        if version == 2:
            _require("blobGasUsed" not in given, "non-nil blobGasUsed pre-cancun")
            _require("excessBlobGas" not in given, "non-nil excessBlobGas pre-cancun")
            if fork not in ("paris", "shanghai"):
                raise errors.UnsupportedFork("newPayloadV2 is for paris and shanghai payloads")
            _require(fork != "shanghai" or "withdrawals" in given, "nil withdrawals post-shanghai")
            _require(fork == "shanghai" or "withdrawals" not in given, "non-nil withdrawals pre-shanghai")
            return
        for name in ("withdrawals", "excessBlobGas", "blobGasUsed"):
            _require(name in given, f"nil {name} post-cancun")
        _require(versioned_hashes is not None, "nil versionedHashes post-cancun")
        _require(beacon_root is not None, "nil beaconRoot post-cancun")
        _require(version < 4 or requests is not None, "nil executionRequests post-prague")
        if fork not in FORKS[version]:
            raise errors.UnsupportedFork(f"newPayloadV{version} is not for {fork} payloads")


def _encoded(payload: dict[str, Any]) -> bytes:
    """For the native core. What was read may be nested more deeply than can be written. Raises WrongParams."""
    try:
        return orjson.dumps(payload)
    except TypeError as error:
        raise errors.WrongParams(f"payload: {error}") from error


def _no_block(version: int, error: parts.PayloadInvalid) -> structures.Status:
    if error.kind == "params":
        raise errors.WrongParams(str(error)) from error
    status = "INVALID_BLOCK_HASH" if error.kind == "block_hash" and version == 1 else "INVALID"
    return structures.Status(status, None, str(error))


def _require(condition: bool, reason: str) -> None:
    if not condition:
        raise errors.WrongParams(reason)
