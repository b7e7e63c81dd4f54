"""Chain files in and out: what is good is kept, what is bad is named, nothing is half written."""

from __future__ import annotations

import fcntl
import gzip
import sys
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
from unit.chain import chains

from ethrex_node import _native, cli
from ethrex_node.cli import transfer

Ethrex = Callable[..., int]


@pytest.fixture
def ethrex(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ethrex:
    """The command on a data folder of its own, with the genesis of `chains`."""
    genesis = tmp_path / "genesis.json"
    genesis.write_bytes(chains.genesis())

    def call(*arguments: str, datadir: str = "data") -> int:
        base = ["--network", str(genesis), "--datadir", str(tmp_path / datadir)]
        monkeypatch.setattr(sys, "argv", ["ethrex", arguments[0], *base, *arguments[1:]])
        return cli.main()

    return call


@pytest.fixture
def blocks(tmp_path: Path) -> list[bytes]:
    return [built.block for built in chains.extend(chains.open_chain(tmp_path / "source"), 5)]


def test_what_was_exported_is_imported_again(ethrex: Ethrex, blocks: list[bytes], tmp_path: Path) -> None:
    (tmp_path / "in.rlp").write_bytes(b"".join(blocks))
    for name in ("out.rlp", "out.rlp.gz"):
        assert ethrex("import", str(tmp_path / "in.rlp")) == 0
        assert ethrex("export", "--first", "1", str(tmp_path / name)) == 0

    assert (tmp_path / "out.rlp").read_bytes() == b"".join(blocks)
    assert gzip.decompress((tmp_path / "out.rlp.gz").read_bytes()) == b"".join(blocks)
    assert ethrex("import", str(tmp_path / "out.rlp.gz"), datadir="other") == 0


class Counted:
    """The chain, with the count of blocks in each commit of an import."""

    def __init__(self, chain: _native.Chain) -> None:
        self.sync, self.head = chain.sync, chain.head
        self._chain = chain
        self.runs: list[int] = []

    def import_blocks(self, chunk: bytes) -> _native.ImportReport:
        report = self._chain.import_blocks(chunk)
        self.runs.append(report.blocks)
        return report


def test_light_blocks_are_committed_in_short_runs(tmp_path: Path) -> None:
    many = [built.block for built in chains.extend(chains.open_chain(tmp_path / "source"), 1_000)]
    (tmp_path / "in.rlp").write_bytes(b"".join(many))
    counted = Counted(chains.open_chain(tmp_path / "target"))

    transfer.import_into(cast("_native.Chain", counted), tmp_path / "in.rlp")

    first, *later = counted.runs
    assert first + sum(later) == len(many)
    assert max(later) <= transfer.RUN_BLOCKS + 1  # one may have begun in the chunk before


def test_a_bad_block_stops_the_import_and_is_named(
    ethrex: Ethrex, blocks: list[bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoilt = chains.with_wrong_root(blocks[3])
    (tmp_path / "in.rlp").write_bytes(b"".join([*blocks[:3], spoilt, blocks[4]]))

    assert ethrex("import", str(tmp_path / "in.rlp")) == 2
    error = capsys.readouterr().err
    assert ethrex("init") == 0

    assert "stopped at block 4, 3 blocks imported: StateRootMismatch" in error
    assert capsys.readouterr().out.startswith("block 3 ")


@pytest.mark.parametrize("cut", [1, 100])
def test_a_file_that_ends_in_a_block_is_named_and_its_whole_blocks_are_kept(
    ethrex: Ethrex, blocks: list[bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str], cut: int
) -> None:
    (tmp_path / "in.rlp").write_bytes(b"".join(blocks)[:-cut])

    assert ethrex("import", str(tmp_path / "in.rlp")) == 2
    assert "ends in the middle of a block" in capsys.readouterr().err
    assert ethrex("init") == 0
    assert capsys.readouterr().out.startswith("block 4 ")


def test_a_damaged_gzip_file_is_an_error_and_no_traceback(
    ethrex: Ethrex, blocks: list[bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    packed = gzip.compress(b"".join(blocks))
    for name, data in {"cut": packed[:-20], "flipped": packed[:30] + b"\xff\xff\xff" + packed[33:]}.items():
        (tmp_path / f"{name}.rlp.gz").write_bytes(data)

        assert ethrex("import", str(tmp_path / f"{name}.rlp.gz"), datadir=name) == 2
        assert capsys.readouterr().err.startswith("ethrex: ")


def test_what_comes_before_the_damage_of_a_gzip_file_is_kept(
    ethrex: Ethrex, blocks: list[bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    packed = gzip.compress(b"".join(blocks))
    damaged = {"cut": packed[:-1], "wrong sum": packed[:-8] + bytes(8)}
    for name, data in damaged.items():
        (tmp_path / f"{name}.rlp.gz").write_bytes(data)

        assert ethrex("import", str(tmp_path / f"{name}.rlp.gz"), datadir=name) == 2
        assert "import stopped at block 6, 5 blocks imported: the file is damaged: " in capsys.readouterr().err
        assert ethrex("init", datadir=name) == 0
        assert capsys.readouterr().out.startswith("block 5 ")


def test_a_file_that_promises_a_huge_block_is_not_read_into_memory(
    ethrex: Ethrex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(transfer, "CHUNK_BYTES", 1 << 12)
    monkeypatch.setattr(transfer, "LEFT_BYTES", 1 << 14)
    (tmp_path / "in.rlp").write_bytes(b"\xfb\x7f\xff\xff\xff" + bytes(1 << 17))

    assert ethrex("import", str(tmp_path / "in.rlp")) == 2
    assert "no block ends within" in capsys.readouterr().err


def test_blocks_that_are_not_there_are_not_exported(
    ethrex: Ethrex, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for bounds in (("--first", "1"), ("--first", "0", "--last", "9"), ("--first", "-1")):
        assert ethrex("export", *bounds, str(tmp_path / "out.rlp")) == 2
        assert capsys.readouterr().err.startswith("ethrex: ")

    assert list(tmp_path.glob("out.rlp*")) == []


def test_a_marked_chain_is_not_exported(ethrex: Ethrex, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    native = _native.Chain(tmp_path / "data" / "chain", chains.genesis())
    native.mark()
    del native

    assert ethrex("export", str(tmp_path / "out.rlp")) == 2
    assert "written to past its blocks" in capsys.readouterr().err


def test_removedb_takes_the_chain_and_leaves_the_secret(ethrex: Ethrex, tmp_path: Path) -> None:
    assert ethrex("init") == 0
    data = tmp_path / "data"
    (data / "pool.journal").write_bytes(b"")
    (data / "jwt.hex").write_text("00" * 32)

    assert ethrex("removedb", "--yes") == 0
    assert sorted(path.name for path in data.iterdir()) == ["jwt.hex"]


def test_removedb_refuses_a_folder_in_use(ethrex: Ethrex, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ethrex("init") == 0
    with (tmp_path / "data" / "chain" / "LOCK").open("r+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        assert ethrex("removedb", "--yes") == 2

    assert "in use" in capsys.readouterr().err
    assert (tmp_path / "data" / "chain").exists()
