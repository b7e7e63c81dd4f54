"""
Malformed files, thousands of them, to the command: genesis, config, chain files, secrets. Each is refused in words or
harmless; nothing breaks out, nothing is left behind, and of a chain file what was good before the bad place is kept.

FAULT_FILES says how many, FAULT_SEED which (`make faults`: 4,000).
"""

from __future__ import annotations

import json
import os
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from faults import commander, disk, malfile, story

CASES = int(os.environ.get("FAULT_FILES", "200"))
SEED = int(os.environ.get("FAULT_SEED", "1"))
BLOCKS = 12
GROWTH_BYTES = 96 << 20
LONGEST_LINE = 1_000
pytestmark = pytest.mark.timeout(120 + CASES // 4)
Case = Callable[[random.Random], str]


@pytest.fixture
def command(tmp_path: Path) -> Iterator[commander.Commander]:
    running = commander.Commander(tmp_path)
    yield running
    running.end()


class Files:
    def __init__(self, folder: Path, command: commander.Commander) -> None:
        self.folder, self.command = folder, command
        self.told = story.straight(folder / "source", BLOCKS)
        self.path = self.told.path(self.told.heads[-1])
        self.blocks = [block.rlp for block in self.path]
        self.good = folder / "good.json"
        self.good.write_bytes(self.told.genesis)
        self.document = json.loads(self.told.genesis)
        self.data = folder / "data"
        assert command.call(["--network", str(self.good), "--datadir", str(folder / "born"), "init"]).code == 0

    def genesis(self, dice: random.Random) -> str:
        return self._init("--network", self._write("genesis.json", malfile.genesis(dice, self.document)))

    def config(self, dice: random.Random) -> str:
        file = self._write("config.toml", malfile.config(dice))
        return self._init("--network", str(self.good), "--config", file)

    def secret(self, dice: random.Random) -> str:
        shutil.copytree(self.folder / "born", self.data)
        file = self._write("jwt.hex", malfile.secret(dice))
        ended = self.command.call([*self._where(), "--authrpc.jwtsecret", file, *_free_ports()])
        assert _refused(ended)
        shutil.rmtree(self.data)
        return "refused"

    def chain(self, dice: random.Random) -> str:
        data, before, packed = malfile.chain(dice, self.blocks)
        ended, head = self._import("chain.rlp.gz" if packed else "chain.rlp", data)
        assert head in (before, before + 1)  # a block with another extra data is a good one, which nothing follows
        assert ended.code == 2 or head == len(self.blocks) or before + 1 == len(self.blocks), ended
        return "refused" if ended.code else "taken"

    def gzip(self, dice: random.Random) -> str:
        ended, _ = self._import("chain.rlp.gz", malfile.cut_gzip(dice, self.blocks))
        return "refused" if ended.code else "taken"

    def _import(self, name: str, data: bytes) -> tuple[commander.Ended, int]:
        """How it ended and how far the chain goes."""
        shutil.copytree(self.folder / "born", self.data)
        ended = self.command.call([*self._where(), "import", self._write(name, data)])
        _refused(ended)
        ask = disk.reader(self.data)
        head = int(ask("eth_blockNumber"), 16)
        for block in self.path[: max(head - 1, 0)]:
            assert ask("eth_getBlockByNumber", hex(block.number), False)["hash"] == block.hash
        del ask
        shutil.rmtree(self.data)
        return ended, head

    def _init(self, *arguments: str) -> str:
        ended = self.command.call([*arguments, "--datadir", str(self.data), "init"])
        was_refused = _refused(ended)
        assert was_refused or (self.data / "chain").exists()
        assert not (was_refused and (self.data / "chain" / "data.mdb").exists()), ended
        shutil.rmtree(self.data, ignore_errors=True)
        return "refused" if was_refused else "taken"

    def _where(self) -> list[str]:
        return ["--network", str(self.good), "--datadir", str(self.data)]

    def _write(self, name: str, data: bytes) -> str:
        file = self.folder / name
        file.write_bytes(data)
        return str(file)


def _free_ports() -> list[str]:
    return ["--http.port", "0", "--authrpc.port", "0"]


def _refused(ended: commander.Ended) -> bool:
    """In words: a line that says what is wrong; each problem of a genesis file on an indented line of its own."""
    assert not ended.broke, ended.broke
    assert "Traceback" not in ended.err, ended.err
    assert ended.code in (0, 2), ended
    said = [line for line in ended.err.splitlines() if not line.startswith("warning: ")]
    if ended.code:
        assert said[0].startswith("ethrex: "), ended.err
        assert len(said[0]) > len("ethrex: ")
        assert all(line.startswith("  ") for line in said[1:]), ended.err
        assert all(len(line) <= LONGEST_LINE for line in said), max(said, key=len)
    return ended.code != 0


def test_malformed_files(tmp_path: Path, command: commander.Commander, capsys: pytest.CaptureFixture[str]) -> None:
    files = Files(tmp_path, command)
    shares: list[tuple[str, Case, float]] = [
        ("genesis", files.genesis, 0.4),
        ("config", files.config, 0.25),
        ("chain file", files.chain, 0.2),
        ("gzip", files.gzip, 0.1),
        ("secret", files.secret, 0.05),
    ]
    dice = random.Random(SEED)
    outcomes: dict[str, Counter[str]] = {name: Counter() for name, _, _ in shares}
    for _, case, _ in shares:  # everything that is loaded at first use is loaded before the base is taken
        for _ in range(5):
            case(dice)
    usage = psutil.Process(command.process.pid)
    base_memory, base_files, base_threads = usage.memory_info().rss, usage.num_fds(), usage.num_threads()

    for name, case, share in shares:
        for _ in range(int(CASES * share)):
            outcomes[name][case(dice)] += 1

    growth = usage.memory_info().rss - base_memory
    with capsys.disabled():
        total = sum(sum(one.values()) for one in outcomes.values())
        told_outcomes = {name: dict(one) for name, one in outcomes.items()}
        print(f"\n{total} malformed files: {told_outcomes}; memory {growth >> 20:+} MiB")
    assert all(one["refused"] for one in outcomes.values())
    assert "panicked" not in command.errors, command.errors
    assert usage.num_fds() <= base_files + 1
    assert usage.num_threads() <= base_threads + 1
    assert growth < GROWTH_BYTES
