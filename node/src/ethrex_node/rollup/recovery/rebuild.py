"""From the genesis to the state after the last batch, and the way of every message to its batch's root."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ethrex_node import _native
from ethrex_node.config.genesis import Genesis
from ethrex_node.rollup.recovery.blobs import Source
from ethrex_node.rollup.recovery.published import Published, RecoveryError
from ethrex_node.rollup.settlement import contracts


@dataclass(frozen=True, slots=True)
class Recovered:
    """`state`: a genesis document whose allocation is the state; `messages`: leaves by the number of their batch."""

    state: bytes
    messages: dict[int, list[bytes]]

    def claims(self, batches: Sequence[Published]) -> list[dict[str, Any]]:
        """Of every message in a verified batch: what the bridge on L1 asks for besides the withdrawal itself."""
        found = []
        for batch in batches:
            leaves = self.messages.get(batch.number, []) if batch.is_verified else []
            for index, leaf in enumerate(leaves):
                siblings = _native.message_proof(leaves, index)
                found.append(
                    {
                        "batch": batch.number,
                        "batchHash": "0x" + batch.hash.hex(),
                        "index": index,
                        "leaf": "0x" + leaf.hex(),
                        "proof": ["0x" + one.hex() for one in siblings],
                    }
                )
        return found


async def rebuild(
    first: Genesis, statement: bytes, batches: Sequence[Published], source: Source, told: Callable[[int], None]
) -> Recovered:
    """
    `statement` is the batch before the first; `batches` follow it without a gap. Raises `RecoveryError`.

    Each blob is opened at the point that L1 checked when it took the batch, each state root, block hash and root of
    messages is held against the batch's.
    """
    rebuilt = _native.RebuiltState(first.json, statement)
    messages = {}
    for batch in batches:
        blobs = await source.blobs(batch)
        pairs = list(zip(batch.versioned_hashes, blobs, strict=True))
        try:
            messages[batch.number] = await asyncio.to_thread(rebuilt.take, batch.statement, pairs)
        except _native.ProgramRefused as error:
            raise RecoveryError(str(error)) from error
        told(batch.number)
    return Recovered(_document(first, rebuilt), messages)


def _document(first: Genesis, rebuilt: _native.RebuiltState) -> bytes:
    """The rollup's genesis with this state as its allocation: a node that starts on it answers `eth_getProof`."""
    document = json.loads(first.json)
    timestamp = contracts.number_of(rebuilt.statement, "lastTimestamp")
    return json.dumps(document | {"alloc": json.loads(rebuilt.alloc()), "timestamp": hex(timestamp)}).encode()
