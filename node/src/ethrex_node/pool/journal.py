"""
Local transactions on disk, so that a restart does not lose what a user of this node sent.

One record a transaction: 4 bytes of length, 4 of CRC-32, the raw bytes. A torn last record (power cut, kill) is cut off
at the next start. What has left the pool stays in the file until it is written anew: see `is_due`.
"""

import os
import struct
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO, Final

RECORD: Final = struct.Struct(">II")
REWRITE_BYTES: Final = 32 * 1024 * 1024  # appended since the last time: some minutes of a busy node
MAX_RECORD_BYTES: Final = 2 * 1024 * 1024  # above any transaction the pool takes, blobs of one included


class Journal:
    """Appends are in the file (not synced) when `append` returns: they survive the process, not the machine."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: BinaryIO | None = None
        self._appended = 0

    def load(self) -> list[bytes]:
        """The transactions of the last run; what follows a broken record is dropped from the file."""
        if not self.path.exists():
            return []
        data = self.path.read_bytes()
        transactions, good = _parse(data)
        if good < len(data):
            os.truncate(self.path, good)
        return transactions

    def append(self, raw: Sequence[bytes]) -> None:
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("ab", buffering=0)
        self._appended += self._file.write(b"".join(map(_record, raw)))

    @property
    def is_due(self) -> bool:
        """Whether so much was appended that the file should be written anew."""
        return self._appended > REWRITE_BYTES

    def rewrite(self, raw: Iterable[bytes]) -> None:
        """Replace the file by these transactions, at once or not at all."""
        self.close()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_suffix(".new")
        with fresh.open("wb") as file:
            file.write(b"".join(map(_record, raw)))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.path)
        self._appended = 0

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _record(raw: bytes) -> bytes:
    return RECORD.pack(len(raw), zlib.crc32(raw)) + raw


def _parse(data: bytes) -> tuple[list[bytes], int]:
    transactions = []
    offset = 0
    while offset + RECORD.size <= len(data):
        length, checksum = RECORD.unpack_from(data, offset)
        raw = data[offset + RECORD.size : offset + RECORD.size + length]
        if length > MAX_RECORD_BYTES or len(raw) < length or zlib.crc32(raw) != checksum:
            break
        transactions.append(raw)
        offset += RECORD.size + length
    return transactions, offset
