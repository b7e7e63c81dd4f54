"""Deployers take turns, what they said is recorded, and a proxy that runs something else since is noticed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from ethrex_operator.api import loading
from ethrex_operator.chain import rpc
from ethrex_operator.chain.errors import Unreachable
from ethrex_operator.kube import kinds
from ethrex_operator.kube.children import Change
from ethrex_operator.kube.objects.naming import OWNER
from ethrex_operator.reconcile import deploying, rollup, settlement
from ethrex_operator.reconcile.report import Report
from ethrex_operator.reconcile.running import JOB_UID
from ethrex_operator.reconcile.scaling_state import Scaling
from ethrex_operator.reconcile.world import Key, Store, World
from ethrex_operator.topology.settlement import SIGNER
from ethrex_operator.topology.workload import Program

EXAMPLE = (Path(__file__).parents[4] / "examples" / "rollup.yaml").read_text()
NAMES = ("proposer", "bridge", "registry", "attestedVerifier")
CONTRACTS = {name: "0x" + f"{number}" * 40 for number, name in enumerate(NAMES, 1)}
BEHIND = {name: "0x" + f"{number}" * 40 for number, name in enumerate(NAMES, 5)}
SHARED = Key("EthrexSettlement", "team", "shared")

Object = dict[str, Any]


@dataclass
class ServerStandIn:
    """Jobs and their pods as far as deployers are concerned; one that is ensured is there, and does not end by itself."""

    jobs: dict[str, Object] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)  # by the Job's uid: a pod outlives its Job for a while
    number: int = 0

    async def ensure(self, owner: Any, wanted: list[Object]) -> list[Change]:
        made = {one["metadata"]["name"]: dict(one) for one in wanted if one["kind"] == "Job"}
        mine = {name for name, one in self.jobs.items() if one["metadata"]["labels"][OWNER] == owner.name}
        for name in mine - made.keys():
            del self.jobs[name]
        for name in made.keys() - self.jobs.keys():
            self.number += 1
            self.jobs[name] = made[name] | {"metadata": made[name]["metadata"] | {"uid": f"job-{self.number}"}}
        return []

    def body(self, _: kinds.Kind, __: str, name: str) -> Object | None:
        return self.jobs.get(name)

    async def remove(self, _: kinds.Kind, __: str, name: str) -> None:
        self.jobs.pop(name)

    def bodies(self, kind: kinds.Kind, _: str | None, labels: Object) -> list[Object]:
        if kind is kinds.JOB:
            return [one for one in self.jobs.values() if one["metadata"]["labels"][SIGNER] == labels[SIGNER]]
        if labels.get(JOB_UID) not in self.said:
            return []
        said = {"state": {"terminated": {"message": self.said[labels[JOB_UID]]}}}
        status = {"phase": "Succeeded", "containerStatuses": [said]}
        return [{"metadata": {"creationTimestamp": "1"}, "status": status}]

    def end(self, name: str, type: str, said: str = "", ago: float = 0.0) -> None:
        when = (datetime.now(UTC) - timedelta(seconds=ago)).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.jobs[name]["status"] = {"conditions": [{"type": type, "status": "True", "lastTransitionTime": when}]}
        if said:
            self.said[self.jobs[name]["metadata"]["uid"]] = said


def result(*chain_ids: int) -> str:
    more = {"l1ChainId": 31337, "deployedAtBlock": 3, "programVersion": 1, **CONTRACTS}
    chains = [{"chainId": one, **more} for one in chain_ids]
    return json.dumps({"l1ChainId": 31337, "contracts": CONTRACTS, "chains": chains, "implementations": BEHIND})


def world(server: ServerStandIn, rollups: int = 1, **spec: Any) -> World:
    """One L1, the settlement `shared`, rollups that settle there and one pool."""
    l1, example, pool = yaml.safe_load_all(EXAMPLE)
    bodies = {}
    shared = {"kind": SHARED.kind, "metadata": {"name": "shared"}, "spec": {"l1": {"ref": {"name": "l1"}}, **spec}}
    for one in (l1, pool, shared, *(_rollup(example, number) for number in range(rollups))):
        one["apiVersion"] = "ethrex.dev/v1alpha1"
        one["metadata"] |= {"namespace": "team", "uid": one["metadata"]["name"], "generation": 1}
        bodies[Key(one["kind"], "team", one["metadata"]["name"])] = one
    like: Any = server
    nothing: Any = None
    images = {Program.NODE: "node", Program.PROVER: "prover"}
    return World(
        *(like, like, Store(bodies), nothing, "https://issuer", "system", "operator", None, "me", images),
        *(nothing, Scaling()),
    )


def _rollup(example: Object, number: int) -> Object:
    made: Object = json.loads(json.dumps(example))
    made["metadata"] |= {"name": f"r{number}", "creationTimestamp": f"2026-01-0{number + 1}"}
    accounts = {"committer": {"devAccount": 4 + number}, "settler": {"devAccount": 4 + number}}
    made["spec"] |= {"chainId": 100 + number, "settlement": {"name": "shared"}, "keys": accounts}
    return made


@pytest.fixture(autouse=True)
def l1(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What stands behind the proxies, by their address; empty: L1 is away for such questions."""
    behind = {CONTRACTS[name]: BEHIND[name] for name in NAMES}

    async def call(_: object, url: str, method: str, *params: Any) -> Any:
        if method == "eth_chainId":
            return "0x7a69"
        if not behind:
            raise Unreachable(url)
        return "0x" + behind[params[0]][2:].rjust(64, "0")

    monkeypatch.setattr(rpc, "call", call)
    return behind


