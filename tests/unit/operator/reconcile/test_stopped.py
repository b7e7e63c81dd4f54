"""What a resource says of itself while nothing of it is looked at, and that a rollup whose signer is taken touches nothing."""

from __future__ import annotations

import asyncio
import copy
from pathlib import Path
from typing import Any, cast

import yaml

from ethrex_operator.kube import conditions
from ethrex_operator.kube.client import Kube, Object
from ethrex_operator.main import Operator, Settings
from ethrex_operator.reconcile import report, steps
from ethrex_operator.reconcile.world import Key
from ethrex_operator.topology.workload import Program

EXAMPLE = (Path(__file__).parents[4] / "examples" / "rollup.yaml").read_text()
FOUND = [
    conditions.yes("Ready", "AllHold"),
    conditions.no("Paused", "NotAsked"),
    conditions.yes("Deployed", "ByPlan"),
    conditions.no("Committing", "Behind", "more than 16 batches wait"),
]


def with_conditions(found: list[conditions.Condition]) -> Object:
    return {"status": {"contracts": {"proposer": "0x1"}, "conditions": conditions.merged((), found, 1)}}


def test_parts_are_told_as_they_were_and_as_not_looked_at() -> None:
    left = report.unlooked(with_conditions(FOUND), "paused")

    assert left == (
        conditions.unknown("Committing", "NotLookedAt", "paused; before: False, Behind: more than 16 batches wait"),
        conditions.yes("Deployed", "ByPlan"),
    )
    assert report.unlooked(with_conditions(list(left)), "stalled") == left


def test_a_part_that_stops_it_is_told_itself_and_nothing_that_was_recorded_goes() -> None:
    why = conditions.no("Committing", "Refused", "by somebody")

    found = report.stopped(with_conditions(FOUND), why)

    assert (found.parts, found.more, found.stalled) == ((why,), (conditions.yes("Deployed", "ByPlan"),), why)
    assert found.fields == {"contracts": {"proposer": "0x1"}}


def test_paused_is_neither_ready_nor_stalled() -> None:
    told = {one.type: one.status for one in conditions.summary([], paused=True)}

    assert told == {"Ready": "False", "Reconciling": "False", "Stalled": "False", "Paused": "True"}


class WritesStandIn:
    """An API server that takes statuses and finalizers, and remembers what else it was asked for."""

    tracing: Any = None

    def __init__(self) -> None:
        self.statuses: dict[str, Object] = {}
        self.others: list[str] = []

    async def apply(self, wanted: Object, *, status: bool = False) -> Object:
        if not status:
            self.others.append(wanted["kind"])
        self.statuses[wanted["metadata"]["name"]] = wanted["status"]
        return wanted | {"metadata": wanted["metadata"] | {"uid": "of it", "generation": 1, "resourceVersion": "9"}}

    async def request(self, verb: str, path: str, *_: Any, **__: Any) -> Object:
        return {"metadata": {"finalizers": ["ethrex.dev/teardown"], "resourceVersion": "2"}}


def test_a_rollup_whose_signer_is_anothers_waits_and_makes_nothing() -> None:
    server, nothing = WritesStandIn(), cast("Any", None)
    images = {Program.NODE: "node", Program.PROVER: "prover"}
    settings = Settings(None, "system", "operator", None, 0, "127.0.0.1", "me", images)
    operator = Operator(settings, cast("Kube", server), nothing, "https://issuer")
    for one in yaml.safe_load_all(EXAMPLE):
        for name in ("first", "second") if one["kind"] == "EthrexRollup" else (one["metadata"]["name"],):
            body = copy.deepcopy(one)
            made = "2026-01-01T00:00:00Z" if name == "first" else "2026-01-02T00:00:00Z"
            body["metadata"] |= {"name": name, "namespace": "team", "uid": f"{one['kind']}/{name}", "generation": 1}
            body["metadata"] |= {"resourceVersion": "1", "creationTimestamp": made}
            operator.event(one["kind"], None, body)

    again = asyncio.run(steps.reconcile(operator.world, Key("EthrexRollup", "team", "second")))

    told = {one["type"]: one for one in server.statuses["second"]["conditions"]}
    assert (told["SignerReserved"]["status"], told["SignerReserved"]["reason"]) == ("False", "SignerInUse")
    assert "team/first" in told["Stalled"]["message"]
    assert told["Stalled"]["status"] == "True"
    assert server.others == []
    assert again.seconds is not None
