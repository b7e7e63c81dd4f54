"""Conditions move their time only with their answer, and add up as kstatus reads them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ethrex_operator.kube import conditions

EARLY, LATE = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)


def test_the_time_of_a_transition_moves_with_the_answer_alone() -> None:
    first = conditions.merged([], [conditions.no("Synced", "Syncing"), conditions.yes("Up", "Runs")], 1, EARLY)
    second = conditions.merged(first, [conditions.yes("Synced", "AtHead"), conditions.yes("Up", "Walks")], 2, LATE)

    assert [one["lastTransitionTime"] for one in second] == ["2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z"]
    assert [one["reason"] for one in second] == ["AtHead", "Walks"]
    assert {one["observedGeneration"] for one in second} == {2}


def test_a_long_message_is_cut() -> None:
    (one,) = conditions.merged([], [conditions.no("Synced", "Syncing", "x" * 9_000)], 1, EARLY)

    assert len(one["message"]) == conditions.MESSAGE_CHARACTERS


def by_type(found: list[conditions.Condition]) -> dict[str, tuple[str, str]]:
    return {one.type: (one.status, one.reason) for one in found}


def test_what_holds_in_every_part_is_ready() -> None:
    found = by_type(conditions.summary([conditions.yes("Synced", "AtHead")]))

    assert found["Ready"] == ("True", "AllHold")
    assert found["Reconciling"][0] == found["Stalled"][0] == found["Paused"][0] == "False"


@pytest.mark.parametrize("part", [conditions.no("Synced", "Syncing"), conditions.unknown("Synced", "Syncing")])
def test_a_part_that_does_not_hold_is_reconciled_and_named(part: conditions.Condition) -> None:
    found = by_type(conditions.summary([conditions.yes("Up", "Runs"), part]))

    assert found["Ready"] == ("False", "Syncing")
    assert found["Reconciling"][0] == "True"
    assert found["Stalled"][0] == "False"


def test_what_waits_for_somebody_is_stalled_and_reconciles_nothing() -> None:
    found = by_type(conditions.summary([], stalled=conditions.no("Ready", "Invalid", "spec.chainId")))

    assert found["Ready"] == ("False", "Invalid")
    assert found["Stalled"] == ("True", "Invalid")
    assert found["Reconciling"][0] == "False"