def look(found: World, kind: str = SHARED.kind, name: str = SHARED.name) -> tuple[Report, list[Change]]:
    """One reconcile, its status written as it would be."""
    key, changes = Key(kind, "team", name), list[Change]()
    by: dict[str, Callable[..., Any]] = {SHARED.kind: settlement.reconcile, "EthrexRollup": rollup.reconcile}
    report: Report = asyncio.run(by[kind](found, loading.read(found.store[key]), changes))
    told = [{"type": one.type, "status": one.status, "reason": one.reason} for one in (*report.parts, *report.more)]
    found.store.put(key, found.store[key] | {"status": {**report.fields, "conditions": told}})
    return report, changes


def said(report: Report, type: str) -> tuple[str, str]:
    return next((one.status, one.reason) for one in (*report.parts, *report.more) if one.type == type)


def settled(server: ServerStandIn, found: World) -> None:
    """Its contracts are there."""
    look(found)
    server.end(next(iter(server.jobs)), "Complete", result())
    look(found)


def test_a_settlement_deploys_and_compares_without_a_rollup() -> None:
    server = ServerStandIn()
    found = world(server, rollups=0)

    before, _ = look(found)
    (job,) = server.jobs
    server.end(job, "Complete", result())
    after, changes = look(found)

    assert said(before, "Deployed") == ("False", "Deploying")
    assert said(before, "Verified") == ("Unknown", "NotLookedYet")
    assert said(after, "Deployed") == ("True", "Recorded")
    assert said(after, "Verified") == ("True", "ByCode")
    assert after.fields["contracts"]["bridge"] == CONTRACTS["bridge"]
    assert [one.reason for one in changes] == ["Deployed", "Verified"]


def test_one_rollup_after_the_other_is_registered() -> None:
    server = ServerStandIn()
    found = world(server, rollups=3)
    settled(server, found)

    begun = []
    for _ in range(3):
        look(found)
        running = [name for name, one in server.jobs.items() if "status" not in one]
        begun.append(len(running))
        look(found)
        assert [name for name, one in server.jobs.items() if "status" not in one] == running
        server.end(running[0], "Complete", result(100))

    assert begun == [1, 1, 1]
    assert len(server.jobs) == 4


def test_one_that_gave_up_holds_up_nobody_and_is_asked_again() -> None:
    server = ServerStandIn()
    found = world(server, rollups=2)
    settled(server, found)
    look(found)
    refused = list(server.jobs)[-1]
    server.end(refused, "Failed", ago=1)

    look(found)
    first, _ = look(found, "EthrexRollup", "r0")
    assert said(first, "Deployed") == ("False", "Refused")
    assert len(server.jobs) == 3
    server.end(refused, "Failed", ago=2 * deploying.RETRY_SECONDS)
    look(found, "EthrexRollup", "r0")
    assert refused not in server.jobs


def test_a_rollup_waits_for_its_settlement_and_takes_what_its_deployer_said() -> None:
    server = ServerStandIn()
    found = world(server)

    waits, _ = look(found, "EthrexRollup", "r0")
    settled(server, found)
    look(found)
    job = list(server.jobs)[-1]
    server.end(job, "Complete", result(100))
    registered, _ = look(found, "EthrexRollup", "r0")

    assert said(waits, "Deployed") == ("False", "WaitsForSettlement")
    assert registered.fields["contracts"]["deployedAtBlock"] == 3
    assert registered.fields["deployer"] == job
    assert said(registered, "Verified") == ("True", "ByCode")


def test_an_upgraded_proxy_is_compared_anew(l1: dict[str, str]) -> None:
    server = ServerStandIn()
    found = world(server, rollups=0)
    settled(server, found)
    found.looked.clear()
    l1[CONTRACTS["bridge"]] = "0x" + "ff" * 20

    moved, changes = look(found)
    look(found)
    (job,) = server.jobs
    server.end(job, "Failed")
    refused, _ = look(found)

    assert said(moved, "Verified") == ("Unknown", "ImplementationChanged")
    assert [one.reason for one in changes] == ["ImplementationChanged"]
    assert said(refused, "Verified") == ("False", "Refused")
    assert said(refused, "Deployed") == ("True", "Recorded")
    assert refused.fields["contracts"]["bridge"] == CONTRACTS["bridge"]


def test_an_l1_that_is_away_changes_no_verdict(l1: dict[str, str]) -> None:
    server = ServerStandIn()
    found = world(server, rollups=0)
    settled(server, found)
    found.looked.clear()
    l1.clear()

    away, changes = look(found)

    assert said(away, "Verified") == ("True", "ByCode")
    assert not changes


def test_a_result_that_went_with_its_pod_is_asked_for_again() -> None:
    server = ServerStandIn()
    found = world(server, rollups=0)
    look(found)
    (job,) = server.jobs
    server.end(job, "Complete")  # and nobody has its pod any more

    look(found)
    assert not server.jobs
    look(found)

    assert list(server.jobs) == [job]


@pytest.mark.parametrize(("source", "is_let_in"), [("Same", False), ("All", True), ("Selector", False)])
def test_a_settlement_registers_whom_it_allows(source: str, is_let_in: bool) -> None:
    server = ServerStandIn()
    found = world(server, rollups=1, allowedRollups={"namespaces": {"from": source}})
    body = dict(found.store[Key("EthrexRollup", "team", "r0")])
    found.store.remove(Key("EthrexRollup", "team", "r0"))
    body["metadata"]["namespace"] = "elsewhere"
    for what in (body["spec"]["l1"]["ref"], body["spec"]["settlement"]):
        what["namespace"] = "team"
    body["spec"]["proving"] = {"policy": {"require": [], "minimum": 1}}
    found.store.put(Key("EthrexRollup", "elsewhere", "r0"), body)
    settled(server, found)

    report, _ = look(found)

    assert len(server.jobs) == 1 + is_let_in
    assert report.fields["rollups"] == ["elsewhere/r0"]
