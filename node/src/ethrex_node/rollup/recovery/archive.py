"""
A folder of blobs, a file a batch: what a Beacon API forgets.

A file is named by the hash of its batch and holds the batch with its blobs, so that one that was swapped, cut or changed
is told from the right one; a batch that L1 took back lies beside the one that took its place.
"""

from __future__ import annotations

import asyncio
import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ethrex_node import _native
from ethrex_node.rollup.l1.blobs import versioned_hash
from ethrex_node.rollup.recovery.blobs import Source
from ethrex_node.rollup.recovery.published import Published, RecoveryError
from ethrex_node.rollup.settlement import contracts

VERSION: Final = b"\x01"
SUFFIX: Final = ".batch"
LEVEL: Final = 6
MOST_BYTES: Final = 16 << 20  # of a file unpacked; the most blobs of a transaction take 2 MiB


@dataclass(frozen=True, slots=True)
class Archive:
    """`folder` is made where it is missing."""

    folder: Path

    def path(self, batch_hash: bytes) -> Path:
        return self.folder / f"{batch_hash.hex()}{SUFFIX}"

    def has(self, batch_hash: bytes) -> bool:
        return self.path(batch_hash).exists()

    async def take_over(self, batch: Published, source: Source) -> None:
        """A batch's blobs, once they are seen to be those that L1 knows. Raises `RecoveryError`."""
        if batch.kept is not None:
            raise RecoveryError(
                f"batch {batch.number} is a validium's: it published no blob, its committee has the data"
            )
        blobs = await source.blobs(batch)
        for at, (blob, name) in enumerate(zip(blobs, batch.versioned_hashes, strict=True)):
            commitment = await asyncio.to_thread(_native.blob_to_kzg_commitment, blob)
            if versioned_hash(commitment) != name:
                raise RecoveryError(f"batch {batch.number}: blob {at} that was fetched is not 0x{name.hex()}")
        await asyncio.to_thread(self._keep, batch, blobs)

    def _keep(self, batch: Published, blobs: list[bytes]) -> None:
        """The whole file or none; on disk when this returns."""
        self.folder.mkdir(parents=True, exist_ok=True)
        pairs = [[name, blob] for name, blob in zip(batch.versioned_hashes, blobs, strict=True)]
        content = zlib.compress(_native.rlp_encode([VERSION, batch.statement, pairs]), LEVEL)
        path = self.path(batch.hash)
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)

    async def blobs(self, batch: Published) -> list[bytes]:
        """Raises `RecoveryError`."""
        path = self.path(batch.hash)
        try:
            content = zlib.decompressobj().decompress(path.read_bytes(), MOST_BYTES)
            version, statement, pairs = _native.rlp_decode(content)
            names = tuple(name for name, _ in pairs)
            blobs = [blob for _, blob in pairs]
        except FileNotFoundError:
            raise RecoveryError(f"batch {batch.number}: {path} is not in the archive") from None
        except OSError as error:
            raise RecoveryError(f"batch {batch.number}: {path}: {error.strerror}") from error
        except (zlib.error, ValueError, TypeError):
            raise RecoveryError(f"batch {batch.number}: {path} is damaged") from None
        if version != VERSION:
            raise RecoveryError(f"{path} is of version {version.hex()}, this program reads {VERSION.hex()}")
        if contracts.hash_of(statement) != batch.hash or names != batch.versioned_hashes:
            raise RecoveryError(f"batch {batch.number}: {path} holds another batch")
        return blobs
