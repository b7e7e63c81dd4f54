"""The table of checks that `make mutations` takes away stands for the sources as they are."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "scripts"))

import mutations  # noqa: E402  scripts/ is no package: the lines above put it on the path


def test_every_check_stands_where_the_table_says() -> None:
    assert mutations.table() == []


def test_no_check_stands_in_the_table_twice() -> None:
    for checks in (mutations.RUST, mutations.CONTRACTS):
        titles = [check.title for check in checks]
        assert sorted(set(titles)) == sorted(titles)


def test_a_text_that_is_not_there_or_twice_is_told() -> None:
    check = mutations.Check("Name", "file.rs", "a < b")

    for source in ("", "a < b; a < b"):
        with pytest.raises(mutations.TableWrong, match=r"stands . times in file\.rs"):
            mutations.patched(source, check, "on()")


@pytest.mark.parametrize(
    ("source", "text", "keeps", "expected"),
    [
        ("if a != b {", "a != b", False, "if (on() && (a != b)) {"),
        ("(x, a == b),", "a == b", True, "(x, (!on() || (a == b))),"),
        ("require(a == b, No());", "a == b", True, "require((!on() || (a == b)), No());"),
        ("require(good, No(1));", "require(good, No", True, "require(!on() || good, No(1));"),
        ("(false, true) => return", "(false, true) => return", False, "(false, true) if on() => return"),
        ("A if b => false,", "A if b => false", False, "A if on() && b => false,"),
        ("Some(a) if a == b => ok,", "a == b => ok", True, "Some(a) if (!on() || a == b) => ok,"),
    ],
)
def test_a_check_asks_the_switch(source: str, text: str, keeps: bool, expected: str) -> None:
    assert mutations.patched(source, mutations.Check("Name", "file.rs", text, keeps), "on()") == expected
