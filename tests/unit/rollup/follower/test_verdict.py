"""What L1's batches mean for the blocks that a follower has."""

from __future__ import annotations

from ethrex_node.rollup.follower import verdict
from ethrex_node.rollup.follower.verdict import Agreement, Mark

MARKS = [Mark(batch, 10 * batch, bytes([batch]) * 32) for batch in (3, 2, 1)]
OURS = {mark.block: mark.hash for mark in MARKS}


def test_the_newest_batch_that_agrees_speaks_for_those_before() -> None:
    asked: list[int] = []

    def ours(block: int) -> bytes:
        asked.append(block)
        return OURS[block]

    assert verdict.compare(MARKS, ours) == Agreement(MARKS[0], None)
    assert asked == [30]


def test_the_first_batch_that_differs_is_named_with_the_last_that_does_not() -> None:
    ours = OURS | {20: b"\x66" * 32, 30: b"\x77" * 32}

    assert verdict.compare(MARKS, ours.get) == Agreement(MARKS[2], MARKS[1])


def test_where_nothing_agrees_only_the_genesis_is_left() -> None:
    assert verdict.compare(MARKS, lambda _: None) == Agreement(None, MARKS[2])


def test_without_batches_nothing_is_confirmed_and_nothing_wrong() -> None:
    assert verdict.compare([], OURS.get) == Agreement(None, None)


def test_lag_counts_from_when_it_had_the_newest_block() -> None:
    assert verdict.lag(100.0, None, 5.0) == "the sequencer's newest block was not reached yet"
    assert verdict.lag(105.0, 100.0, 5.0) is None
    assert verdict.lag(105.5, 100.0, 5.0) == "behind the sequencer for 5.5 s, more than 5"
