"""The journal gives back what was written, whatever happened to its end."""

from pathlib import Path

import pytest

from ethrex_node.pool import journal as journals
from ethrex_node.pool.journal import Journal


def test_what_was_appended_is_there_after_a_restart(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "pool.journal")
    journal.append([b"one", b"two"])
    journal.append([b"three"])
    journal.close()

    assert Journal(tmp_path / "pool.journal").load() == [b"one", b"two", b"three"]


def test_a_torn_end_is_cut_off_at_every_length(tmp_path: Path) -> None:
    path = tmp_path / "pool.journal"
    journal = Journal(path)
    journal.append([b"first", b"second"])
    journal.close()
    whole = path.read_bytes()
    first = 8 + len(b"first")
    for length in range(len(whole)):
        path.write_bytes(whole[:length])

        assert Journal(path).load() == ([b"first"] if length >= first else [])
        assert path.stat().st_size == (first if length >= first else 0)


def test_a_flipped_bit_stops_the_reading(tmp_path: Path) -> None:
    path = tmp_path / "pool.journal"
    journal = Journal(path)
    journal.append([b"first", b"second"])
    journal.close()
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)

    assert Journal(path).load() == [b"first"]


def test_rewrite_replaces_and_appends_go_on(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "pool.journal")
    journal.append([b"old"])
    journal.rewrite([b"kept"])
    journal.append([b"new"])
    journal.close()

    assert journal.load() == [b"kept", b"new"]


def test_it_asks_to_be_written_anew_when_much_was_appended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "REWRITE_BYTES", 100)
    journal = Journal(tmp_path / "pool.journal")
    journal.append([bytes(50)])
    assert not journal.is_due

    journal.append([bytes(50)])
    assert journal.is_due
    journal.rewrite([b"kept"])

    assert not journal.is_due
    assert journal.load() == [b"kept"]
