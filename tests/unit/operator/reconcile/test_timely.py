"""A rollup says in time that L1 will take no batch without what waits in its queue."""

from __future__ import annotations

import pytest

from ethrex_operator.api import loading
from ethrex_operator.api.rollup import EthrexRollup
from ethrex_operator.chain import figures
from ethrex_operator.reconcile.rollup import timely
from unit.operator.api.manifests import Case

NOW = 1_000_000.0


@pytest.mark.parametrize(
    ("due_in", "given", "status", "reason"),
    [
        (None, 86_400, "True", "InTime"),
        (3_601, 86_400, "True", "InTime"),
        (3_599, 86_400, "False", "DueSoon"),
        (301, 600, "True", "InTime"),
        (299, 600, "False", "DueSoon"),
        (-1, 600, "False", "Overdue"),
        (-1, 0, "True", "InTime"),
    ],
)
def test_it_is_told_by_when_it_is_due(due_in: int | None, given: int, status: str, reason: str) -> None:
    rollup = loading.read(Case("rollup", (("delays.inclusionSeconds", given),)).manifest())
    assert isinstance(rollup, EthrexRollup)
    seen = figures.Rollup(queue_due_at=0 if due_in is None else int(NOW) + due_in)

    told = timely(seen, rollup.spec, NOW)

    assert (told.type, told.status, told.reason) == ("ForcedInclusionTimely", status, reason)
    assert ("1970-01-12T" in told.message) is (status == "False")
