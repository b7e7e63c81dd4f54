"""
As much of the Beacon API as rollup tools need to find the blobs of a dev chain's block.

There is no beacon chain: slot and root stand for an execution block.

- A slot is a second: ``slot = block timestamp - timestamp of block 0``, since timestamps of blocks differ by at least
  one. Tools that compute ``(timestamp - genesis_time) / SECONDS_PER_SLOT`` from the two answers find their block. A
  slot in which no block was sealed is not found, as a missed slot on a real network.
- A block id is ``head``, ``finalized``, ``justified``, ``genesis``, a slot, or 0x and the hash of the execution block.
"""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs

import orjson

from ..rpc import logs, parts, server
from .blobs import Blob, BlobStore

SECONDS_PER_SLOT: Final = 1
SLOTS_PER_EPOCH: Final = 32
PREFIX: Final = "/eth/v1"
NAMED: Final = {"head": "latest", "finalized": "finalized", "justified": "safe", "genesis": "0x0"}
INCLUSION_DEPTH: Final = 17  # of a commitment in a beacon block's body
NO_SIGNATURE: Final = "0x" + "00" * 96
NO_ROOT: Final = "0x" + "00" * 32


class NotServed(Exception):
    """An answer with an HTTP status: the id is wrong (400) or nothing is there (404)."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Beacon:
    """`pages` go to `rpc.service.Service.listen`."""

    reader: parts.Reader
    blobs: BlobStore
    client_version: str

    def pages(self) -> dict[str, server.PageHandler]:
        return {PREFIX: self.page}

    async def page(self, method: bytes, target: str, body: bytes) -> server.Page:
        """One request. Reading is native or from disk: off the loop."""
        path, _, query = target.partition("?")
        try:
            if method not in (b"GET", b"HEAD"):
                raise NotServed(405, "only GET")
            answer = await asyncio.to_thread(self._answer, path.removeprefix(PREFIX).strip("/"), parse_qs(query))
        except NotServed as error:
            return server.Page(error.status, orjson.dumps({"code": error.status, "message": str(error)}))
        return server.Page(200, orjson.dumps(answer))

    def _answer(self, path: str, query: dict[str, list[str]]) -> dict[str, Any]:
        plain = PLAIN.get(path)
        if plain is not None:
            return {"data": plain(self)}
        name, _, block_id = path.rpartition("/")
        by_block = BY_BLOCK.get(name)
        if by_block is None:
            raise NotServed(404, f"{PREFIX}/{path} is not served by a dev chain")
        return by_block(self, self._block(block_id), query)

    # the answers

    def genesis(self) -> dict[str, Any]:
        return {
            "genesis_time": str(self._genesis_time()),
            "genesis_validators_root": NO_ROOT,
            "genesis_fork_version": "0x00000000",
        }

    def spec(self) -> dict[str, str]:
        return {"SECONDS_PER_SLOT": str(SECONDS_PER_SLOT), "SLOTS_PER_EPOCH": str(SLOTS_PER_EPOCH)}

    def version(self) -> dict[str, str]:
        return {"version": self.client_version}

    def header(self, block: dict[str, Any], query: dict[str, list[str]]) -> dict[str, Any]:
        data = {"root": block["hash"], "canonical": True, "header": self._signed_header(block)}
        return {"execution_optimistic": False, "finalized": True, "data": data}

    def whole_blobs(self, block: dict[str, Any], query: dict[str, list[str]]) -> dict[str, Any]:
        """Blobs alone, those of `versioned_hashes` where it is given."""
        wanted = _list(query, "versioned_hashes")
        chosen = [one for one in self._stored(block) if not wanted or _versioned_hash(one.commitment) in wanted]
        return {"execution_optimistic": False, "finalized": True, "data": [_hex(one.blob) for one in chosen]}

    def sidecars(self, block: dict[str, Any], query: dict[str, list[str]]) -> dict[str, Any]:
        """Blobs with commitments and proofs, those of `indices` where it is given. Nobody signs a dev chain's slots."""
        wanted = _list(query, "indices")
        header = self._signed_header(block)
        data = [
            {
                "index": str(index),
                "blob": _hex(one.blob),
                "kzg_commitment": _hex(one.commitment),
                "kzg_proof": _hex(one.proof),
                "signed_block_header": header,
                "kzg_commitment_inclusion_proof": [NO_ROOT] * INCLUSION_DEPTH,
            }
            for index, one in enumerate(self._stored(block))
            if not wanted or str(index) in wanted
        ]
        return {"version": "deneb", "execution_optimistic": False, "finalized": True, "data": data}

    # what they are made of

    def _stored(self, block: dict[str, Any]) -> list[Blob]:
        return self.blobs.of_block(bytes.fromhex(block["hash"][2:]))

    def _signed_header(self, block: dict[str, Any]) -> dict[str, Any]:
        message = {
            "slot": str((int(block["timestamp"], 16) - self._genesis_time()) // SECONDS_PER_SLOT),
            "proposer_index": "0",
            "parent_root": block["parentHash"],
            "state_root": block["stateRoot"],
            "body_root": block["transactionsRoot"],
        }
        return {"message": message, "signature": NO_SIGNATURE}

    def _genesis_time(self) -> int:
        return int(self._numbered("0x0")["timestamp"], 16)

    def _block(self, block_id: str) -> dict[str, Any]:
        """The header of the block that an id means. Raises `NotServed`."""
        if block_id in NAMED:
            return self._numbered(NAMED[block_id])
        if block_id.startswith("0x"):
            if len(block_id) != 66 or not block_id[2:].isalnum() or not _is_hex(block_id[2:]):
                raise NotServed(400, f"{block_id!r} is not a block root")
            found = logs.ask(self.reader, "eth_getHeaderByHash", [block_id])
            if found is None:
                raise NotServed(404, "block not found")
            block: dict[str, Any] = found
            return block
        if not (block_id.isascii() and block_id.isdecimal()):
            raise NotServed(400, f"{block_id!r} is not a block id")
        return self._at(self._genesis_time() + int(block_id) * SECONDS_PER_SLOT)

    def _at(self, timestamp: int) -> dict[str, Any]:
        """The canonical block with this timestamp, by halving: timestamps rise with the numbers."""
        low, high = 0, int(self._numbered("latest")["number"], 16)
        while low <= high:
            middle = (low + high) // 2
            block = self._numbered(hex(middle))
            found = int(block["timestamp"], 16)
            if found == timestamp:
                return block
            low, high = (middle + 1, high) if found < timestamp else (low, middle - 1)
        raise NotServed(404, "no block was sealed in this slot")

    def _numbered(self, number: str) -> dict[str, Any]:
        block: dict[str, Any] | None = logs.ask(self.reader, "eth_getHeaderByNumber", [number])
        if block is None:
            raise NotServed(404, "block not found")
        return block


PLAIN: Final[dict[str, Callable[[Beacon], dict[str, Any]]]] = {
    "beacon/genesis": Beacon.genesis,
    "config/spec": Beacon.spec,
    "node/version": Beacon.version,
}
BY_BLOCK: Final[dict[str, Callable[[Beacon, dict[str, Any], dict[str, list[str]]], dict[str, Any]]]] = {
    "beacon/headers": Beacon.header,
    "beacon/blobs": Beacon.whole_blobs,
    "beacon/blob_sidecars": Beacon.sidecars,
}


def _versioned_hash(commitment: bytes) -> str:
    """EIP-4844."""
    return "0x01" + hashlib.sha256(commitment).hexdigest()[2:]


def _list(query: dict[str, list[str]], name: str) -> set[str]:
    """A parameter that is given several times, or once with commas."""
    return {one.lower() for given in query.get(name, []) for one in given.split(",")}


def _hex(data: bytes) -> str:
    return "0x" + data.hex()


def _is_hex(digits: str) -> bool:
    try:
        return bool(bytes.fromhex(digits))
    except ValueError:
        return False
