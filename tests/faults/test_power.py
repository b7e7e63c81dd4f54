"""
Power cuts: the disk has each file as of its last sync and any of the pages written since, in any mixture. What the
node wrote is recorded below it, then a cut is put together at a random instant and opened.

FAULT_CUTS says how many (`make faults`: 150).
"""

from __future__ import annotations

import os
import random
import shutil
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from faults import disk, process, story

CUTS = int(os.environ.get("FAULT_CUTS", "20"))
SEED = int(os.environ.get("FAULT_SEED", "1"))
HEADS = 25
HEAD = struct.Struct("<cBQQ")
PAGE = 4096
DATABASE = "chain/data.mdb"
pytestmark = pytest.mark.timeout(120 + CUTS * 3)


@dataclass(frozen=True)
class Step:
    """A write (`w`), a write that waits for the disk (`d`) or a sync (`s`)."""

    kind: str
    name: str
    offset: int
    data: bytes


def steps(record: bytes) -> Iterator[Step]:
    at = 0
    while at < len(record):
        kind, name_length, offset, length = HEAD.unpack_from(record, at)
        name = record[at + HEAD.size : at + HEAD.size + name_length].decode()
        start = at + HEAD.size + name_length
        at = start + (0 if kind == b"s" else length)
        yield Step(kind.decode(), name, offset, record[start:at])


def put(file: bytearray, offset: int, data: bytes) -> None:
    if len(file) < offset:
        file.extend(bytes(offset - len(file)))
    file[offset : offset + len(data)] = data


def pages(step: Step) -> Iterator[tuple[int, bytes]]:
    """A write cut where the disk may cut it."""
    at = 0
    while at < len(step.data):
        size = min(PAGE - (step.offset + at) % PAGE, len(step.data) - at)
        yield step.offset + at, step.data[at : at + size]
        at += size


def cut(done: list[Step], dice: random.Random) -> tuple[bytes, int]:
    """The database file after these steps and a cut; how many pages of it were at stake."""
    file, loose = bytearray(), list[tuple[int, bytes]]()
    for step in done:
        if step.kind == "s":
            for offset, data in loose:
                put(file, offset, data)
            loose = []
        elif step.kind == "d":
            put(file, step.offset, step.data)
        else:
            loose += pages(step)
    kept = [one for one in loose if dice.random() < 0.5]
    for offset, data in kept:
        put(file, offset, data)
    return bytes(file), len(loose)


def test_power_cuts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = story.tell(tmp_path / "story", HEADS // 5)
    (tmp_path / "genesis.json").write_bytes(told.genesis)
    record = tmp_path / "record"
    shim = process.compile_shim(tmp_path)
    node = process.Process(
        tmp_path / "data", tmp_path / "genesis.json", shim=shim, faults={"FAULT_LOG": str(record)}
    ).start()
    promised = {len(_database(record)): told.origin}  # steps on the disk when the head was promised
    for head in told.heads:
        story.make_head(node.engine, told, head)
        promised[len(_database(record))] = head
    node.kill()

    everything = _database(record)
    bounds = sorted(promised)
    dice = random.Random(SEED)
    at_stake = 0
    for number in range(CUTS):
        after = dice.randrange(bounds[0], len(everything) + 1)
        file, loose = cut(everything[:after], dice)
        before = max(bound for bound in bounds if bound <= after)
        following = min((bound for bound in bounds if bound > after), default=before)
        folder = tmp_path / "cut"
        (folder / "chain").mkdir(parents=True)
        (folder / DATABASE).write_bytes(file)
        disk.check(disk.reader(folder), told, {promised[before], promised[following]})
        if number % 10 == 0:
            _serves(folder, tmp_path / "genesis.json", told)
        shutil.rmtree(folder)
        at_stake += loose > 0
    with capsys.disabled():
        print(f"\n{CUTS} power cuts, {at_stake} with pages at stake, over {len(everything)} writes and syncs")
    assert at_stake


def _database(record: Path) -> list[Step]:
    return [step for step in steps(record.read_bytes()) if step.name == DATABASE]


def _serves(folder: Path, genesis: Path, told: story.Story) -> None:
    """The process itself opens it and goes on."""
    node = process.Process(folder, genesis).start()
    try:
        head = node.ask("eth_getBlockByNumber", "latest", False)["hash"]
        following = told.heads[told.heads.index(head) + 1 :] if head in told.heads else told.heads
        if following:
            story.make_head(node.engine, told, following[0])
    finally:
        node.kill()
