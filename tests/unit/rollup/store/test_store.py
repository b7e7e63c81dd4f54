"""The store: synced writes, whole or not at all; one process; no newer schema; foreign and damaged folders."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import lmdb
import pytest

from ethrex_node.rollup.store import Store, StoreError, StoreLocked, StoreTooNew, Txn, environment
from ethrex_node.rollup.store.environment import key
from ethrex_node.rollup.store.schema import INPUTS, OUTBOX_PURPOSE, TABLES, Bytes, OutboxNumber


async def test_what_was_written_is_there_after_opening_again(tmp_path: Path) -> None:
    first = Store.open(tmp_path / "s", TABLES)
    await first.write(lambda txn: txn.put(INPUTS, b"h", Bytes(b"data")))
    first.close()

    second = Store.open(tmp_path / "s", TABLES)
    with second.read() as txn:
        assert txn.get(INPUTS, b"h") == Bytes(b"data")
    second.close()


async def test_a_change_that_fails_leaves_nothing(store: Store) -> None:
    def half(txn: Txn) -> None:
        txn.put(INPUTS, b"h", Bytes(b"data"))
        raise ValueError("in the middle")

    with pytest.raises(ValueError, match="in the middle"):
        await store.write(half)

    with store.read() as txn:
        assert txn.get(INPUTS, b"h") is None


async def test_a_snapshot_does_not_see_later_writes(store: Store) -> None:
    with store.read() as before:
        await store.write(lambda txn: txn.put(INPUTS, b"h", Bytes(b"data")))

        assert before.get(INPUTS, b"h") is None
        with store.read() as after:
            assert after.get(INPUTS, b"h") is not None


def test_scans_are_in_order_and_within_a_prefix(store: Store) -> None:
    def fill(txn: Txn) -> None:
        for number in (256, 1, 2, 70_000):
            txn.put(OUTBOX_PURPOSE, key(number, "a"), OutboxNumber(number))

    store.write_now(fill)
    with store.read() as txn:
        assert [row.number for _, row in txn.scan(OUTBOX_PURPOSE)] == [1, 2, 256, 70_000]
        assert [row.number for _, row in txn.scan(OUTBOX_PURPOSE, start=key(3))] == [256, 70_000]
        assert [row.number for _, row in txn.scan(OUTBOX_PURPOSE, prefix=key(2))] == [2]
        last = txn.last(OUTBOX_PURPOSE)
        assert last is not None
        assert last[1].number == 70_000
        assert txn.count(OUTBOX_PURPOSE) == 4


def test_a_second_opening_is_refused(store: Store) -> None:
    with pytest.raises(StoreLocked, match="in use by another process"):
        Store.open(store.folder, TABLES)


def test_a_newer_schema_is_refused_and_untouched(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    Store.open(folder, TABLES).close()
    with lmdb.open(str(folder), max_dbs=64) as raw, raw.begin(write=True) as txn:
        txn.put(environment.SCHEMA_KEY, b"2")
    before = (folder / "data.mdb").read_bytes()

    with pytest.raises(StoreTooNew, match="schema 2, this program knows 1"):
        Store.open(folder, TABLES)
    assert (folder / "data.mdb").read_bytes() == before


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"")

    with pytest.raises(StoreError, match=r"holds photo\.jpg"):
        Store.open(tmp_path, TABLES)
    assert [one.name for one in tmp_path.iterdir()] == ["photo.jpg"]


def test_a_folder_with_only_lost_and_found_is_a_fresh_one(tmp_path: Path) -> None:
    (tmp_path / "lost+found").mkdir()

    Store.open(tmp_path, TABLES).close()


@pytest.mark.parametrize("content", [b"no database", b"\0" * 8192, os.urandom(8192)])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "data.mdb").write_bytes(content)

    with pytest.raises(StoreError, match=str(tmp_path)):
        Store.open(tmp_path, TABLES)


WRITER = """
import sys
from pathlib import Path
from ethrex_node.rollup.store import Store
from ethrex_node.rollup.store.environment import key
from ethrex_node.rollup.store.schema import OUTBOX_PURPOSE, TABLES, OutboxNumber
store = Store.open(Path(sys.argv[1]), TABLES)
last = 0
with store.read() as txn:
    last = txn.count(OUTBOX_PURPOSE)
while True:
    last += 1
    store.write_now(lambda txn: txn.put(OUTBOX_PURPOSE, key(last), OutboxNumber(last)))
    print(last, flush=True)
"""


def test_what_a_killed_process_was_told_is_written_stays(tmp_path: Path) -> None:
    choice = random.Random(7)
    told = 0
    for _ in range(5):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path / "s")], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        for _ in range(choice.randrange(1, 60)):
            told = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        told = max([told, *(int(line) for line in process.stdout if line.endswith("\n"))])
        process.wait()
        process.stdout.close()

        store = Store.open(tmp_path / "s", TABLES)
        with store.read() as txn:
            numbers = [row.number for _, row in txn.scan(OUTBOX_PURPOSE)]
        store.close()
        assert numbers == list(range(1, len(numbers) + 1))
        assert told <= len(numbers) <= told + 1
        told = len(numbers)
