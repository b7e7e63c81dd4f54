"""
Blobs by their versioned hashes, from the Beacon API of a consensus client.

Beacon nodes forget blobs after some 18 days; an `archive` keeps them. What comes is not trusted: who reads the blobs opens
them at the points that L1 checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import aiohttp
import orjson

from ethrex_node.rollup.l1.blobs import BLOB_BYTES, versioned_hash
from ethrex_node.rollup.recovery.published import Published, RecoveryError

TIMEOUT: Final = aiohttp.ClientTimeout(total=30.0)
MOST_BYTES: Final = 64 << 20
CHUNK_BYTES: Final = 1 << 16


class Source(Protocol):
    """Where blobs come from."""

    async def blobs(self, batch: Published) -> list[bytes]:
        """Those of a batch, in its order. Raises `RecoveryError`."""
        ...


class BeaconApi:
    """`sidecars` is asked where the node does not know `blobs`, which is the younger of the two."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        parts = urlsplit(url)
        self._name = f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
        self._url = url.rstrip("/")
        self._session = session
        self._clock: tuple[int, int] | None = None

    async def blobs(self, batch: Published) -> list[bytes]:
        genesis, seconds = await self._times()
        slot = (batch.timestamp - genesis) // seconds
        wanted = "&".join(f"versioned_hashes=0x{one.hex()}" for one in batch.versioned_hashes)
        whole = await self._ask(f"/eth/v1/beacon/blobs/{slot}?{wanted}")
        if isinstance(whole, list):
            found = [_blob(one) for one in whole]
            if len(found) == len(batch.versioned_hashes):
                return found
        sidecars = await self._ask(f"/eth/v1/beacon/blob_sidecars/{slot}")
        by_hash = _by_hash(sidecars or [])
        missing = [one for one in batch.versioned_hashes if one not in by_hash]
        if missing:
            raise RecoveryError(
                f"batch {batch.number}: {self._name} has no blob 0x{missing[0].hex()} in slot {slot} any more, or never had"
            )
        return [by_hash[one] for one in batch.versioned_hashes]

    async def _times(self) -> tuple[int, int]:
        """Time of the genesis and of a slot, in seconds."""
        if self._clock is None:
            genesis, spec = await self._ask("/eth/v1/beacon/genesis"), await self._ask("/eth/v1/config/spec")
            try:
                self._clock = int(genesis["genesis_time"]), max(1, int(spec["SECONDS_PER_SLOT"]))
            except (KeyError, TypeError, ValueError):
                raise RecoveryError(f"{self._name} does not say when its slots are: is it a Beacon API?") from None
        return self._clock

    async def _ask(self, path: str) -> Any:
        """The `data` of an answer; None: not found. Raises `RecoveryError`."""
        try:
            async with self._session.get(self._url + path, timeout=TIMEOUT) as answer:
                body = bytearray()
                async for chunk in answer.content.iter_chunked(CHUNK_BYTES):
                    body += chunk
                    if len(body) > MOST_BYTES:
                        raise RecoveryError(f"{self._name}: an answer of more than {MOST_BYTES} bytes")
                if answer.status == 404:
                    return None
                if answer.status != 200:
                    raise RecoveryError(f"{self._name}: status {answer.status} to {path.partition('?')[0]}")
                return orjson.loads(bytes(body))["data"]
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise RecoveryError(f"{self._name}: {error or 'no answer in time'}") from error
        except (orjson.JSONDecodeError, KeyError, TypeError):
            raise RecoveryError(
                f"{self._name}: the answer to {path.partition('?')[0]} is not the Beacon API's"
            ) from None


def _by_hash(sidecars: list[Mapping[str, Any]]) -> dict[bytes, bytes]:
    try:
        return {versioned_hash(bytes.fromhex(one["kzg_commitment"][2:])): _blob(one["blob"]) for one in sidecars}
    except (KeyError, TypeError, ValueError):
        raise RecoveryError("a sidecar that is not the Beacon API's") from None


def _blob(text: Any) -> bytes:
    try:
        blob = bytes.fromhex(text.removeprefix("0x"))
    except (AttributeError, ValueError):
        raise RecoveryError("a blob that is not hex") from None
    if len(blob) != BLOB_BYTES:
        raise RecoveryError(f"a blob of {len(blob)} bytes, expected {BLOB_BYTES}")
    return blob
