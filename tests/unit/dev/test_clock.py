"""Timestamps of a dev chain's blocks."""

import pytest

from ethrex_node.dev.clock import BlockClock


def test_a_block_is_later_than_its_parent_even_within_a_second() -> None:
    clock = BlockClock(now=lambda: 100.9)
    assert [clock.next(50), clock.next(100), clock.next(101), clock.next(500)] == [100, 101, 102, 501]


def test_a_chosen_timestamp_counts_once_and_moves_the_clock() -> None:
    clock = BlockClock(now=lambda: 100.0)
    clock.set_next(1_000, 100)
    assert (clock.next(100), clock.next(1_000), clock.next(5)) == (1_000, 1_001, 1_000)
    with pytest.raises(ValueError, match="not after"):
        clock.set_next(1_000, 1_000)


def test_an_interval_goes_by_the_parent_and_shifts_add_up() -> None:
    clock = BlockClock(now=lambda: 100.0, interval=12)
    assert clock.next(7) == 19
    clock.interval = None
    assert (clock.increase(10), clock.increase(5), clock.next(0)) == (10, 15, 115)
    clock.set(3_000)
    assert clock.next(0) == 3_000
