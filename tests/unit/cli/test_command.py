"""The command as a user meets it: what is refused, in which words, with which exit code."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from ethrex_node import _native, cli


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["ethrex", *arguments])
    return cli.main()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--http.prt", "5"], "no option --http.prt; did you mean --http.port?"),
        (["exprt", "x"], "no command 'exprt'; did you mean export?"),
        (["--dev", "--network", "hoodi"], "leave out either --network or --dev"),
        (["--authrpc.port", "8545"], "--authrpc.port and --http.port are both 8545"),
        (["--http.port", "many"], "--http.port: 'many' is not a whole number"),
        (["--network", "hodi"], "did you mean hoodi?"),
        (["--config", "/nowhere.toml"], "config file /nowhere.toml: No such file"),
        (["--dev", "export", "/tmp/x", "--first"], "--first"),
    ],
)
def test_a_wrong_call_is_refused_in_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    code = run(monkeypatch, *arguments)

    assert code == 2
    assert message in capsys.readouterr().err


def test_version_prints_the_cores(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "version") == 0
    assert capsys.readouterr().out == f"ethrex {_native.version()}\n"


def test_the_life_of_a_data_folder(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder, file = tmp_path / "data", tmp_path / "chain.rlp.gz"
    where = ["--network", "hoodi", "--datadir", str(folder)]

    assert run(monkeypatch, *where, "init") == 0
    assert "block 0 0xbbe312868b376a3001692a646dd2d7d1e4406380dfd86b98aa8a34d1557c971b" in capsys.readouterr().out
    assert run(monkeypatch, *where, "export", str(file)) == 0
    assert gzip.decompress(file.read_bytes())[:1] == b"\xf9"
    assert run(monkeypatch, *where, "removedb", "--yes") == 0
    assert not (folder / "chain").exists()
    assert run(monkeypatch, *where, "removedb", "--yes") == 2
    assert "no database in" in capsys.readouterr().err


def test_an_engine_secret_is_made_once_and_never_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "shared" / "jwt.hex"

    assert run(monkeypatch, "engine-secret", str(file)) == 0
    made = file.read_text()
    assert run(monkeypatch, "engine-secret", str(file)) == 0

    assert file.read_text() == made
    assert len(bytes.fromhex(made.removeprefix("0x"))) == 32
    assert file.stat().st_mode & 0o777 == 0o600
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "")


def test_what_is_no_engine_secret_is_left_alone_and_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "jwt.hex"
    file.write_text("secret")

    assert run(monkeypatch, "engine-secret", str(file)) == 2
    assert "64 hexadecimal digits" in capsys.readouterr().err
    assert file.read_text() == "secret"
