"""A validium: its members keep what L1 does not get; users come to its follower by the one address; GitOps reads its state."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from unit.operator.gitops import judging

from e2e import rollups
from e2e.rollups import Rollup
from e2e.whole_cluster import Cluster

EXAMPLE = Path(__file__).parents[2] / "examples" / "validium.yaml"
pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def rollup(cluster: Cluster, operator: str) -> Iterator[Rollup]:
    """With the names of the other example, so that the same questions are asked of it."""
    text = (
        EXAMPLE.read_text().replace("name: validium", "name: rollup").replace("chainId: 65537000", "chainId: 65536999")
    )
    with rollups.applied(cluster, text) as found:
        yield found


def test_its_batches_are_verified_by_signatures_of_its_members(rollup: Rollup) -> None:
    rollup.deposit("0x9965507d1a55bcc2695c58ba16fb37d819b0a4dc", 10**18)
    rollup.wait("batch verified", lambda: rollup.figures().batches.verified > 0)

    assert rollup.figures().blobs == 0
    assert rollup.condition("ethrexrollup/rollup", "DataKept") == ("True", "MembersServe")


def test_users_come_to_the_follower_by_the_one_address(rollup: Rollup) -> None:
    endpoints = rollup.kubectl(
        *("get", "endpointslices", "-l", "kubernetes.io/service-name=rollup-rpc"),
        *("-o", "jsonpath={.items[*].endpoints[*].targetRef.name}"),
    ).split()
    url = rollup.get("ethrexrollup/rollup")["status"]["endpoints"]["rpc"]

    assert endpoints == ["rollup-follower-0-0"]
    assert url == f"http://rollup-rpc.{rollup.namespace}.svc:1729"
    assert int(rollup.ask("rollup-rpc", 1729, "eth_blockNumber"), 16) > 0


def test_a_member_that_was_away_does_not_stop_it_and_has_its_data_again(rollup: Rollup) -> None:
    uid = rollup.get("pod/rollup-da-1-0")["metadata"]["uid"]
    before = rollup.figures().batches.verified
    rollup.kubectl("delete", "pod", "rollup-da-1-0", "--grace-period=0", "--force")
    rollup.deposit("0x14dc79964da2c08b23698b3d3cc7ca32193d9955", 10**18)
    rollup.wait("batch verified", lambda: rollup.figures().batches.verified > before)
    rollup.wait("role back", lambda: rollup.is_there("pod/rollup-da-1-0") and rollup.is_ready())

    assert rollup.get("pod/rollup-da-1-0")["metadata"]["uid"] != uid


def test_kubectl_wait_flux_and_argo_cd_see_that_it_is_ready(rollup: Rollup) -> None:
    rollup.kubectl("wait", "--for=condition=Ready", "ethrexrollup/rollup", "--timeout=60s")
    resources = [rollup.get(what) for what in rollups.KINDS]

    assert {judging.argocd(one)[0] for one in resources} == {"Healthy"}
    assert {judging.kstatus(one) for one in resources} == {"Current"}
