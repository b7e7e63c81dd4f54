"""
Provers with a profile run where its device is: on nodes that publish it, in the runtime that makes them confidential.

The devices are said by the node's status and are not there, and the runtime is the usual one under another name.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from e2e import rollups
from e2e.rollups import EXAMPLE, Rollup
from e2e.whole_cluster import Cluster

GPU = "nvidia.com/gpu"
RUNTIME = "kata-qemu-tdx"
POOLS = {"gpu": {"profile": "nvidia-gpu"}, "tee": {"profile": "kata-tdx"}}

pytestmark = pytest.mark.long


def manifest() -> str:
    """The example, with a pool for each profile."""
    found = [one for one in yaml.safe_load_all(EXAMPLE.read_text()) if one]
    for one in found:
        if one["kind"] == "EthrexRollup":
            one["spec"]["proving"]["pools"] += [{"ref": {"name": name}} for name in POOLS]
    pool = next(one for one in found if one["kind"] == "ProverPool")
    for name, accelerator in POOLS.items():
        found.append(pool | {"metadata": {"name": name}, "spec": pool["spec"] | {"accelerator": accelerator}})
    return yaml.safe_dump_all(found)


@pytest.fixture(scope="module")
def rollup(cluster: Cluster, operator: str) -> Iterator[Rollup]:
    if RUNTIME not in cluster.kubectl("get", "runtimeclasses", "-o", "name"):
        runtime = {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": RUNTIME}}
        cluster.apply(runtime | {"handler": "runc"})
    with rollups.applied(cluster, manifest()) as found:
        yield found
        devices(cluster, 0)


def devices(cluster: Cluster, count: int) -> None:
    node = cluster.kubectl("get", "nodes", "-o", "name").split()[0]
    counts = {GPU: str(count)}
    patch = json.dumps({"status": {"capacity": counts, "allocatable": counts}})
    cluster.kubectl("patch", node, "--subresource=status", "--type=merge", "-p", patch)


def pods(rollup: Rollup, pool: str) -> list[dict[str, Any]]:
    found = json.loads(rollup.kubectl("get", "pods", "-l", f"ethrex.dev/owner={pool}", "-o", "json"))["items"]
    return [one for one in found if one["metadata"]["labels"]["ethrex.dev/role"] == "prover"]


def test_a_gpu_prover_waits_for_a_device_and_says_so(rollup: Rollup) -> None:
    rollup.wait("provers come", lambda: rollup.condition("proverpool/gpu", "CapacityAvailable")[0] == "False")
    rollup.wait("provers come", lambda: GPU in message(rollup, "gpu"))
    (waiting,) = pods(rollup, "gpu")

    assert "nodeName" not in waiting["spec"]

    devices(rollup.cluster, 1)
    rollup.wait("provers come", lambda: rollup.condition("proverpool/gpu", "CapacityAvailable") == ("True", "AllRun"))
    (placed,) = pods(rollup, "gpu")

    assert placed["metadata"]["uid"] == waiting["metadata"]["uid"]
    assert placed["spec"]["containers"][0]["resources"]["limits"][GPU] == "1"
    assert {"key": GPU, "operator": "Exists", "effect": "NoSchedule"} in placed["spec"]["tolerations"]


def test_there_are_no_more_gpu_provers_than_devices(rollup: Rollup) -> None:
    devices(rollup.cluster, 1)
    rollup.kubectl("scale", "proverpool/gpu", "--replicas=2")
    rollup.wait("provers come", lambda: len(pods(rollup, "gpu")) == 2)
    rollup.wait("provers come", lambda: sum("nodeName" in one["spec"] for one in pods(rollup, "gpu")) == 1)
    rollup.wait("provers come", lambda: rollup.condition("proverpool/gpu", "CapacityAvailable")[0] == "False")

    devices(rollup.cluster, 2)
    rollup.wait("provers come", lambda: sum("nodeName" in one["spec"] for one in pods(rollup, "gpu")) == 2)


def test_a_confidential_prover_runs_in_its_runtime(rollup: Rollup) -> None:
    rollup.wait("provers come", lambda: rollup.condition("proverpool/tee", "CapacityAvailable") == ("True", "AllRun"))
    (pod,) = pods(rollup, "tee")

    assert pod["spec"]["runtimeClassName"] == RUNTIME
    assert pod["status"]["phase"] == "Running"


def message(rollup: Rollup, pool: str) -> str:
    found = rollup.get(f"proverpool/{pool}")["status"]["conditions"]
    return str(next(one["message"] for one in found if one["type"] == "CapacityAvailable"))
