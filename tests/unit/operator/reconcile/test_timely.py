"""A rollup says in time that L1 will take no batch without what waits in its queue."""

from __future__ import annotations

import pytest

from ethrex_operator.chain import figures
from ethrex_operator.reconcile.rollup import timely

NOW = 1_000_000.0


@pytest.mark.parametrize(
    ("due_in", "status", "reason"),
    [(None, "True", "InTime"), (3_601, "True", "InTime"), (3_599, "False", "DueSoon"), (-1, "False", "Overdue")],
)
def test_it_is_told_by_when_it_is_due(due_in: int | None, status: str, reason: str) -> None:
    seen = figures.Rollup(queue_due_at=0 if due_in is None else int(NOW) + due_in)

    told = timely(seen, 3_600, NOW)

    assert (told.type, told.status, told.reason) == ("ForcedInclusionTimely", status, reason)
    assert ("1970-01-12T" in told.message) is (status == "False")
