"""
Two teams in one cluster: neither comes to the other's coordinator, pools or keys, though their objects have the same names.

What stops the other is who it is, and where it comes from: the first is tried while no policy of the network is enforced, the
second while they are (``enforcing``).
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import yaml

from e2e import enforcing, installed, pods, rollups
from e2e.rollups import EXAMPLE, Rollup
from e2e.test_identities import token
from e2e.whole_cluster import Cluster, KubectlFailed
from ethrex_operator.topology import dev_accounts

# A prover's question to a coordinator, with the token that its pod has.
ASKS = """
import sys, urllib.error, urllib.request
from pathlib import Path
request = urllib.request.Request(sys.argv[1], headers={"Authorization": "Bearer " + Path("/identity/token").read_text()})
try:
    print(urllib.request.urlopen(request, timeout=10).status)
except urllib.error.HTTPError as error:
    print(error.code)
"""

CONNECTS = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=5).close()
    print("open")
except OSError as error:
    print("shut", error)
"""

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def mine(cluster: Cluster, operator: str) -> Iterator[Rollup]:
    with rollups.applied(cluster) as found:
        yield found


@pytest.fixture(scope="module")
def other(cluster: Cluster, operator: str) -> Iterator[Rollup]:
    with rollups.applied(cluster) as found:
        yield found


def audience(rollup: Rollup) -> str:
    return f"rollup.{rollup.namespace}.rollup.ethrex.dev"


def asked(name: str, who: Rollup, for_whom: Rollup, whose: Rollup) -> int:
    """What the coordinator of `whose` says to a prover of `who` with a token that was made for `for_whom`."""
    url = f"http://rollup-sequencer.{whose.namespace}.svc:3900/v1/inputs/0x{'00' * 32}"
    volumes = (token("identity", audience(for_whom)),)
    pod = pods.pod(name, pods.NODE_IMAGE, "-c", ASKS, url, volumes=volumes, command=["python"])
    pod["spec"]["serviceAccountName"] = "provers"
    who.cluster.apply(pod, namespace=who.namespace)
    return int(who.cluster.wait_until_done(name, who.namespace))


def test_a_coordinator_knows_its_own_provers_and_no_others(mine: Rollup, other: Rollup) -> None:
    assert asked("own", mine, mine, mine) == 404  # it is let in, and there is no such input
    assert asked("for-another", other, mine, mine) in (401, 403)
    assert asked("of-another", other, other, mine) in (401, 403)


def is_open(name: str, who: Rollup, service: str, port: int, whose: Rollup) -> bool:
    host = f"{service}.{whose.namespace}.svc"
    who.cluster.apply(
        pods.pod(name, pods.NODE_IMAGE, "-c", CONNECTS, host, str(port), command=["python"]), namespace=who.namespace
    )
    return who.cluster.wait_until_done(name, who.namespace).startswith("open")


@pytest.mark.own_cluster
def test_another_teams_pods_come_to_nothing_but_what_is_for_users(mine: Rollup, other: Rollup) -> None:
    private = (("rollup-sequencer", 3900), ("rollup-sequencer", 9090), ("provers-0", 9091), ("l1", 9090))
    before = [is_open(f"before-{number}", other, *there, mine) for number, there in enumerate(private)]
    with enforcing.policies(mine.cluster):
        now = [is_open(f"now-{number}", other, *there, mine) for number, there in enumerate(private)]
        for_users = is_open("for-users", other, "rollup-rpc", 1729, mine)
        made = mine.figures().batches.made
        mine.deposit(dev_accounts.ADDRESSES[5], 10**18)  # what has to come through does
        mine.wait("batch verified", lambda: mine.figures().batches.verified > made)

    assert before == [True] * len(private)
    assert now == [False] * len(private)
    assert for_users


def test_a_rollup_may_not_name_anothers_pool(mine: Rollup, other: Rollup) -> None:
    found = next(one for one in yaml.safe_load_all(EXAMPLE.read_text()) if one["kind"] == "EthrexRollup")
    found["metadata"]["name"] = "greedy"
    found["spec"]["chainId"] = 77
    found["spec"]["proving"]["pools"] = [{"ref": {"name": "provers", "namespace": mine.namespace}}]
    before = mine.get("proverpool/provers")["status"]

    other.kubectl("apply", "-f", "-", given=yaml.safe_dump(found))
    other.wait("drift repaired", lambda: other.condition("ethrexrollup/greedy", "Ready") == ("False", "PoolNotAllowed"))
    other.kubectl("delete", "ethrexrollup", "greedy")

    assert mine.get("proverpool/provers")["status"] == before


@pytest.mark.parametrize("account", ["provers", "rollup-sequencer", "l1"])
def test_nobody_reads_keys_through_the_api_server(mine: Rollup, other: Rollup, operator: str, account: str) -> None:
    def may(user: str) -> bool:
        command = ("auth", "can-i", "get", "secrets", "-n", mine.namespace, f"--as=system:serviceaccount:{user}")
        try:
            return mine.cluster.kubectl(*command).strip() == "yes"
        except KubectlFailed:  # it ends with 1 for no
            return False

    assert not may(f"{other.namespace}:{account}")
    assert not may(f"{mine.namespace}:{account}")
    assert not may(f"{operator}:{installed.RELEASE}")
