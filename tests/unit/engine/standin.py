"""
Stand-ins for the chain, the builder, the pool's blobs and the native codec. A "block" is its payload's JSON, its hash
the SHA-256 of that; a block whose extraData says so is invalid. Fork choice, memory and building are real around
them.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from typing import Any

import orjson

from ethrex_node.engine import parts

FORKS = {0: "paris", 1000: "shanghai", 2000: "cancun", 3000: "prague", 4000: "osaka", 5000: "bpo1"}
BAD = "0xdead"
STATELESS = "0xfade"
FIELDS = {
    "parentHash": "0x" + "00" * 32,
    "feeRecipient": "0x" + "00" * 20,
    "stateRoot": "0x" + "00" * 32,
    "receiptsRoot": "0x" + "00" * 32,
    "logsBloom": "0x" + "00" * 256,
    "prevRandao": "0x" + "00" * 32,
    "blockNumber": "0x0",
    "gasLimit": "0x1c9c380",
    "gasUsed": "0x0",
    "timestamp": "0x0",
    "extraData": "0x",
    "baseFeePerGas": "0x7",
    "transactions": [],
}


def hash_of(payload: dict[str, Any]) -> bytes:
    body = {key: value for key, value in payload.items() if key != "blockHash"}
    return hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).digest()


def payload(parent: parts.Known, timestamp: int, **fields: Any) -> dict[str, Any]:
    """A payload on `parent` with the fields that its fork has."""
    made: dict[str, Any] = {
        **FIELDS,
        "parentHash": "0x" + parent.hash.hex(),
        "blockNumber": hex(parent.number + 1),
        "timestamp": hex(timestamp),
    }
    if timestamp >= 1000:
        made["withdrawals"] = []
    if timestamp >= 2000:
        made.update(blobGasUsed="0x0", excessBlobGas="0x0")
    made.update(fields)
    made["blockHash"] = "0x" + hash_of(made).hex()
    return made


def known_of(made: dict[str, Any]) -> parts.Known:
    return parts.Known(
        int(made["blockNumber"], 16),
        bytes.fromhex(made["blockHash"][2:]),
        bytes.fromhex(made["parentHash"][2:]),
        int(made["timestamp"], 16),
    )


class MemoryCodec:
    def payload_to_block(
        self,
        version: int,
        payload: bytes,
        versioned_hashes: list[bytes] | None,
        parent_beacon_root: bytes | None,
        requests: list[bytes] | None,
        /,
    ) -> tuple[bytes, bytes]:
        made = orjson.loads(payload)
        for name in FIELDS:
            if made.get(name) is None:
                raise parts.PayloadInvalid("params", f"missing field {name}")
        if "0x" in made["transactions"]:
            raise parts.PayloadInvalid("transactions", "transaction 0 is empty")
        if versioned_hashes:
            raise parts.PayloadInvalid("versioned_hashes", "versioned hashes do not match")
        if "0x" + hash_of(made).hex() != made["blockHash"]:
            raise parts.PayloadInvalid("block_hash", "block hash does not match")
        return hash_of(made), payload

    def block_to_payload(self, block: bytes, version: int, /) -> bytes:
        return block

    def block_to_payload_body(self, body: bytes, /) -> bytes:
        made = orjson.loads(body)
        return orjson.dumps({"transactions": made["transactions"], "withdrawals": made.get("withdrawals")})


class MemoryChain:
    def __init__(self, merged: bool = True) -> None:
        self.genesis = parts.Known(0, b"\x01" * 32, bytes(32), 0, proof_of_work=not merged)
        self.blocks: dict[bytes, parts.Known] = {self.genesis.hash: self.genesis}
        self.rlp: dict[bytes, bytes] = {}
        self.executed: list[bytes] = []
        self.heads: list[tuple[bytes, bytes, bytes]] = []
        self._head, self._finalized = self.genesis, None
        self.gate = asyncio.Event()
        self.gate.set()

    _finalized: parts.Known | None

    def fork(self, timestamp: int) -> str:
        return FORKS[max(start for start in FORKS if start <= timestamp)]

    def head(self) -> parts.Known:
        return self._head

    def finalized(self) -> parts.Known | None:
        return self._finalized

    async def known(self, block_hash: bytes) -> parts.Known | None:
        return self.blocks.get(block_hash)

    async def canonical_hash(self, number: int) -> bytes | None:
        block: parts.Known | None = self._head
        while block is not None and block.number > number:
            block = self.blocks.get(block.parent)
        return block.hash if block is not None and block.number == number else None

    async def is_ancestor(self, ancestor: bytes, block_hash: bytes) -> bool:
        block = self.blocks.get(block_hash)
        while block is not None and block.hash != ancestor:
            block = self.blocks.get(block.parent)
        return block is not None

    async def execute(self, block: bytes) -> None:
        await self.gate.wait()
        made = orjson.loads(block)
        one = known_of(made)
        if one.parent not in self.blocks:
            raise parts.UnknownParent
        if made["extraData"] == STATELESS:
            raise parts.StateUnavailable
        self.executed.append(one.hash)
        if made["extraData"] == BAD:
            raise parts.BlockInvalid("extra data is dead")
        self.blocks[one.hash], self.rlp[one.hash] = one, block

    async def set_head(self, head: bytes, safe: bytes, finalized: bytes) -> None:
        self.heads.append((head, safe, finalized))
        self._head = self.blocks[head]
        if finalized != bytes(32):
            self._finalized = self.blocks[finalized]

    async def body(self, block_hash: bytes) -> bytes | None:
        return self.rlp.get(block_hash)


class MemoryBuilder:
    """Each build is worth `values`' next; the last one stays."""

    def __init__(self, chain: MemoryChain) -> None:
        self._chain = chain
        self.values = [1]
        self.builds = 0
        self.fails = False
        self.requests: tuple[bytes, ...] | None = None
        self.blobs: tuple[bytes, ...] = ()

    async def build(self, parent: bytes, attributes: parts.Attributes) -> parts.Built:
        if self.fails:
            raise parts.BlockInvalid("cannot build")
        value = self.values[min(self.builds, len(self.values) - 1)]
        self.builds += 1
        made = payload(self._chain.blocks[parent], attributes.timestamp, extraData=f"0x{value:02x}")
        return parts.Built(
            orjson.dumps(made), attributes.timestamp, value, self.requests, self.blobs, self.blobs, self.blobs
        )


class MemoryBlobs:
    def __init__(self) -> None:
        self.held: dict[bytes, parts.Blob] = {}

    async def blobs(self, versioned_hashes: Sequence[bytes]) -> Sequence[parts.Blob | None]:
        return [self.held.get(one) for one in versioned_hashes]


class MemorySync:
    def __init__(self) -> None:
        self.asked: list[bytes] = []

    def begin(self, head: bytes, finalized: bytes) -> None:
        self.asked.append(head)
