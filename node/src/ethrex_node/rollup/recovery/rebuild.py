"""From the genesis to the state after the last batch, and the way of every message to its batch's root."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ethrex_node import _native
from ethrex_node.config.genesis import Genesis
from ethrex_node.rollup.recovery.blobs import Source
from ethrex_node.rollup.recovery.keepers import Keepers
from ethrex_node.rollup.recovery.published import Published, RecoveryError
from ethrex_node.rollup.recovery.start import Start
from ethrex_node.rollup.settlement import contracts


@dataclass(frozen=True, slots=True)
class Recovered:
    """
    `state`: a genesis document whose allocation is the state; `messages`: leaves by the number of their batch. `start` is
    what a chain goes on from, where there is a batch.
    """

    state: bytes
    messages: dict[int, list[bytes]]
    start: Start | None = None

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
    first: Genesis,
    statement: bytes,
    batches: Sequence[Published],
    source: Source | Keepers,
    told: Callable[[int], None],
) -> Recovered:
    """
    `statement` is the batch before the first; `batches` follow it without a gap. Raises `RecoveryError`.

    Each blob is opened at the point that L1 checked when it took the batch, or the payload held against its digest there;
    each state root, block hash and root of
    messages is held against the batch's.
    """
    rebuilt = _native.RebuiltState(first.json, statement)
    messages = {}
    for batch in batches:
        take = await _fetched(rebuilt, batch, source)
        try:
            messages[batch.number] = await asyncio.to_thread(take)
        except _native.ProgramRefused as error:
            raise RecoveryError(str(error)) from error
        told(batch.number)
    state, header = _document(first, rebuilt), rebuilt.header
    return Recovered(state, messages, None if header is None else Start(rebuilt.statement, header, state))


async def _fetched(
    rebuilt: _native.RebuiltState, batch: Published, source: Source | Keepers
) -> Callable[[], list[bytes]]:
    """What goes on by a batch, with what it published at hand. Raises `RecoveryError`."""
    found = await contents(batch, source)
    if found.kept is not None:
        return partial(rebuilt.take_kept, batch.statement, *found.kept)
    assert found.blobs is not None
    return partial(rebuilt.take, batch.statement, found.blobs)


@dataclass(frozen=True, slots=True)
class Contents:
    """What a batch published: blobs with their versioned hashes, or of a validium pointer and payload."""

    blobs: list[tuple[bytes, bytes]] | None = None
    kept: tuple[bytes, bytes] | None = None


async def contents(batch: Published, source: Source | Keepers) -> Contents:
    """Unchecked. Raises `RecoveryError`."""
    if batch.kept is not None:
        if not isinstance(source, Keepers):
            raise RecoveryError(
                f"batch {batch.number} is a validium's: it published no blob, its committee has the data"
            )
        payload = await source.payload(batch.kept, f"batch {batch.number}")
        return Contents(kept=(batch.kept.pointer, payload))
    if isinstance(source, Keepers):
        raise RecoveryError(f"batch {batch.number} is in blobs: no committee has it")
    return Contents(blobs=list(zip(batch.versioned_hashes, await source.blobs(batch), strict=True)))


def _document(first: Genesis, rebuilt: _native.RebuiltState) -> bytes:
    """The rollup's genesis with this state as its allocation: a node that starts on it answers `eth_getProof`."""
    document = json.loads(first.json)
    timestamp = contracts.number_of(rebuilt.statement, "lastTimestamp")
    return json.dumps(document | {"alloc": json.loads(rebuilt.alloc()), "timestamp": hex(timestamp)}).encode()
