"""Who gets to which port: what a NetworkPolicy lets in, for each reach."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from ethrex_operator.api import loading
from ethrex_operator.kube import objects
from ethrex_operator.kube.objects import access
from ethrex_operator.topology import l1
from ethrex_operator.topology.workload import Program, Workload

Object = dict[str, Any]
NODE = """
apiVersion: ethrex.dev/v1alpha1
kind: EthrexL1Node
metadata: {name: l1}
spec:
  network: {genesis: {name: genesis, key: genesis.json}}
  consensus: {external: {jwtSecret: {name: jwt, key: jwt.hex}}}
"""
OWNER = objects.Owner("EthrexL1Node", "l1", "default", "uid")
IMAGES = dict.fromkeys(Program, "image")
ANYBODY_WHO_MONITORS = {"namespaceSelector": {"matchLabels": {"ethrex.dev/monitoring": "true"}}}


def let_in(workload: Workload, port: int) -> list[Object] | None:
    """Sources of a port; None is everybody."""
    numbers = {(workload.name, one.name): one.number for one in workload.every_port}
    cluster = objects.Cluster("default", "https://issuer", IMAGES, numbers)
    (policy,) = (one for one in objects.children(workload, OWNER, cluster) if one["kind"] == "NetworkPolicy")
    (rule,) = (one for one in policy["spec"]["ingress"] if one["ports"][0]["port"] == port)
    found: list[Object] | None = rule.get("from")
    return found


SIDECAR = """
apiVersion: ethrex.dev/v1alpha1
kind: EthrexL1Node
metadata: {name: l1}
spec:
  network: {public: hoodi}
  consensus: {sidecar: {client: lodestar, checkpointSyncUrl: "https://checkpoint.example"}}
"""


@pytest.fixture
def node() -> Workload:
    (found,) = loading.parse(NODE, "node").l1_nodes
    return l1.workload(found)


def test_anybody_comes_to_rpc(node: Workload) -> None:
    assert let_in(node, 8545) is None


def test_a_consensus_client_comes_from_the_same_namespace(node: Workload) -> None:
    """It bears no label that only the operator may give; the secret is what it has to show."""
    assert let_in(node, 8551) == [{"podSelector": {}}]


def test_metrics_are_for_the_operator_and_who_monitors(node: Workload) -> None:
    sources = let_in(node, 9090)

    assert sources is not None
    assert ANYBODY_WHO_MONITORS in sources
    assert len(sources) == 2


def test_a_consensus_client_finds_the_node_before_it_is_ready_and_users_do_not(node: Workload) -> None:
    numbers = {(node.name, one.name): one.number for one in node.ports}
    cluster = objects.Cluster("default", "https://issuer", IMAGES, numbers)
    services = {
        one["metadata"]["name"]: one["spec"]
        for one in objects.children(node, OWNER, cluster)
        if one["kind"] == "Service"
    }

    assert "publishNotReadyAddresses" not in services["l1"]
    assert services["l1-engine"]["publishNotReadyAddresses"] is True
    assert [port["port"] for port in services["l1-engine"]["ports"]] == [8551]


def test_what_listens_nowhere_lets_nobody_in_and_says_no_empty_list(node: Workload) -> None:
    """The API server does not keep an empty list: the wish would never be what stands, and be applied at each start."""
    policy = access.network_policy(dataclasses.replace(node, ports=()), OWNER)

    assert policy["spec"] == {
        "podSelector": {"matchLabels": {"ethrex.dev/workload": "l1"}},
        "policyTypes": ["Ingress"],
    }


def test_a_sidecars_beacon_api_is_for_what_runs_for_rollups() -> None:
    (found,) = loading.parse(SIDECAR, "node").l1_nodes

    assert let_in(l1.workload(found), 5052) == [
        {"namespaceSelector": {}, "podSelector": {"matchLabels": {"ethrex.dev/owner-kind": "EthrexRollup"}}}
    ]
