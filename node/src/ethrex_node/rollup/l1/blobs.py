"""
Blobs with their commitments and proofs.

Both forms of proofs are kept: one a blob (EIP-4844) and one a cell (EIP-7594, from Osaka on). The hash of the transaction
does not depend on the form, so what was signed before the fork can be sent after it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ethrex_node import _native

BLOB_BYTES: Final = 131_072
VERSION_KZG: Final = b"\x01"
CELLS_WRAPPER: Final = b"\x01"


@dataclass(frozen=True, slots=True)
class Sidecar:
    """`cell_proofs` are 128 a blob, in the order of the blobs."""

    blobs: tuple[bytes, ...]
    commitments: tuple[bytes, ...]
    blob_proofs: tuple[bytes, ...]
    cell_proofs: tuple[bytes, ...]

    @property
    def versioned_hashes(self) -> tuple[bytes, ...]:
        return tuple(versioned_hash(commitment) for commitment in self.commitments)

    def wrapped(self, *, cells: bool) -> list[object]:
        """What follows the signed fields on the network."""
        if cells:
            return [CELLS_WRAPPER, list(self.blobs), list(self.commitments), list(self.cell_proofs)]
        return [list(self.blobs), list(self.commitments), list(self.blob_proofs)]


def versioned_hash(commitment: bytes) -> bytes:
    """EIP-4844."""
    return VERSION_KZG + hashlib.sha256(commitment).digest()[1:]


def make(blobs: Sequence[bytes]) -> Sidecar:
    """Takes some 0.3 s a blob: call it off the loop. ValueError where a blob is not one."""
    commitments, blob_proofs, cell_proofs = [], [], []
    for index, blob in enumerate(blobs):
        if len(blob) != BLOB_BYTES:
            raise ValueError(f"blob {index} has {len(blob)} bytes, expected {BLOB_BYTES}")
        commitment = _native.blob_to_kzg_commitment(blob)
        commitments.append(commitment)
        blob_proofs.append(_native.compute_blob_kzg_proof(blob, commitment))
        cell_proofs += _native.compute_cells_and_kzg_proofs(blob)[1]
    return Sidecar(tuple(blobs), tuple(commitments), tuple(blob_proofs), tuple(cell_proofs))
