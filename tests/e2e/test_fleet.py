"""
`examples/fleet`, applied as its README says: rollups on one settlement that share an L1 and a pool. What Argo CD, Flux and
`kubectl wait` make of each on its way is judged while it lives (`unit.operator.gitops.recorded`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from unit.operator.gitops import judging, recorded

from e2e.rollups import EXAMPLE, Rollup
from e2e.whole_cluster import Cluster

pytestmark = pytest.mark.long
FLEET = EXAMPLE.with_name("fleet")
ALPHA, BETA = "ethrexrollup/rollup-alpha", "ethrexrollup/rollup-beta"
SHARED = ("ethrexl1node/l1", "ethrexsettlement/settlement", "proverpool/provers")
RECORD = os.environ.get("RECORD_GITOPS") == "1"


@pytest.fixture(scope="module")
def fleet(cluster: Cluster, operator: str) -> Iterator[Rollup]:
    yield Rollup(cluster, "fleet")
    cluster.kubectl("delete", "namespace", "fleet", "--wait=false", "--ignore-not-found")


def judge(fleet: Rollup, what: str, state: str, is_so: Callable[[dict[str, Any]], bool]) -> None:
    """As soon as the object is so, everybody makes of it what `state` means."""
    found: list[dict[str, Any]] = []

    def seen() -> bool:
        found[:] = [fleet.get(what)]
        return is_so(found[0])

    fleet.wait("condition told", seen)
    wanted = recorded.STATES[state]
    judged = judging.argocd(found[0])[0], judging.kstatus(found[0]), judging.waited(found[0])
    assert judged == (wanted.argocd, wanted.kstatus, wanted.waited), f"{what} is {state}: {found[0]['status']}"
    if RECORD:
        recorded.write(state, found[0])


def holds(type: str, status: str = "True") -> Callable[[dict[str, Any]], bool]:
    def is_so(given: dict[str, Any]) -> bool:
        told = (given.get("status") or {}).get("conditions") or ()
        return any(one["type"] == type and one["status"] == status for one in told)

    return is_so


def change(fleet: Rollup, what: str, **spec: Any) -> None:
    fleet.kubectl("patch", what, "--type=merge", "-p", json.dumps({"spec": spec}))


def test_rollups_on_one_settlement_come_up(fleet: Rollup) -> None:
    for folder in ("shared", "alpha", "beta"):
        fleet.cluster.kubectl("apply", "-k", str(FLEET / folder))
    judge(fleet, ALPHA, "progressing", lambda one: holds("Reconciling")(one) and holds("Ready", "False")(one))
    every = (*SHARED, ALPHA, BETA)
    fleet.wait("fleet ready", lambda: all(fleet.condition(what, "Ready")[0] == "True" for what in every))
    for what in every:
        judge(fleet, what, "ready", holds("Ready"))

    contracts = [fleet.get(what)["status"]["contracts"]["bridge"] for what in (ALPHA, BETA)]
    assert len(set(contracts)) == 1
    assert fleet.get("ethrexsettlement/settlement")["status"]["rollups"] == ["fleet/rollup-alpha", "fleet/rollup-beta"]
    for name, chain in (("alpha", 65_536_100), ("beta", 65_536_101)):
        assert int(fleet.ask(f"rollup-{name}-rpc", 1729, "eth_chainId"), 16) == chain


def test_one_that_is_paused_is_suspended(fleet: Rollup) -> None:
    change(fleet, BETA, paused=True)
    judge(fleet, BETA, "paused", holds("Paused"))
    change(fleet, BETA, paused=False)
    fleet.wait("rollup ready", lambda: fleet.condition(BETA, "Ready")[0] == "True")


def test_one_that_names_what_is_not_there_is_degraded(fleet: Rollup) -> None:
    pools = fleet.get(BETA)["spec"]["proving"]["pools"]
    change(fleet, BETA, proving={"pools": [{"ref": {"name": "nobody"}}]})
    judge(fleet, BETA, "degraded", holds("Stalled"))
    change(fleet, BETA, proving={"pools": pools})
    fleet.wait("rollup ready", lambda: fleet.condition(BETA, "Ready")[0] == "True")


def test_a_settlement_that_is_deleted_is_held_by_its_rollups(fleet: Rollup) -> None:
    fleet.kubectl("delete", "ethrexsettlement", "settlement", "--wait=false")
    judge(fleet, "ethrexsettlement/settlement", "held", holds("Ready", "False"))

    assert fleet.condition(ALPHA, "Ready")[0] == "True"


def test_a_rollup_that_is_deleted_is_on_its_way_until_it_has_settled(fleet: Rollup) -> None:
    fleet.kubectl("delete", BETA, "--wait=false")
    judge(fleet, BETA, "deleting", holds("Settled", "False"))
    fleet.wait("settled", lambda: not fleet.is_there(BETA))

    assert fleet.condition(ALPHA, "Ready")[0] == "True"
