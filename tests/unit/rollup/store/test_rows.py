"""Rows: what is written is read, rows of before can be read, anything else is refused."""

from __future__ import annotations

import dataclasses
import enum
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ethrex_node import _native
from ethrex_node.rollup.store import rows, schema


class Colour(enum.StrEnum):
    RED = "red"


@dataclass(frozen=True)
class Inner:
    amount: int
    is_set: bool


@dataclass(frozen=True)
class Row:
    number: int
    text: str
    raw: bytes
    colour: Colour
    inner: Inner | None
    many: tuple[Inner, ...]
    later: int = 7


INNERS = st.builds(Inner, st.integers(0, 2**300), st.booleans())
ROWS = st.builds(
    Row,
    number=st.integers(0, 2**256),
    text=st.text(),
    raw=st.binary(),
    colour=st.just(Colour.RED),
    inner=st.none() | INNERS,
    many=st.lists(INNERS).map(tuple),
    later=st.integers(0, 2**64),
)


@given(ROWS)
def test_what_is_written_is_read(row: Row) -> None:
    assert rows.decode(Row, rows.encode(row)) == row


def test_a_row_without_the_newest_field_has_its_default() -> None:
    full = _native.rlp_decode(rows.encode(Row(1, "a", b"", Colour.RED, None, ())))

    assert rows.decode(Row, _native.rlp_encode(full[:-1])).later == 7


@pytest.mark.parametrize(
    "data", [b"", b"\xff", b"\xc0", b"\x80", _native.rlp_encode([b""] * 8), _native.rlp_encode([[]] * 6)]
)
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(rows.BadRow, match="not a row of Row"):
        rows.decode(Row, data)


def test_an_unknown_word_is_refused() -> None:
    parts = _native.rlp_decode(rows.encode(Row(1, "a", b"", Colour.RED, None, ())))
    parts[3] = b"blue"

    with pytest.raises(rows.BadRow, match="blue"):
        rows.decode(Row, _native.rlp_encode(parts))


@given(st.binary(max_size=200))
def test_random_bytes_never_raise_anything_else(data: bytes) -> None:
    for table in schema.TABLES:
        try:
            row = rows.decode(table.kind, data)
        except rows.BadRow:
            continue
        assert rows.encode(row)


def test_every_table_has_a_name_of_its_own_and_a_kind_that_can_be_written() -> None:
    assert len({table.name for table in schema.TABLES}) == len(schema.TABLES)
    for table in schema.TABLES:
        assert dataclasses.is_dataclass(table.kind)
        with pytest.raises(rows.BadRow):
            rows.decode(table.kind, b"\xc1\x80" + b"\0")
