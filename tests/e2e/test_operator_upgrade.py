"""Another operator with the same versions of what it runs: it takes over, and no pod of a rollup is made anew."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from e2e import installed, rollups
from e2e.rollups import Rollup
from e2e.whole_cluster import Cluster

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def rollup(cluster: Cluster, operator: str) -> Iterator[Rollup]:
    with rollups.applied(cluster) as found:
        yield found


def pods(rollup: Rollup) -> dict[str, str]:
    found = json.loads(rollup.kubectl("get", "pods", "-o", "json"))["items"]
    return {one["metadata"]["name"]: one["metadata"]["uid"] for one in found}


def test_an_upgrade_of_the_operator_rolls_no_pod(rollup: Rollup, operator: str) -> None:
    cluster = rollup.cluster
    before, leader = pods(rollup), installed.holder(cluster, operator)
    events = {reason: rollup.events(reason) for reason in ("Changed", "Rolled", "Repaired", "Recreated")}

    installed.upgrade(cluster, operator, values={"logLevel": "debug", "podAnnotations.upgraded": "yes"})
    rollup.wait("new leader", lambda: installed.holder(cluster, operator) not in ("", leader))
    rollup.kubectl("delete", "service", "l1")  # once it is back, the new one has looked
    rollup.wait("drift repaired", lambda: rollup.is_there("service/l1"))
    for what in rollups.KINDS:  # and had every resource in its hands
        rollup.kubectl("annotate", what, "looked=at", "--overwrite")
    rollup.wait("rollup ready", rollup.is_ready)

    assert pods(rollup) == before
    for reason in ("Changed", "Rolled"):
        assert rollup.events(reason) == events[reason]
