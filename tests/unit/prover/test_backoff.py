"""Pauses grow, stay below their bound, and differ between provers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ethrex_prover.backoff import Backoff

BACKOFF = Backoff(0.5, 30.0)


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_a_pause_lies_between_half_and_whole(failures: int, chance: float) -> None:
    pause = BACKOFF.pause(failures, chance)

    assert 0.25 <= pause <= 30.0
    assert BACKOFF.pause(failures + 1, chance) >= pause


def test_chance_spreads_a_pool() -> None:
    assert BACKOFF.pause(3, 0.0) == 1.0
    assert BACKOFF.pause(3, 1.0) == 2.0
