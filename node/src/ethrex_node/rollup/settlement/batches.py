"""
Make a batch of the blocks that ended one: the statement, what is published, what provers get, the claims of its messages.

A batch is made once, from the chain, and kept whole: everything later (commit, proofs, claims) reads it from the store. A
crash between a batch's end and its row finds the end again at the next start.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from ethrex_node import _native
from ethrex_node.rollup.coordinator import Coordinator, NewJob
from ethrex_node.rollup.sequencer import sealed
from ethrex_node.rollup.settlement import contracts
from ethrex_node.rollup.store import Store, Txn, schema
from ethrex_node.rollup.store import batches as stored
from ethrex_node.rollup.store.environment import key
from ethrex_node.rollup.store.schema import Batch, Message, Opening, SealedBlock

log = logging.getLogger(__name__)

MESSENGER: Final = bytes(18) + b"\xff\xfe"
L1_MESSAGE: Final = _native.keccak256(b"L1Message(address,bytes32,uint256)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """
    `kinds`: the proofs that the chain's policy asks for. `prove_within_seconds` is when provers are told it is due. With a
    `pointer` the chain is a validium, and that is what its payloads are found by.
    """

    program_version: int
    kinds: tuple[str, ...] = ("attested",)
    prove_within_seconds: float = 600.0
    pointer: bytes | None = None


class Batches:
    """
    `before` is the encoding of the batch before the first: the genesis, or where the data begins. `version_of` gives the
    version of the program that a batch is made of: that of the settings, until somebody knows better.
    """

    def __init__(
        self,
        store: Store,
        reader: _native.Reader,
        coordinator: Coordinator,
        before: bytes,
        settings: Settings,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.listeners: list[Callable[[Batch], None]] = []
        self.version_of: Callable[[int], int] = lambda _: settings.program_version
        self._store = store
        self._reader = reader
        self._coordinator = coordinator
        self._before = before
        self._settings = settings
        self._now = now

    def get(self, number: int) -> Batch | None:
        with self._store.read() as txn:
            return stored.find(txn, number)

    @property
    def base(self) -> int:
        """The number of the batch before the first."""
        return contracts.number_of(self._before, "number")

    def last_block_of(self, number: int) -> int:
        """0 where that is not known here."""
        if number == self.base:
            return contracts.number_of(self._before, "lastBlock")
        batch = self.get(number)
        return 0 if batch is None else batch.last_block

    def newest(self) -> Batch | None:
        with self._store.read() as txn:
            return stored.newest(txn)

    def openings(self, number: int) -> list[Opening]:
        """The blobs of a batch with what L1 asks for beside them, as long as they are needed."""
        with self._store.read() as txn:
            return [row for _, row in txn.scan(schema.OPENINGS, prefix=key(number))]

    def payload(self, number: int) -> bytes | None:
        """What a validium's committee keeps of a batch, as long as it is needed; None for a rollup."""
        with self._store.read() as txn:
            row = txn.get(schema.PAYLOADS, key(number))
        return None if row is None else row.data

    async def made_again(self, batch: Batch) -> Batch:
        """
        With what L1 takes beside its statement: a batch that another sequencer has committed has nothing of it here, until L1
        takes that commit back.
        """
        before = self.get(batch.number - 1)
        statement = self._before if before is None else before.statement
        made = await self._assembled(batch.first_block, batch.last_block, statement, batch.program_version)
        whole = replace(batch, blob_hashes=tuple(one for _, _, one, _, _, _ in made.blobs))
        await self._store.write(lambda txn: _publish(txn, whole, made))
        log.warning("a batch that another sequencer had committed is made again", extra={"batch": batch.number})
        return whole

    async def step(self) -> list[Batch]:
        """Make the batches whose blocks are all there. Raises `_native.ProgramRefused`: the chain itself is at odds."""
        made = []
        newest = self.newest()
        with self._store.read() as txn:
            last = self.last_block_of(self.base) if newest is None else newest.last_block
            ends = list(sealed.ends_after(txn, last))
        for end in ends:
            newest = await self._make(newest, end)
            made.append(newest)
        return made

    async def _make(self, previous: Batch | None, end: SealedBlock) -> Batch:
        first = 1 + (self.last_block_of(self.base) if previous is None else previous.last_block)
        statement = self._before if previous is None else previous.statement
        version = self.version_of(1 + (self.base if previous is None else previous.number))
        began = self._now()
        made = await self._assembled(first, end.number, statement, version)
        with self._store.read() as txn:
            rows = [txn.get(schema.SEALED, key(number)) for number in range(first, end.number + 1)]
        batch = Batch(
            number=made.number,
            batch_hash=made.hash,
            statement=made.encoded,
            program_version=version,
            first_block=first,
            last_block=end.number,
            gas_used=sum(row.gas_used for row in rows if row is not None),
            blob_hashes=tuple(versioned_hash for _, _, versioned_hash, _, _, _ in made.blobs),
            input_hash=_native.keccak256(made.input),
            sealed_at_ms=end.sealed_at_ms,
        )
        messages = self._messages(batch, made.messages)
        await self._store.write(lambda txn: _put(txn, batch, made, messages))
        await self._ask_for_proofs(batch, made.input)
        facts = {"batch": batch.number, "first_block": first, "last_block": end.number, "blobs": len(made.blobs)}
        log.info("batch made", extra=facts | {"diff_bytes": made.diff_bytes, "seconds": round(self._now() - began, 3)})
        for listener in self.listeners:
            listener(batch)
        return batch

    async def _assembled(self, first: int, last: int, previous: bytes, version: int) -> _native.AssembledBatch:
        return await asyncio.to_thread(self._reader.batch, first, last, previous, version, self._settings.pointer)

    async def _ask_for_proofs(self, batch: Batch, prover_input: bytes) -> None:
        due_ms = batch.sealed_at_ms + int(self._settings.prove_within_seconds * 1000)
        for kind in self._settings.kinds:
            job = NewJob(
                batch=batch.number,
                kind=kind,
                program_version=batch.program_version,
                batch_hash=batch.batch_hash,
                input=prover_input,
                gas=batch.gas_used,
                due_ms=due_ms,
            )
            await self._coordinator.add(job)

    async def ask_again(self, after: int) -> int:
        """
        Proof jobs of batches above `after` (the last that L1 has verified) that a crash kept from being asked for; gives
        their number.
        """
        asked = 0
        with self._store.read() as txn:
            batches = [row for _, row in txn.scan(schema.BATCHES, start=key(after + 1))]
            jobs = [job for _, job in txn.scan(schema.JOBS) if job.state is not schema.JobState.WITHDRAWN]
        known = {(job.batch, job.kind) for job in jobs}
        for batch in (one for one in batches if not {(one.number, kind) for kind in self._settings.kinds} <= known):
            before = self.get(batch.number - 1)
            statement = self._before if before is None else before.statement
            made = await self._assembled(batch.first_block, batch.last_block, statement, batch.program_version)
            await self._ask_for_proofs(batch, made.input)
            asked += 1
        return asked

    def _messages(self, batch: Batch, leaves: Sequence[bytes]) -> list[Message]:
        """What was sent to L1, out of the chain's logs, with the leaves that the program found in the same order."""
        if not leaves:
            return []
        logs = _logs(self._ask, batch.first_block, batch.last_block)
        return [
            _message(batch.number, index, found, leaf) for index, found, leaf in zip(itertools.count(), logs, leaves)
        ]

    def _ask(self, method: str, *params: Any) -> Any:
        answer = self._reader.answer(orjson.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))
        assert answer is not None, method
        return orjson.loads(answer[1])["result"]


