"""A chart is not taken away above resources that nobody would look after; CRDs, and what they hold, stay in any case."""

from __future__ import annotations

import subprocess

import pytest

from e2e import installed, pods, waits
from e2e.whole_cluster import Cluster
from ethrex_operator.kube import kinds

RELEASE = "second"
POOL = """
apiVersion: ethrex.dev/v1alpha1
kind: ProverPool
metadata: {name: alone}
spec: {paused: true}
"""


def helm(cluster: Cluster, namespace: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = [installed.helm(cluster), "--kubeconfig", str(cluster.kubeconfig), "--namespace", namespace, *words]
    limit = waits.SECONDS["chart installed"] * 2
    return subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)


@pytest.mark.long
def test_a_release_with_resources_is_tested_stays_and_goes_once_they_are_gone(
    cluster: Cluster, operator: str, namespace: str
) -> None:
    repository, _, tag = pods.OPERATOR_IMAGE.rpartition(":")
    values = f"image.repository={repository},image.tag={tag},replicas=1,watchNamespace={namespace}"
    limit = f"{waits.SECONDS['chart installed']:g}s"
    made = helm(
        cluster, namespace, "install", RELEASE, str(installed.CHART), "--set", values, "--wait", "--timeout", limit
    )
    tested = helm(cluster, namespace, "test", RELEASE, "--timeout", limit)
    cluster.kubectl("-n", namespace, "apply", "-f", "-", given=POOL)
    refused = helm(cluster, namespace, "uninstall", RELEASE, "--timeout", limit)
    said = cluster.kubectl("-n", namespace, "logs", f"job/{RELEASE}-uninstall")
    stayed = cluster.get("deployment", RELEASE, namespace)["spec"]["replicas"]
    cluster.kubectl("-n", namespace, "delete", "proverpool", "alone")
    gone = helm(cluster, namespace, "uninstall", RELEASE, "--wait", "--timeout", limit)

    assert made.returncode == 0, made.stderr
    assert tested.returncode == 0, tested.stderr + tested.stdout
    assert refused.returncode != 0
    assert f"ProverPool {namespace}/alone" in said
    assert stayed == 1
    assert gone.returncode == 0, gone.stderr
    for kind in kinds.OURS.values():
        assert cluster.get("crd", f"{kind.plural}.ethrex.dev")["spec"]["names"]["kind"] == kind.name
