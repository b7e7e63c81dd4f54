"""
Whatever kind of child somebody deletes, edits or adds to: it is as it was within seconds, and told once.

The matrix comes out of the topology of the example: a kind that is made and has no row here fails.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pytest

from e2e import rollups
from e2e.rollups import EXAMPLE, Rollup
from e2e.whole_cluster import Cluster, KubectlFailed
from ethrex_operator.api import loading
from ethrex_operator.kube import objects
from ethrex_operator.kube.objects.naming import WORKLOAD, Owner
from ethrex_operator.topology import rollup as rollup_topology
from ethrex_operator.topology import whole
from ethrex_operator.topology.facts import Contracts
from ethrex_operator.topology.workload import Program

Object = dict[str, Any]

DRIFT: Final = ("Recreated", "Repaired", "ForeignFields")
STAYS: Final = "ForeignFields"
GONE_LABEL: Final = {"metadata": {"labels": {"ethrex.dev/owner": None}}}
CONTAINER: Final = {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "another"}]}}}}


@dataclass(frozen=True, slots=True)
class Drift:
    """What somebody does to a kind: an edit of what is wanted, and something more than that."""

    edit: Object
    add: Object
    added: str  # where the addition is seen, as jsonpath
    add_stays: bool = False  # it does no harm: it is told and left
    is_held: bool = False  # what is deleted stays until nobody uses it any more


MATRIX: Final = {
    "ServiceAccount": Drift(
        {"automountServiceAccountToken": True},
        {"imagePullSecrets": [{"name": "theirs"}]},
        "{.imagePullSecrets}",
        add_stays=True,
    ),
    "ConfigMap": Drift(GONE_LABEL, {"data": {"theirs": "1"}}, "{.data.theirs}"),
    "Service": Drift(
        {"spec": {"selector": {WORKLOAD: "another"}}},
        {"spec": {"ports": [{"name": "theirs", "port": 7, "protocol": "TCP"}]}},
        '{.spec.ports[?(@.name=="theirs")]}',
    ),
    "NetworkPolicy": Drift({"spec": {"ingress": []}}, {"spec": {"egress": [{}]}}, "{.spec.egress}"),
    "PodDisruptionBudget": Drift(
        {"spec": {"maxUnavailable": 2}},
        {"spec": {"selector": {"matchLabels": {"theirs": "1"}}}},
        "{.spec.selector.matchLabels.theirs}",
    ),
    "StatefulSet": Drift(
        CONTAINER,
        {"spec": {"template": {"metadata": {"annotations": {"theirs": "1"}}}}},
        "{.spec.template.metadata.annotations.theirs}",
        add_stays=True,
    ),
    "Job": Drift(
        {"spec": {"backoffLimit": 1}},
        {"spec": {"activeDeadlineSeconds": 86_400}},
        "{.spec.activeDeadlineSeconds}",
        add_stays=True,
    ),
    "PersistentVolumeClaim": Drift(
        GONE_LABEL,
        {"metadata": {"annotations": {"theirs": "1"}}},
        "{.metadata.annotations.theirs}",
        is_held=True,
    ),
}
MANIFEST: Final = EXAMPLE.read_text().replace("  batching:\n", "  followers: {replicas: 2}\n  batching:\n")
SILENT: Final = {("PersistentVolumeClaim", "add")}  # labels and annotations are anybody's


def made() -> dict[str, str]:
    """Kinds of children as the topology makes them for the example, and of each a workload that has one."""
    manifest = loading.parse(MANIFEST, EXAMPLE.name)
    address = "0x" + "11" * 20
    contracts = Contracts(1, address, address, address, address, None, 1, 1)
    found = whole.resolve(manifest, {one.name: contracts for one in manifest.rollups}, lambda _: (0,))
    ports = {(one.name, port.name): port.number for one in found.workloads for port in one.ports}
    cluster = objects.Cluster("default", "", dict.fromkeys(Program, "image"), ports)
    owner = Owner("EthrexRollup", "rollup", "default", "uid")
    children = [(each, one.name) for one in found.workloads for each in objects.children(one, owner, cluster)]
    budgets = [objects.budget(role, owner) for one in manifest.rollups for role in rollup_topology.spared(one)]
    return (
        {each["kind"]: workload for each, workload in children if each["kind"] != "ServiceAccount"}
        | {each["kind"]: "" for each in budgets}
        | {"ServiceAccount": ""}  # of all workloads that name it: it bears the name of none
    )


# What is held is not gone when it is deleted: its finalizer keeps it for as long as a pod has it.
CASES: Final = [
    (kind, how)
    for kind in sorted(made())
    for how in ("delete", "edit", "add")
    if not (how == "delete" and MATRIX[kind].is_held)
]


@pytest.fixture(scope="module")
def rollup(cluster: Cluster, operator: str) -> Iterator[Rollup]:
    with rollups.applied(cluster, MANIFEST) as found:
        yield found


@pytest.fixture(scope="module")
def told() -> list[int]:
    """How many events of drift there have to be by now."""
    return [0]


def name_of(rollup: Rollup, kind: str) -> str:
    workload = made()[kind]
    if not workload:
        return "rollup-sequencer" if kind == "ServiceAccount" else "rollup-follower"
    found = json.loads(rollup.kubectl("get", kind, "-l", f"{WORKLOAD}={workload}", "-o", "json"))["items"]
    return str(found[0]["metadata"]["name"])


def drifts(rollup: Rollup) -> int:
    return sum(len(rollup.events(reason)) for reason in DRIFT)


def wished(given: Object) -> Object:
    """Without what each write changes, and without what others may add."""
    metadata = given["metadata"]
    kept = {"labels": metadata["labels"], "ownerReferences": metadata.get("ownerReferences")}
    return {key: one for key, one in given.items() if key not in ("metadata", "status", "imagePullSecrets")} | kept


def test_every_kind_that_is_made_has_a_row() -> None:
    assert set(made()) == set(MATRIX)


@pytest.mark.parametrize(("kind", "how"), CASES)
def test_drift_is_put_back_and_told_once(rollup: Rollup, told: list[int], kind: str, how: str) -> None:
    row, name = MATRIX[kind], name_of(rollup, kind)
    what = f"{kind}/{name}"
    before = rollup.get(what)

    if how == "delete":
        rollup.kubectl("delete", what, "--wait=false")
        rollup.wait(
            "drift repaired",
            lambda: rollup.is_there(what) and rollup.get(what)["metadata"]["uid"] != before["metadata"]["uid"],
        )
    else:
        patch = json.dumps(row.edit if how == "edit" else row.add)
        rollup.kubectl("patch", what, "--type=strategic", "-p", patch)
    if how == "edit" or (how == "add" and not row.add_stays and (kind, how) not in SILENT):
        rollup.wait("drift repaired", lambda: wished(rollup.get(what)) == wished(before))
    told[0] += (kind, how) not in SILENT
    rollup.wait("drift told", lambda: drifts(rollup) >= told[0])

    stays = how == "add" and (row.add_stays or (kind, how) in SILENT)
    assert bool(rollup.kubectl("get", what, "-o", f"jsonpath={row.added}")) == stays
    assert drifts(rollup) == told[0]


def test_nothing_of_it_was_told_twice(rollup: Rollup, told: list[int]) -> None:
    rollup.wait("rollup ready", rollup.is_ready)

    assert drifts(rollup) == told[0]


def test_a_drain_takes_one_follower_at_a_time_and_the_sequencer_when_it_likes(rollup: Rollup) -> None:
    def may_go() -> bool:
        return bool(rollup.get("poddisruptionbudget/rollup-follower")["status"].get("disruptionsAllowed") == 1)

    rollup.wait("role back", may_go)
    evict(rollup, "rollup-follower-0-0")
    with pytest.raises(KubectlFailed, match="disruption budget"):
        evict(rollup, "rollup-follower-1-0")
    evict(rollup, "rollup-sequencer-0")
    rollup.wait("rollup ready", rollup.is_ready)


def evict(rollup: Rollup, pod: str) -> None:
    """As `kubectl drain` does."""
    asked = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": rollup.namespace}}
    path = f"/api/v1/namespaces/{rollup.namespace}/pods/{pod}/eviction"
    rollup.kubectl("create", "--raw", path, "-f", "-", given=json.dumps(asked))
