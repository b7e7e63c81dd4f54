"""Whom to believe: k of n, ties, too few, heads of nodes that are behind."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ethrex_node.rollup.l1 import agreement, errors


def test_the_one_that_differs_is_named() -> None:
    verdict = agreement.decide("logs", {"a": 1, "b": 2, "c": 1}, 2)

    assert verdict == agreement.Verdict(1, ("a", "c"), ("b",))


def test_too_few_voices_decide_nothing() -> None:
    with pytest.raises(errors.Disagreement, match="2 L1 nodes have to agree, 1 do") as found:
        agreement.decide("logs", {"a": 1, "b": 2}, 2)
    assert found.value.dissenting == ("a", "b")


def test_a_tie_decides_nothing_even_where_one_would_do() -> None:
    with pytest.raises(errors.Disagreement):
        agreement.decide("logs", {"a": 1, "b": 2}, 1)


def test_silence_is_no_voice() -> None:
    with pytest.raises(errors.Disagreement, match="0 do"):
        agreement.decide("logs", {}, 1)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=7))
def test_a_majority_of_one_mind_is_always_believed(answers: list[int]) -> None:
    given_answers = {str(index): answer for index, answer in enumerate(answers)}
    needed = agreement.majority(len(answers))
    winner = next((one for one in set(answers) if answers.count(one) >= needed), None)

    if winner is None:
        with pytest.raises(errors.Disagreement):
            agreement.decide("x", given_answers, needed)
    else:
        verdict = agreement.decide("x", given_answers, needed)
        assert verdict.value == winner
        assert len(verdict.agreeing) + len(verdict.dissenting) == len(answers)


@pytest.mark.parametrize(("needed", "height"), [(1, 900), (2, 101), (3, 100)])
def test_one_node_that_runs_ahead_does_not_pull_the_others(needed: int, height: int) -> None:
    assert agreement.common_height({"a": 100, "b": 101, "liar": 900}, needed) == height


def test_a_head_needs_enough_nodes() -> None:
    with pytest.raises(errors.Disagreement, match="head: 2 L1 nodes"):
        agreement.common_height({"a": 100}, 2)
