"""
The chain, the builder and the pool as the Engine API asks for them (``engine.parts``)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from ethrex_node import _native, builder, chain, pool
from ethrex_node.engine import parts

ZERO: Final = bytes(32)


class Tree:
    """The block tree. `merged_at` is the chain's terminal total difficulty. What may wait for the writer is asked off the loop."""

    def __init__(self, chain: chain.Chain, merged_at: int) -> None:
        self._chain = chain
        self._native = chain.native
        self._merged_at = merged_at
        self._finalized: parts.Known | None = None

    def fork(self, timestamp: int) -> str:
        return self._native.next_block(timestamp).fork.lower()

    def head(self) -> parts.Known:
        head = self._chain.head
        return parts.Known(
            head.number, head.hash, head.parent_hash, head.timestamp, head.total_difficulty < self._merged_at
        )

    def finalized(self) -> parts.Known | None:
        return self._finalized

    async def known(self, block_hash: bytes) -> parts.Known | None:
        facts = await self._facts(block_hash)
        if facts is None:
            return None
        work = facts.total_difficulty < self._merged_at
        return parts.Known(facts.number, block_hash, facts.parent_hash, facts.timestamp, work)

    async def _facts(self, block_hash: bytes) -> _native.BlockFacts | None:
        return await asyncio.to_thread(self._native.block_facts, block_hash)

    async def canonical_hash(self, number: int) -> bytes | None:
        return self._native.canonical_hash(number)

    async def is_ancestor(self, ancestor: bytes, block_hash: bytes) -> bool:
        sought = await self._facts(ancestor)
        if sought is None:
            return False
        while True:
            facts = await self._facts(block_hash)
            if facts is None or facts.number < sought.number:
                return False
            if facts.canonical:  # from here on down
                return self._native.canonical_hash(sought.number) == ancestor
            if block_hash == ancestor:
                return True
            block_hash = facts.parent_hash

    async def execute(self, block: bytes) -> None:
        try:
            await self._chain.execute(block)
        except chain.BlockRejected as error:
            raise parts.BlockInvalid(str(error)) from error
        except chain.ParentUnknown as error:
            raise parts.UnknownParent(str(error)) from error

    async def set_head(self, head: bytes, safe: bytes, finalized: bytes) -> None:
        await self._chain.set_head(head, safe, finalized)
        if finalized != ZERO:
            self._finalized = await self.known(finalized)

    async def block(self, block_hash: bytes) -> bytes | None:
        return await asyncio.to_thread(self._native.block, block_hash)

    async def body(self, block_hash: bytes) -> bytes | None:
        return await asyncio.to_thread(self._native.body, block_hash)


class Payloads:
    """The builder as the Engine API asks for it."""

    def __init__(self, made_by: builder.Builder) -> None:
        self._builder = made_by

    async def build(self, parent: bytes, attributes: parts.Attributes) -> parts.Built:
        return _told(await self._builder.build(parent, _wish(attributes)), attributes.timestamp)

    async def build_exactly(
        self,
        parent: bytes,
        attributes: parts.Attributes,
        transactions: Sequence[bytes] | None,
        extra_data: bytes | None,
    ) -> parts.Built:
        chosen = None if transactions is None else await asyncio.to_thread(_decoded, transactions)
        try:
            built = await self._builder.build_exactly(parent, _wish(attributes), chosen, extra_data)
        except (builder.TransactionsRefused, _native.NativeError) as error:
            raise parts.BlockInvalid(str(error)) from error
        return _told(built, attributes.timestamp)


def _decoded(raw: Sequence[bytes]) -> list[_native.Transaction]:
    found = []
    for index, one in enumerate(_native.admit_transactions(list(raw))):
        if isinstance(one, str):
            raise parts.BlockInvalid(f"transaction {index}: {one}")
        found.append(one)
    return found


def _wish(attributes: parts.Attributes) -> builder.Attributes:
    return builder.Attributes(
        timestamp=attributes.timestamp,
        fee_recipient=attributes.fee_recipient,
        prev_randao=attributes.prev_randao,
        withdrawals=_withdrawals(attributes.withdrawals),
        parent_beacon_root=attributes.parent_beacon_root,
    )


def _told(built: _native.Built, timestamp: int) -> parts.Built:
    sidecars = [one for transaction in built.included for one in transaction.sidecar()]
    return parts.Built(
        built.block,
        timestamp,
        built.fees,
        requests=None if built.requests is None else tuple(built.requests),
        commitments=tuple(commitment for _, commitment, _ in sidecars),
        proofs=tuple(proof for _, _, proofs in sidecars for proof in proofs),
        blobs=tuple(blob for blob, _, _ in sidecars),
    )


def _withdrawals(given: tuple[parts.Withdrawal, ...] | None) -> tuple[builder.Withdrawal, ...] | None:
    if given is None:
        return None
    return tuple((one.index, one.validator, one.address, one.amount) for one in given)


class PoolBlobs:
    """Blobs of pooled transactions by their versioned hash."""

    def __init__(self, pool: pool.Pool) -> None:
        self._pool = pool

    async def blobs(self, versioned_hashes: Sequence[bytes]) -> Sequence[parts.Blob | None]:
        wanted = set(versioned_hashes)
        pooled = [one for one in self._pool.by_hash.values() if isinstance(one, _native.Transaction)]
        holders = [one for one in pooled if one.blob_count and not wanted.isdisjoint(one.blob_hashes)]
        found = await asyncio.to_thread(_sidecars, holders)
        return [found.get(one) for one in versioned_hashes]


def _sidecars(holders: Sequence[_native.Transaction]) -> dict[bytes, parts.Blob]:
    found = {}
    for transaction in holders:
        for versioned_hash, (blob, _, proofs) in zip(transaction.blob_hashes, transaction.sidecar(), strict=True):
            found[versioned_hash] = parts.Blob(blob, tuple(proofs))
    return found


class Codec:
    """The native codec, with its refusals as the Engine API knows them."""

    block_to_payload = staticmethod(_native.block_to_payload)
    block_to_payload_body = staticmethod(_native.block_to_payload_body)

    def payload_to_block(
        self,
        version: int,
        payload: bytes,
        versioned_hashes: list[bytes] | None,
        parent_beacon_root: bytes | None,
        requests: list[bytes] | None,
        /,
    ) -> tuple[bytes, bytes]:
        try:
            return _native.payload_to_block(version, payload, versioned_hashes, parent_beacon_root, requests)
        except _native.PayloadInvalid as error:
            raise parts.PayloadInvalid(*error.args) from error
