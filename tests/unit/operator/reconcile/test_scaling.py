"""What a look of the planner does with what it finds, and how a pool lets its provers go."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from ethrex_operator.api import loading
from ethrex_operator.api.pool import ProverPool
from ethrex_operator.chain.errors import Unreachable
from ethrex_operator.kube import kinds
from ethrex_operator.kube.cache import JOB_NAME
from ethrex_operator.kube.children import Change
from ethrex_operator.kube.errors import Away
from ethrex_operator.kube.objects.naming import WORKLOAD
from ethrex_operator.reconcile import coordinators, pool, provers, scaling
from ethrex_operator.reconcile.scaling_state import News, Scaling
from ethrex_operator.reconcile.world import Key, Store, World
from ethrex_operator.scaling.observation import Job
from ethrex_operator.topology.workload import Program

EXAMPLE = Path(__file__).parents[4] / "examples" / "rollup.yaml"
NOW = 1_800_000_000.0
POOL = "team.provers"
ADDRESS = "0x" + "11" * 20
CONTRACTS = {"l1ChainId": 31337, "deployedAtBlock": 1} | dict.fromkeys(
    ("proposer", "bridge", "registry", "attestedVerifier"), ADDRESS
)

Object = dict[str, Any]


@dataclass
class Cluster:
    """Of an API server and the operator's children as much as a look and a pool ask."""

    config_map: Object | None = None
    jobs: list[Object] = field(default_factory=list)
    pods: list[Object] = field(default_factory=list)
    applied: list[Object] = field(default_factory=list)
    wanted: list[Object] = field(default_factory=list)
    is_away: bool = False

    async def find(self, *_: object) -> Object | None:
        return self.config_map

    async def apply(self, wanted: Object) -> Object:
        if self.is_away:
            raise Away("gone")
        self.applied.append(wanted)
        return wanted

    async def ensure(self, _: object, wanted: Any) -> list[Change]:
        self.wanted = list(wanted)
        return []

    def bodies(self, kind: kinds.Kind, *_: object) -> list[Object]:
        return self.jobs if kind is kinds.JOB else self.pods


def world(cluster: Cluster, **spec: Any) -> World:
    """The example with contracts, whose pool has `spec`."""
    bodies: dict[Key, Object] = {}
    for one in yaml.safe_load_all(EXAMPLE.read_text()):
        one["metadata"] |= {"namespace": "team", "uid": one["kind"]}
        if one["kind"] == "EthrexRollup":
            one["status"] = {"chainId": one["spec"]["chainId"], "contracts": CONTRACTS}
        if one["kind"] == "ProverPool":
            one["spec"] = {"backend": "attested", **spec}
        bodies[Key(one["kind"], "team", one["metadata"]["name"])] = one
    images = {Program.NODE: "node", Program.PROVER: "prover"}
    like: Any = cluster
    nothing: Any = None
    state = Scaling(clock=lambda: NOW)
    return World(
        *(like, like, Store(bodies), nothing, "https://issuer", "system", "operator", None, "me", images),
        *(nothing, state),
    )


def pool_of(found: World) -> ProverPool:
    return cast("ProverPool", loading.read(found.store[Key("ProverPool", "team", "provers")]))


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    """What the coordinator tells: no prover, and these jobs."""
    jobs: list[Job] = []

    async def news(_: object, __: object, name: str, now: float, *___: object) -> News:
        return News(now, tuple(jobs), (), ())

    monkeypatch.setattr(coordinators, "news", news)
    return jobs


def a_job(gas: int = 10_000_000) -> Job:
    return Job(job_id="1", rollup="team.rollup", kind="attested", gas=gas, created_at=NOW, due_at=NOW + 60)


def look(found: World) -> list[Key]:
    told: list[Key] = []
    asyncio.run(scaling.look(found, told.append))
    return told


def test_a_job_that_waits_calls_a_prover(work: list[Job]) -> None:
    cluster = Cluster()
    found = world(cluster)
    work.append(a_job())

    assert look(found) == [Key("ProverPool", "team", "provers")]
    assert found.scaling.decisions[POOL].desired == 1
    assert cluster.applied[0]["metadata"] == {"name": scaling.CHECKPOINT, "namespace": "system"}


