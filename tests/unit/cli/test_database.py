"""``ethrex db``: copies beside a writer, figures that add up, pruning that says what it kept."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from unit.chain import chains

from ethrex_node import _native, cli

Ethrex = Callable[..., int]
BLOCKS = 20


@pytest.fixture
def ethrex(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ethrex:
    """The command on a data folder with the genesis of `chains`."""
    genesis = tmp_path / "genesis.json"
    genesis.write_bytes(chains.genesis())

    def call(*arguments: str) -> int:
        base = ["--network", str(genesis), "--datadir", str(tmp_path / "data")]
        monkeypatch.setattr(sys, "argv", ["ethrex", *base, "db", *arguments])
        return cli.main()

    return call


@pytest.fixture
def writer(tmp_path: Path) -> _native.Chain:
    return _writer(tmp_path)


def _writer(tmp_path: Path) -> _native.Chain:
    chain = chains.open_chain(tmp_path / "data")
    chains.extend(chain, BLOCKS)
    return chain


@pytest.mark.parametrize("flags", [(), ("--compact",)])
def test_a_copy_beside_a_writer_is_a_chain_of_its_own(
    ethrex: Ethrex, writer: _native.Chain, tmp_path: Path, flags: tuple[str, ...]
) -> None:
    then = writer.head().hash

    assert ethrex("copy", *flags, str(tmp_path / "copy")) == 0
    chains.extend(writer, 1)
    copied = chains.open_chain(tmp_path / "copy")

    assert copied.head().hash == then
    chains.extend(copied, 1)


def test_a_copy_never_goes_over_something(
    ethrex: Ethrex, writer: _native.Chain, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "mine"
    target.mkdir()
    (target / "letters.txt").write_text("dear")

    for place in (target, target / "letters.txt"):
        assert ethrex("copy", str(place)) == 2
        assert "is not empty" in capsys.readouterr().err

    assert [path.name for path in target.iterdir()] == ["letters.txt"]


def test_nothing_is_left_of_a_copy_that_fails(
    ethrex: Ethrex, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data" / "chain").mkdir(parents=True)

    assert ethrex("copy", str(tmp_path / "deep" / "copy")) == 2

    assert "no database in" in capsys.readouterr().err
    assert not (tmp_path / "deep").exists()


def test_figures_are_those_of_the_chain(
    ethrex: Ethrex, writer: _native.Chain, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ethrex("stats", "--json") == 0
    figures = json.loads(capsys.readouterr().out)
    assert ethrex("stats") == 0
    text = capsys.readouterr().out

    assert figures["head"] == BLOCKS
    assert figures["tables"]["header"]["entries"] == BLOCKS + 1
    assert figures["live_bytes"] + figures["free_bytes"] <= figures["file_bytes"]
    assert sum(table["bytes"] for table in figures["tables"].values()) <= figures["live_bytes"]
    assert figures["oldest_reader_commits"] == 0
    assert f"head {BLOCKS};" in text
    assert "oldest 0 commits behind" in text


def test_what_is_not_to_be_kept_is_gone_and_the_rest_is_there(
    ethrex: Ethrex, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    writer = _writer(tmp_path)
    hashes = [writer.canonical_hash(number) for number in range(BLOCKS + 1)]
    del writer

    assert ethrex("prune", "--keep-bodies", "5", "--keep-history", "1") == 0
    said = capsys.readouterr().out
    chain = chains.open_chain(tmp_path / "data")
    bodies = [chain.body(one) is not None for one in hashes if one is not None]

    assert f"state {BLOCKS - 1}, receipts 0, bodies {BLOCKS - 4}" in said
    assert bodies[1 : BLOCKS - 4] == [False] * (BLOCKS - 5)
    assert bodies[BLOCKS - 4 :] == [True] * 5
    chains.extend(chain, 1)


def test_pruning_needs_the_folder_for_itself_and_something_to_do(
    ethrex: Ethrex, writer: _native.Chain, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ethrex("prune", "--keep-bodies", "5") == 2
    assert "in use by" in capsys.readouterr().err
    assert ethrex("prune") == 2
    assert "--keep-history" in capsys.readouterr().err
    assert ethrex("prune", "--keep-bodies", "0") == 2
    assert "0 is not in the range" in capsys.readouterr().err


def test_damage_is_named(ethrex: Ethrex, tmp_path: Path) -> None:
    writer = _writer(tmp_path)
    assert ethrex("check") == 0
    del writer
    file = tmp_path / "data" / "chain" / "data.mdb"
    data = bytearray(file.read_bytes())
    data[3 * 4096 :] = bytes(len(data) - 3 * 4096)
    file.write_bytes(data)

    assert ethrex("check") == 2


def test_a_chain_in_memory_has_no_folder(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["ethrex", "db", "stats", "--dev"])

    assert cli.main() == 2
    assert "--datadir" in capsys.readouterr().err
