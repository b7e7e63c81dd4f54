"""
What a chain goes on from when nobody has its blocks any more: the end of a batch, as `ethrex l2 reconstruct` leaves it.

A folder holds the state (`state.json`, a genesis document) and where it stands (`start.json`: the batch, and the header of
its last block, which the batch's diff carries). Nothing of it is believed: the header has to be the batch's, the state has
to come to the header's root, and L1 has to know the batch.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ethrex_node import _native
from ethrex_node.rollup.recovery.published import RecoveryError
from ethrex_node.rollup.settlement import contracts

CHAIN: Final = "chain"  # in a data folder
STATE: Final = "state.json"
PLACE: Final = "start.json"
VERSION: Final = 1
HELP: Final = "folder that `ethrex l2 reconstruct` wrote, to begin an empty data folder with instead of the genesis"
FIELDS: Final = frozenset({"version", "number", "batch", "header"})


@dataclass(frozen=True, slots=True)
class Start:
    """`statement` is the batch's encoding, `header` the RLP of its last block's, `state` a document with the allocation."""

    statement: bytes
    header: bytes
    state: bytes

    @property
    def number(self) -> int:
        """Of the batch."""
        return contracts.number_of(self.statement, "number")

    @property
    def block(self) -> int:
        return contracts.number_of(self.statement, "lastBlock")

    @property
    def block_hash(self) -> bytes:
        return contracts.field_of(self.statement, "lastBlockHash")


def save(folder: Path, start: Start) -> None:
    """Each file whole or as it was; the place is there only together with its state."""
    place = {
        "version": VERSION,
        "number": start.number,
        "batch": "0x" + start.statement.hex(),
        "header": "0x" + start.header.hex(),
    }
    (folder / PLACE).unlink(missing_ok=True)
    write(folder, STATE, start.state)
    write(folder, PLACE, json.dumps(place, indent=2).encode())


def is_there(folder: Path) -> bool:
    return (folder / PLACE).exists()


def found(folder: Path, data: Path | None) -> Start | None:
    """
    What the chain in `data` begins with. None, which is as it began or with the genesis: it has begun and nothing was
    reconstructed, or no batch was verified. Raises `RecoveryError`.
    """
    has_begun = data is not None and (data / CHAIN).exists()
    if not is_there(folder) and (has_begun or (folder / STATE).exists()):
        return None
    return load(folder)


def load(folder: Path) -> Start:
    """Raises `RecoveryError`."""
    path = folder / PLACE
    try:
        place = json.loads(path.read_bytes())
        state = (folder / STATE).read_bytes()
    except OSError as error:
        raise RecoveryError(
            f"{error.filename}: {error.strerror}: is this what `ethrex l2 reconstruct` wrote?"
        ) from error
    except ValueError as error:
        raise RecoveryError(f"{path} is not JSON: {error}") from error
    start = Start(*_read(place, path), state)
    if _native.keccak256(start.header) != start.block_hash:
        raise RecoveryError(
            f"{path}: the header is not that of block {start.block}, with which batch {start.number} ends"
        )
    return start


def _read(place: Any, path: Path) -> tuple[bytes, bytes]:
    if not isinstance(place, dict) or set(place) != FIELDS:
        raise RecoveryError(f"{path} does not have the members {', '.join(sorted(FIELDS))}")
    if place["version"] != VERSION:
        raise RecoveryError(f"{path} is of version {place['version']!r:.20}, this program reads {VERSION}")
    try:
        statement, header = (bytes.fromhex(place[name].removeprefix("0x")) for name in ("batch", "header"))
        contracts.hash_of(statement)
    except (AttributeError, TypeError, ValueError) as error:
        raise RecoveryError(f"{path} holds no batch and header: {error}") from error
    return statement, header


def write(folder: Path, name: str, content: bytes) -> None:
    """The whole file or what was there before; on disk when this returns."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{name}.part"
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(folder / name)
