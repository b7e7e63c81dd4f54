"""The outbox in the store: what each of its changes writes, as functions of a transaction."""

from __future__ import annotations

import dataclasses
from typing import Final

from ethrex_node.rollup.l1 import answers
from ethrex_node.rollup.l1.blobs import Sidecar
from ethrex_node.rollup.store import schema
from ethrex_node.rollup.store.environment import Txn, key
from ethrex_node.rollup.store.schema import Attempt, Mined, OutboxEntry, OutboxStatus

WITHDRAWN: Final = "withdrawn/"  # before the purpose of what nobody wants any more


def by_purpose(txn: Txn, purpose: str) -> OutboxEntry | None:
    """The newest entry for a purpose."""
    found = txn.get(schema.OUTBOX_PURPOSE, key(purpose))
    return None if found is None else txn.get(schema.OUTBOX, key(found.number))


def open_entries(txn: Txn, sender: bytes) -> list[OutboxEntry]:
    """Those of an account that are not final, in the order in which they were recorded."""
    found = [txn.get(schema.OUTBOX, at) for at, _ in txn.scan(schema.OUTBOX_OPEN)]
    return [one for one in found if one is not None and one.sender == sender]


def next_number(txn: Txn) -> int:
    newest = txn.last(schema.OUTBOX)
    return 1 if newest is None else newest[1].number + 1


def add(txn: Txn, entry: OutboxEntry, sidecar: Sidecar | None) -> OutboxEntry:
    """Record a new entry under the next number, with its blobs."""
    numbered = dataclasses.replace(entry, number=next_number(txn))
    pointer = schema.OutboxNumber(numbered.number)
    txn.put(schema.OUTBOX, key(numbered.number), numbered)
    txn.put(schema.OUTBOX_OPEN, key(numbered.number), pointer)
    txn.put(schema.OUTBOX_PURPOSE, key(numbered.purpose), pointer)
    if sidecar is not None:
        _put_blobs(txn, sidecar)
    return numbered


def update(txn: Txn, entry: OutboxEntry) -> OutboxEntry:
    txn.put(schema.OUTBOX, key(entry.number), entry)
    return entry


def with_attempt(entry: OutboxEntry, attempt: Attempt) -> OutboxEntry:
    return dataclasses.replace(entry, attempts=(*entry.attempts, attempt))


def with_newest(entry: OutboxEntry, *, sent_at_ms: int, is_underpriced: bool) -> OutboxEntry:
    """The newest attempt was handed to the pools at this time."""
    newest = dataclasses.replace(entry.attempts[-1], sent_at_ms=sent_at_ms, is_underpriced=is_underpriced)
    return dataclasses.replace(entry, attempts=(*entry.attempts[:-1], newest))


def as_mined(entry: OutboxEntry, receipt: answers.Receipt) -> OutboxEntry:
    mined = Mined(
        transaction_hash=receipt.transaction_hash,
        block_number=receipt.block_number,
        block_hash=receipt.block_hash,
        succeeded=receipt.succeeded,
        gas_used=receipt.gas_used,
        gas_price=receipt.effective_gas_price,
        blob_gas_used=receipt.blob_gas_used,
        blob_gas_price=receipt.blob_gas_price,
    )
    return dataclasses.replace(entry, status=OutboxStatus.MINED, mined=mined)


def as_waiting(entry: OutboxEntry) -> OutboxEntry:
    return dataclasses.replace(entry, status=OutboxStatus.WAITING, mined=None)


def finish(txn: Txn, entry: OutboxEntry, receipt: answers.Receipt) -> OutboxEntry:
    """The entry stays for its costs; its blobs go unless another open entry carries them."""
    done = dataclasses.replace(as_mined(entry, receipt), status=OutboxStatus.FINAL)
    txn.put(schema.OUTBOX, key(done.number), done)
    txn.delete(schema.OUTBOX_OPEN, key(done.number))
    _let_blobs_go(txn, set(done.blob_hashes))
    return done


def withdraw(txn: Txn, entry: OutboxEntry) -> OutboxEntry:
    """
    Nobody wants it any more, and another may be recorded for its purpose. It stays until its nonce is used for good: the
    outbox has something harmless mined in its place.
    """
    withdrawn = dataclasses.replace(entry, purpose=f"{WITHDRAWN}{entry.purpose}/{entry.number}")
    txn.put(schema.OUTBOX, key(entry.number), withdrawn)
    txn.put(schema.OUTBOX_PURPOSE, key(withdrawn.purpose), schema.OutboxNumber(entry.number))
    pointer = txn.get(schema.OUTBOX_PURPOSE, key(entry.purpose))
    if pointer is not None and pointer.number == entry.number:
        txn.delete(schema.OUTBOX_PURPOSE, key(entry.purpose))
    return withdrawn


def put_filler(txn: Txn, entry: OutboxEntry, filler: OutboxEntry, sidecar: Sidecar | None) -> OutboxEntry:
    """What is mined in the place of a withdrawn action, with blobs of its own where that one had some."""
    txn.put(schema.OUTBOX, key(filler.number), filler)
    _let_blobs_go(txn, set(entry.blob_hashes))
    if sidecar is not None:
        _put_blobs(txn, sidecar)
    return filler


def is_withdrawn(entry: OutboxEntry) -> bool:
    """And still what it was."""
    return entry.purpose.startswith(WITHDRAWN) and entry.to != entry.sender


def sidecar_of(txn: Txn, entry: OutboxEntry) -> Sidecar | None:
    if not entry.blob_hashes:
        return None
    stored = [txn.get(schema.BLOBS, versioned_hash) for versioned_hash in entry.blob_hashes]
    there = [one for one in stored if one is not None]
    assert len(there) == len(stored), "blobs stay as long as an open entry carries them"
    return Sidecar(
        blobs=tuple(one.blob for one in there),
        commitments=tuple(one.commitment for one in there),
        blob_proofs=tuple(one.blob_proof for one in there),
        cell_proofs=tuple(proof for one in there for proof in one.cell_proofs),
    )


def _let_blobs_go(txn: Txn, hashes: set[bytes]) -> None:
    """But for those that open entries carry."""
    others = [txn.get(schema.OUTBOX, at) for at, _ in txn.scan(schema.OUTBOX_OPEN)]
    still = {one_hash for one in others if one is not None for one_hash in one.blob_hashes}
    for versioned_hash in hashes - still:
        txn.delete(schema.BLOBS, versioned_hash)


def _put_blobs(txn: Txn, sidecar: Sidecar) -> None:
    per_blob = len(sidecar.cell_proofs) // len(sidecar.blobs)
    parts = zip(sidecar.versioned_hashes, sidecar.blobs, sidecar.commitments, sidecar.blob_proofs, strict=True)
    for index, (versioned_hash, blob, commitment, proof) in enumerate(parts):
        cells = sidecar.cell_proofs[index * per_blob : (index + 1) * per_blob]
        txn.put(schema.BLOBS, versioned_hash, schema.StoredBlob(blob, commitment, proof, cells))
