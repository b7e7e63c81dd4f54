"""
A member's disk: a file a payload, named by its digest, so that one that was cut or changed is told from the right one.

What `keep` has answered survives a power cut. A file that went bad is put aside, and the next `keep` writes it anew.
"""

from __future__ import annotations

import errno
import itertools
import logging
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from ethrex_node import _native
from ethrex_node.rollup.committee.errors import CannotKeep

log = logging.getLogger(__name__)

PART: Final = ".part"
DAMAGED: Final = ".damaged"


class Vault:
    """
    From `open` on; it holds nothing open. Every call waits for the disk: not for the loop. `lost` are the digests of what
    was put aside and has not come again.
    """

    def __init__(self, folder: Path, payloads: int, lost: Iterable[bytes] = ()) -> None:
        self.folder = folder
        self.payloads = payloads
        self.lost = set(lost)
        self.damaged = 0
        self._parts = itertools.count()

    @classmethod
    def open(cls, folder: Path) -> Vault:
        """Raises `CannotKeep`. What a crash left half written is swept out."""
        payloads, lost = 0, set()
        try:
            for byte in range(256):
                shelf = folder / f"{byte:02x}"
                shelf.mkdir(parents=True, exist_ok=True)
                for file in shelf.iterdir():
                    if file.suffix == PART:
                        file.unlink()
                    payloads += not file.suffix
                    if file.suffix == DAMAGED and not file.with_suffix("").exists():
                        lost.add(bytes.fromhex(file.stem))
            _sync_folder(folder)
        except OSError as error:
            raise CannotKeep(f"{folder}: {error.strerror or error}") from error
        return cls(folder, payloads, lost)

    def keep(self, digest: bytes, payload: bytes) -> None:
        """The payload with this digest, on disk when this returns. Raises `CannotKeep`."""
        path = self._path(digest)
        try:
            if self._read(path, digest) is not None:
                self.lost.discard(digest)
                return
            part = path.with_name(f"{path.name}-{next(self._parts)}{PART}")
            with part.open("wb") as file:
                file.write(payload)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
            _sync_folder(path.parent)
        except OSError as error:
            raise CannotKeep(f"{path}: {error.strerror or error}") from error
        self.payloads += 1
        self.lost.discard(digest)

    def find(self, digest: bytes) -> bytes | None:
        """Raises `CannotKeep` where the disk does not read."""
        path = self._path(digest)
        try:
            return self._read(path, digest)
        except OSError as error:
            raise CannotKeep(f"{path}: {error.strerror or error}") from error

    def free_bytes(self) -> int:
        return shutil.disk_usage(self.folder).free

    def _read(self, path: Path, digest: bytes) -> bytes | None:
        try:
            payload = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            payload = b""  # the disk has lost a part of it
        if _native.keccak256(payload) == digest:
            return payload
        path.replace(path.with_name(path.name + DAMAGED))
        self.lost.add(digest)
        self.damaged += 1
        self.payloads -= 1
        log.critical("a payload on disk is damaged", extra={"digest": digest.hex(), "file": str(path)})
        return None

    def _path(self, digest: bytes) -> Path:
        name = digest.hex()
        return self.folder / name[:2] / name


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
