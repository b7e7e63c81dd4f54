"""
The blobs of sealed blocks. Beacon nodes keep them on real networks; a dev chain has none, so it keeps them itself.

One file a block under ``<data folder>/blobs``, named by the block's hash; without a folder they live in memory. Blobs of
blocks that a test took back stay: they are found by the block's hash alone.
"""

import os
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .. import _native

BLOB_BYTES: Final = 131_072
POINT_BYTES: Final = 48  # a commitment or a proof
HEADER: Final = struct.Struct(">4sI")  # mark, how many
MARK: Final = b"blb1"
RECORD_BYTES: Final = BLOB_BYTES + 2 * POINT_BYTES


class BlobsDamaged(Exception):
    """A file of blobs that is not what was written."""


@dataclass(frozen=True, slots=True)
class Blob:
    """`proof` is the one over the whole blob (EIP-4844), whichever form of proofs the transaction came with."""

    blob: bytes
    commitment: bytes
    proof: bytes


class BlobStore:
    """Blobs by block hash, in the order of the block."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._memory: dict[bytes, list[Blob]] = {}

    def keep(self, block_hash: bytes, included: Iterable[_native.Transaction]) -> None:
        """File what a block's transactions brought. Slow (a proof takes milliseconds): call it off the loop."""
        blobs = [_whole(*parts) for transaction in included for parts in transaction.sidecar()]
        if not blobs:
            return
        if self._folder is None:
            self._memory[block_hash] = blobs
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        fresh = self._folder / f"{block_hash.hex()}.new"
        with fresh.open("wb") as file:
            file.write(HEADER.pack(MARK, len(blobs)))
            for one in blobs:
                file.write(one.blob + one.commitment + one.proof)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._folder / block_hash.hex())

    def of_block(self, block_hash: bytes) -> list[Blob]:
        """Empty where the block has none. Raises `BlobsDamaged`."""
        if self._folder is None:
            return self._memory.get(block_hash, [])
        try:
            data = (self._folder / block_hash.hex()).read_bytes()
        except FileNotFoundError:
            return []
        return _parse(data, block_hash)


def _whole(blob: bytes, commitment: bytes, proofs: Sequence[bytes]) -> Blob:
    """One proof means that it is the blob's; cell proofs (EIP-7594) are many."""
    proof = proofs[0] if len(proofs) == 1 else _native.compute_blob_kzg_proof(blob, commitment)
    return Blob(blob, commitment, proof)


def _parse(data: bytes, block_hash: bytes) -> list[Blob]:
    count = HEADER.unpack_from(data)[1] if data.startswith(MARK) and len(data) >= HEADER.size else -1
    if len(data) != HEADER.size + count * RECORD_BYTES:
        raise BlobsDamaged(f"the blobs of block 0x{block_hash.hex()}: {len(data)} bytes are not a file of blobs")
    blobs = []
    for start in range(HEADER.size, len(data), RECORD_BYTES):
        commitment = start + BLOB_BYTES
        proof = commitment + POINT_BYTES
        blobs.append(Blob(data[start:commitment], data[commitment:proof], data[proof : proof + POINT_BYTES]))
    return blobs
