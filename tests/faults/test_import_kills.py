"""
kill -9 of `ethrex import`, again and again: each run goes on where the last one stopped, and at the end the head is the file's.

FAULT_IMPORT_KILLS says how often (`make faults`: 40), half of them before a write or a sync, half at any instant.
"""

from __future__ import annotations

import gzip
import os
import random
import re
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from ethrex_node import _native
from faults import disk, process, story

KILLS = int(os.environ.get("FAULT_IMPORT_KILLS", "4"))
SEED = int(os.environ.get("FAULT_SEED", "1"))
BLOCKS = 1_000  # some sixteen commits
START_SECONDS = 0.2  # of the command, before it opens the folder
WRITES = 60  # the first dozen bear the chain, each commit has a few
pytestmark = pytest.mark.timeout(120 + 10 * KILLS)


@dataclass(frozen=True)
class File:
    told: story.Story
    path: Path

    @property
    def head(self) -> str:
        return self.told.heads[-1]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> File:
    """A chain file, gzipped, of blocks with transfers and logs."""
    folder = tmp_path_factory.mktemp("source")
    told = story.straight(folder, BLOCKS)
    path = folder / "chain.rlp.gz"
    path.write_bytes(gzip.compress(b"".join(block.rlp for block in told.path(told.heads[-1])), 1))
    return File(told, path)


@dataclass
class Import:
    """The command on one folder; `head`: how far it had come when it last was looked at."""

    folder: Path
    genesis: Path
    file: Path
    shim: Path
    head: int = 0

    def run(self, faults: Mapping[str, str], seconds: float | None = None) -> subprocess.CompletedProcess[str]:
        where = ["--network", str(self.genesis), "--datadir", str(self.folder)]
        environment = {**os.environ, **faults}
        if faults:
            environment |= {"LD_PRELOAD": str(self.shim), "FAULT_FOLDER": str(self.folder)}
        command = [process.COMMAND, *where, "import", str(self.file)]
        running = subprocess.Popen(command, stdout=-1, stderr=-1, text=True, env=environment)
        timer = threading.Timer(seconds, running.kill) if seconds is not None else None
        if timer is not None:
            timer.start()
        out, err = running.communicate(timeout=process.TIMEOUT_SECONDS)
        if timer is not None:
            timer.cancel()
        return subprocess.CompletedProcess(command, running.returncode, out, err)

    def look(self, told: story.Story) -> None:
        """What was committed is whole, and never less than before."""
        try:
            ask = disk.reader(self.folder)
        except _native.NativeError:
            assert self.head == 0  # killed before the chain was born
            return
        number = int(ask("eth_blockNumber"), 16)
        assert number >= self.head, f"the head went back from {self.head} to {number}"
        self.head = number
        if number:
            block = told.path(told.heads[-1])[number - 1]
            assert ask("eth_getBlockByNumber", hex(number), False)["hash"] == block.hash
            assert ask("debug_getRawBlock", hex(number)) == "0x" + block.rlp.hex()


def test_killed_imports_go_on(tmp_path: Path, file: File, capsys: pytest.CaptureFixture[str]) -> None:
    genesis = tmp_path / "genesis.json"
    genesis.write_bytes(file.told.genesis)
    shim = process.compile_shim(tmp_path)
    dice = random.Random(SEED)
    started = time.monotonic()
    assert Import(tmp_path / "whole", genesis, file.path, shim).run({}).returncode == 0
    whole_seconds = time.monotonic() - started
    killed, folders, found = 0, 1, []
    one = Import(tmp_path / "data1", genesis, file.path, shim)
    while killed < KILLS:
        if killed % 2 == 0:
            torn = {"FAULT_TORN": "1"} if dice.random() < 0.3 else {}
            ended = one.run({"FAULT_KILL_AT": str(dice.randint(1, WRITES))} | torn)
        else:
            ended = one.run({}, dice.uniform(START_SECONDS, whole_seconds))
        one.look(file.told)
        if ended.returncode == -9:
            killed += 1
            found.append(one.head)
        else:  # it was faster than the kill: another folder
            assert ended.returncode == 0, ended.stderr
            _is_whole(one, file, ended)
            folders += 1
            one = Import(tmp_path / f"data{folders}", genesis, file.path, shim)
    before = one.head
    ended = one.run({})

    assert ended.returncode == 0, ended.stderr
    _is_whole(one, file, ended)
    assert _count(r"\((\d+) known\)", ended.stdout) == before
    assert _count(r"imported (\d+) blocks", ended.stdout) == BLOCKS - before
    with capsys.disabled():
        print(f"\n{killed} killed imports of {BLOCKS} blocks over {folders} folders; heads found: {found}")
    assert any(found)


def _is_whole(one: Import, file: File, ended: subprocess.CompletedProcess[str]) -> None:
    assert file.head in ended.stdout
    disk.check(disk.reader(one.folder), file.told, {file.head})


def _count(pattern: str, text: str) -> int:
    found = re.search(pattern, text)
    assert found is not None, text
    return int(found[1])