def test_nobody_acts_on_a_decision_whose_cost_is_not_written_down(work: list[Job]) -> None:
    cluster = Cluster(is_away=True)
    found = world(cluster)
    work.append(a_job())

    with pytest.raises(Away):
        look(found)

    assert scaling.decided(found, pool_of(found)) == (None, "")
    cluster.is_away = False
    assert look(found) == [Key("ProverPool", "team", "provers")]


def test_a_checkpoint_that_cannot_be_read_stops_all_planning(work: list[Job]) -> None:
    found = world(Cluster({"data": {scaling.CHECKPOINT_FIELD: "{"}}))
    work.append(a_job())

    assert look(found) == []
    decision, why = scaling.decided(found, pool_of(found))
    assert decision is None
    assert "Delete it to begin anew" in why


def test_a_coordinator_that_is_away_holds_its_pools(monkeypatch: pytest.MonkeyPatch) -> None:
    async def news(*_: object) -> News:
        raise Unreachable("nobody")

    monkeypatch.setattr(coordinators, "news", news)
    found = world(Cluster())

    look(found)

    assert found.scaling.decisions[POOL].reason == "StaleData"


def test_a_pool_that_is_not_planned_is_not_looked_at(work: list[Job]) -> None:
    found = world(Cluster(), replicas=1, scaling={"mode": "Fixed"})
    work.append(a_job())

    assert look(found) == []
    assert found.scaling.decisions == {}


# How provers go


def test_who_goes_is_marked_before_a_coordinator_hears_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []

    async def states(*_: object) -> dict[str, Any]:
        return {}

    async def cordon(_: object, __: object, prover_id: str) -> int:
        told.append(prover_id)
        return held

    monkeypatch.setattr(coordinators, "states", states)
    monkeypatch.setattr(coordinators, "cordon", cordon)
    cluster, held = Cluster(), 1
    found = world(cluster, replicas=1, scaling={"mode": "Fixed"})

    def reconciled() -> list[str]:
        changes: list[Change] = []
        asyncio.run(pool.reconcile(found, pool_of(found), changes))
        cluster.jobs = [made(one) for one in cluster.wanted if one["kind"] == "Job"]
        cluster.pods = [pod_of(one) for one in cluster.jobs]
        return [one.reason for one in changes]

    reconciled()
    (one,) = cluster.jobs
    key = Key("ProverPool", "team", "provers")
    body = found.store[key]
    found.store.put(key, body | {"spec": body["spec"] | {"replicas": 0}})

    assert reconciled() == ["ProverLeaves"]
    assert cluster.jobs[0]["metadata"]["annotations"] == {provers.LEAVING: provers.stamp(NOW)}
    assert told == []

    assert reconciled() == []
    assert told == [f"{POOL}.{one['metadata']['name']}-pod"]
    assert len(cluster.jobs) == 1

    held = 0
    assert reconciled() == []
    assert cluster.jobs == []


def test_a_pod_that_ends_is_counted_no_more() -> None:
    cluster = Cluster()
    found = world(cluster, replicas=1, scaling={"mode": "Fixed"})
    asyncio.run(pool.reconcile(found, pool_of(found), []))
    cluster.jobs = [made(one) for one in cluster.wanted if one["kind"] == "Job"]
    stays, ends = pod_of(cluster.jobs[0]), pod_of(cluster.jobs[0])
    ends["metadata"] |= {"name": "of-a-job-that-is-gone", "deletionTimestamp": provers.stamp(NOW)}
    for one in (stays, ends):
        one["status"]["conditions"] = [{"type": "Ready", "status": "True", "lastTransitionTime": provers.stamp(NOW)}]
    cluster.pods = [stays, ends]

    told = asyncio.run(pool.reconcile(found, pool_of(found), []))

    assert (told.fields["replicas"], told.fields["readyReplicas"]) == (1, 1)


def made(job: Object) -> Object:
    return job | {"metadata": job["metadata"] | {"creationTimestamp": provers.stamp(NOW - 60)}}


def pod_of(job: Object) -> Object:
    name = job["metadata"]["name"]
    labels = {JOB_NAME: name, WORKLOAD: job["metadata"]["labels"][WORKLOAD]}
    metadata = {"name": f"{name}-pod", "labels": labels, "creationTimestamp": provers.stamp(NOW - 50)}
    return {"metadata": metadata, "status": {"phase": "Running"}}