def messages_of(ask: Callable[..., Any], batch: int, first: int, last: int) -> list[Message]:
    """What a batch of these blocks has sent to L1, out of the chain's logs alone."""
    return [
        _message(batch, index, found, _leaf(found["topics"])) for index, found in enumerate(_logs(ask, first, last))
    ]


def _logs(ask: Callable[..., Any], first: int, last: int) -> list[dict[str, Any]]:
    given = {
        "address": "0x" + MESSENGER.hex(),
        "topics": ["0x" + L1_MESSAGE.hex()],
        "fromBlock": hex(first),
        "toBlock": hex(last),
    }
    found: list[dict[str, Any]] = ask("eth_getLogs", given)
    return found


def _leaf(topics: Sequence[str]) -> bytes:
    """keccak(keccak(abi.encode(sender, data, messageId))): three words, which the event has as its topics."""
    return _native.keccak256(_native.keccak256(b"".join(bytes.fromhex(topic[2:]) for topic in topics[1:])))


def _message(batch: int, index: int, found: dict[str, Any], leaf: bytes) -> Message:
    _, sender, data_hash, number = (bytes.fromhex(topic[2:]) for topic in found["topics"])
    return Message(
        message_id=int.from_bytes(number, "big"),
        batch=batch,
        index=index,
        transaction_hash=bytes.fromhex(found["transactionHash"][2:]),
        sender=sender[12:],
        data_hash=data_hash,
        leaf=leaf,
    )


def _put(txn: Txn, batch: Batch, made: _native.AssembledBatch, messages: Sequence[Message]) -> None:
    stored.seal(txn, batch, messages)
    _publish(txn, batch, made)


def _publish(txn: Txn, batch: Batch, made: _native.AssembledBatch) -> None:
    txn.put(schema.BATCHES, key(batch.number), batch)
    if made.kept is not None:
        txn.put(schema.PAYLOADS, key(batch.number), schema.Bytes(made.kept))
    for index, (blob, commitment, versioned_hash, z, y, proof) in enumerate(made.blobs):
        opening = Opening(blob, commitment, versioned_hash, z, y, proof)
        txn.put(schema.OPENINGS, key(batch.number, index), opening)


def message_proof(txn: Txn, message: Message) -> list[bytes]:
    """The siblings from a message's leaf to its batch's root."""
    leaves = [one.leaf for one in stored.messages(txn, message.batch)]
    return _native.message_proof(leaves, message.index)
