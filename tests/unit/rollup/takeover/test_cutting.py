"""Batches of blocks that another sequencer sealed: one price each, as large as fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from ethrex_node import _native
from ethrex_node.rollup.store.schema import SealedBlock
from ethrex_node.rollup.takeover import cutting


@dataclass
class Made:
    encoded: bytes
    blobs: Sequence[object]


class Maker:
    """A blob holds three blocks. What it was asked to build on is remembered."""

    def __init__(self, most_blocks: int = 100) -> None:
        self.most_blocks = most_blocks
        self.taken: list[tuple[int, int, bytes]] = []

    def __call__(self, first: int, last: int, previous: bytes) -> Made:
        count = last - first + 1
        if count > self.most_blocks:
            raise _native.ProgramRefused("too large")
        self.taken.append((first, last, previous))
        return Made(b"%d" % last, [None] * -(-count // 3))


def row(number: int, price: int = 1, gas: int = 10) -> SealedBlock:
    return SealedBlock(number, bytes(32), number, gas, 0, 0, 0, price, 0, 0)


MOST = cutting.Most(blobs=2, gas=1_000)


def test_no_block_makes_no_batch() -> None:
    assert cutting.ends([], b"base", Maker(), MOST) == []


def test_a_batch_ends_where_prices_change() -> None:
    maker = Maker()

    assert cutting.ends([row(5), row(6), row(7, price=2)], b"base", maker, MOST) == [6, 7]
    assert maker.taken == [(5, 6, b"base"), (7, 7, b"6")]


def test_what_does_not_fit_into_its_blobs_is_halved() -> None:
    assert cutting.ends([row(number) for number in range(1, 15)], b"", Maker(), MOST) == [3, 8, 14]


def test_what_takes_too_much_gas_is_halved() -> None:
    assert cutting.ends([row(1, gas=600), row(2, gas=600)], b"", Maker(), MOST) == [1, 2]


def test_what_cannot_be_made_is_halved_and_one_block_is_an_error() -> None:
    assert cutting.ends([row(1), row(2)], b"", Maker(most_blocks=1), MOST) == [1, 2]
    with pytest.raises(_native.ProgramRefused):
        cutting.ends([row(1)], b"", Maker(most_blocks=0), MOST)
