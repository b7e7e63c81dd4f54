"""Installed for one namespace, the operator has a Role there and no more, and never asks for what it may not."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from e2e import audit, installed, rollups
from e2e.rollups import EXAMPLE, Rollup
from e2e.whole_cluster import Cluster
from ethrex_operator.topology import dev_accounts

SYSTEM = "ethrex-scoped"
RELEASE = "scoped"  # the chart names the service account by it

pytestmark = [pytest.mark.long, pytest.mark.own_cluster]


@pytest.fixture(scope="module")
def rollup(cluster: Cluster) -> Iterator[Rollup]:
    """
    In the one namespace of an operator. The one of other tests, which serves all namespaces, is not there meanwhile: its
    policies let nobody else make pods with its labels.
    """
    others = bool(cluster.kubectl("-n", installed.NAMESPACE, "get", "deployments", "-o", "name").split())
    if others:
        installed.uninstall(cluster)
    name = f"scoped-{uuid.uuid4().hex[:6]}"
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    try:
        with (
            installed.operator(cluster, SYSTEM, RELEASE, {"watchNamespace": name}),
            rollups.applied(cluster, within=name) as found,
        ):
            yield found
    finally:
        if others:
            installed.upgrade(cluster)


def test_a_rollups_whole_life_needs_nothing_beyond_the_role(rollup: Rollup) -> None:
    rollup.deposit(dev_accounts.ADDRESSES[5], 10**18)
    rollup.wait("batch verified", lambda: rollup.figures().batches.verified > 0)
    rollup.kubectl("scale", "proverpool", "provers", "--replicas=2")
    rollup.wait("provers come", lambda: rollup.get("proverpool/provers")["status"].get("readyReplicas") == 2)
    rollup.kubectl("scale", "proverpool", "provers", "--replicas=1")
    rollup.wait("provers go", lambda: rollup.get("proverpool/provers")["status"].get("replicas") == 1)
    rollup.kubectl("delete", "service", "l1")
    rollup.kubectl("patch", "configmap", "rollup-sequencer-files", "--type=merge", "-p", '{"data":{"theirs":"1"}}')
    rollup.wait("drift repaired", lambda: rollup.is_there("service/l1"))
    rollup.wait("drift repaired", lambda: "theirs" not in rollup.get("configmap/rollup-sequencer-files")["data"])
    rollup.kubectl("patch", "ethrexrollup", "rollup", "--type=merge", "-p", '{"spec":{"deletion":{"policy":"Delete"}}}')
    rollup.kubectl("delete", "-f", str(EXAMPLE))
    rollup.wait("children gone", lambda: not rollup.names("statefulsets") and not rollup.names("pods"))

    asked = audit.of_account(rollup.cluster, SYSTEM, RELEASE)
    assert len(asked) > 50
    assert [one for one in asked if one.code == 403] == []
