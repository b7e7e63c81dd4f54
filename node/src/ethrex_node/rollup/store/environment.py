"""
One LMDB environment, from `open` to `close`.

Every write is one synced transaction, done by one thread of its own so that no sync stands in the way of the event loop:
what `write` has answered survives a power cut. Reads are a descent in memory and happen where they are asked for. A folder
is one process's; a schema that is newer than the program is refused before anything is touched.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import lmdb

from ethrex_node.rollup.store import rows

R = TypeVar("R")
T = TypeVar("T")

SCHEMA_VERSION: Final = 1
MAP_BYTES: Final = 1 << 40  # address space, not disk
TABLES_MOST: Final = 64
SCHEMA_KEY: Final = b"schema"
ONLY_ROW: Final = b"-"  # key of a table that has one row
LOCK_NAME: Final = "LOCK"
DATA_NAME: Final = "data.mdb"
OURS: Final = frozenset({LOCK_NAME, DATA_NAME, "lock.mdb", "lost+found"})


class StoreError(Exception):
    """The rollup's data cannot be used.

    StoreError
    + StoreLocked   another process has the folder
    + StoreTooNew   a newer program wrote it
    + StoreDamaged  it is not ours, or it cannot be read
    """


class StoreLocked(StoreError):
    pass


class StoreTooNew(StoreError):
    def __init__(self, folder: Path, found: int) -> None:
        super().__init__(f"{folder} has schema {found}, this program knows {SCHEMA_VERSION}: use a newer one")
        self.found = found


class StoreDamaged(StoreError):
    pass


def key(*parts: int | bytes | str) -> bytes:
    """Numbers sort as numbers. A text or bytes of varying length comes last."""
    return b"".join(
        part.to_bytes(8, "big") if isinstance(part, int) else part.encode() if isinstance(part, str) else part
        for part in parts
    )


@dataclass(frozen=True)
class Table(Generic[R]):
    """Rows of one kind by key."""

    name: str
    kind: type[R]


class Txn:
    """What one transaction may do. Valid only where it was given."""

    def __init__(self, inner: lmdb.Transaction, databases: dict[str, lmdb._Database]) -> None:
        self._inner = inner
        self._databases = databases

    def get(self, table: Table[R], at: bytes) -> R | None:
        data = self._inner.get(at, db=self._databases[table.name])
        return None if data is None else _row(table, bytes(data))

    def put(self, table: Table[R], at: bytes, row: R) -> None:
        self._inner.put(at, rows.encode(row), db=self._databases[table.name])

    def delete(self, table: Table[R], at: bytes) -> bool:
        return self._inner.delete(at, db=self._databases[table.name])

    def scan(self, table: Table[R], start: bytes = b"", prefix: bytes = b"") -> Iterator[tuple[bytes, R]]:
        """Ascending, from the first key at or after `start`, as long as keys begin with `prefix`."""
        with self._inner.cursor(db=self._databases[table.name]) as cursor:
            found = cursor.set_range(max(start, prefix)) if start or prefix else cursor.first()
            while found and (at := bytes(cursor.key())).startswith(prefix):
                yield at, _row(table, bytes(cursor.value()))
                found = cursor.next()

    def last(self, table: Table[R]) -> tuple[bytes, R] | None:
        with self._inner.cursor(db=self._databases[table.name]) as cursor:
            return (bytes(cursor.key()), _row(table, bytes(cursor.value()))) if cursor.last() else None

    def count(self, table: Table[R]) -> int:
        return int(self._inner.stat(self._databases[table.name])["entries"])


def _row(table: Table[R], data: bytes) -> R:
    try:
        return rows.decode(table.kind, data)
    except rows.BadRow as error:
        raise StoreDamaged(f"table {table.name}: {error}") from None


class Store:
    """Lives from `open` to `close`; `write` for the loop, `write_now` where there is none."""

    def __init__(self, folder: Path, environment: lmdb.Environment, lock: int, tables: tuple[str, ...]) -> None:
        self.folder = folder
        self._environment = environment
        self._lock = lock
        self._databases = {name: environment.open_db(name.encode()) for name in tables}
        self._writer = ThreadPoolExecutor(1, "rollup-store")

    @classmethod
    def open(cls, folder: Path, tables: tuple[Table[Any], ...], map_bytes: int = MAP_BYTES) -> Store:
        """Open or begin the data in `folder`. Raises `StoreError`."""
        _refuse_foreign(folder)
        folder.mkdir(parents=True, exist_ok=True)
        lock = _lock(folder)
        try:
            if (folder / DATA_NAME).exists():
                _refuse_newer(folder)
            environment = lmdb.open(str(folder), map_size=map_bytes, max_dbs=TABLES_MOST, lock=True)
            try:
                with environment.begin(write=True) as txn:
                    txn.put(SCHEMA_KEY, str(SCHEMA_VERSION).encode())
                return cls(folder, environment, lock, tuple(table.name for table in tables))
            except BaseException:
                environment.close()
                raise
        except lmdb.Error as error:
            os.close(lock)
            raise StoreDamaged(f"{folder}: {error}") from None
        except BaseException:
            os.close(lock)
            raise

    def close(self) -> None:
        self._writer.shutdown()
        self._environment.close()
        os.close(self._lock)

    @contextlib.contextmanager
    def read(self) -> Iterator[Txn]:
        """A snapshot. Not to be held over an await: an old one makes the file grow."""
        with self._environment.begin() as inner:
            yield Txn(inner, self._databases)

    async def write(self, change: Callable[[Txn], T]) -> T:
        """
        Run `change` in one synced transaction; what it raises undoes it.

        Once begun it is carried out, even if the caller is cancelled meanwhile.
        """
        return await asyncio.get_running_loop().run_in_executor(self._writer, self.write_now, change)

    def write_now(self, change: Callable[[Txn], T]) -> T:
        try:
            with self._environment.begin(write=True) as inner:
                return change(Txn(inner, self._databases))
        except lmdb.Error as error:
            raise StoreDamaged(f"{self.folder}: {error}") from error


def _refuse_foreign(folder: Path) -> None:
    if not folder.exists():
        return
    foreign = sorted(one.name for one in folder.iterdir() if one.name not in OURS)
    if foreign:
        raise StoreDamaged(f"{folder} holds {foreign[0]}: it is not a folder of the rollup's data")


def _lock(folder: Path) -> int:
    descriptor = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise StoreLocked(f"{folder} is in use by another process") from None
    return descriptor


def _refuse_newer(folder: Path) -> None:
    opened = lmdb.open(str(folder), readonly=True, lock=False, max_dbs=TABLES_MOST)
    with contextlib.closing(opened) as environment, environment.begin() as txn:
        stored = txn.get(SCHEMA_KEY)
    if stored is None:
        return  # ended between making the file and the first transaction
    found = bytes(stored)
    if not found.isdigit():
        raise StoreDamaged(f"{folder}: {found!r:.40} is not a schema version")
    if int(found) > SCHEMA_VERSION:
        raise StoreTooNew(folder, int(found))
