"""An operator that is killed while contracts are deployed, and is away while objects change, goes on where things stand."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from e2e import rollups
from e2e.rollups import EXAMPLE, Rollup
from e2e.whole_cluster import Cluster
from ethrex_operator.topology import dev_accounts

pytestmark = pytest.mark.long
DEPLOYERS = "ethrex.dev/role=deployer"


@pytest.fixture(scope="module")
def place(cluster: Cluster, operator: str) -> Iterator[Rollup]:
    with rollups.namespace(cluster) as found:
        yield found
        run(found, operator, 2)


def run(place: Rollup, namespace: str, replicas: int) -> None:
    """So many operators; those that were there are killed where none shall be."""

    def pods() -> list[str]:
        selected = ("-l", "app.kubernetes.io/name=ethrex-operator", "-o", "name")
        return place.cluster.kubectl("-n", namespace, "get", "pods", *selected).split()

    name = place.cluster.kubectl("-n", namespace, "get", "deployments", "-o", "name").strip()
    place.cluster.kubectl("-n", namespace, "scale", name, f"--replicas={replicas}")
    for pod in pods() if not replicas else ():
        place.cluster.kubectl("-n", namespace, "delete", pod, "--grace-period=0", "--force", "--ignore-not-found")
    place.wait("operators run", lambda: len(pods()) == replicas)


def nonce(place: Rollup) -> int:
    """What the owner of the contracts has sent to L1."""
    return int(place.ask("l1", 8545, "eth_getTransactionCount", dev_accounts.ADDRESSES[0], "latest"), 16)


def test_a_deployment_goes_on_without_an_operator_and_is_recorded_by_the_next(place: Rollup, operator: str) -> None:
    place.kubectl("apply", "-f", str(EXAMPLE))
    place.wait("settlement deployed", lambda: place.names("pods", DEPLOYERS))
    run(place, operator, 0)
    (job,) = place.names("jobs", DEPLOYERS)
    place.wait("settlement deployed", lambda: place.get(job)["status"].get("succeeded") == 1)
    recorded, sent = place.get("ethrexrollup/rollup").get("status", {}), nonce(place)
    run(place, operator, 2)
    place.wait("rollup ready", place.is_ready)

    assert "contracts" not in recorded
    assert place.names("jobs", DEPLOYERS) == [job]
    assert nonce(place) == sent
    assert place.get("ethrexrollup/rollup")["status"]["deployer"] == job.rpartition("/")[2]


def test_what_changed_while_nobody_looked_is_seen_to(place: Rollup, operator: str) -> None:
    run(place, operator, 0)
    place.kubectl("delete", "service", "rollup-sequencer")
    place.kubectl("delete", "networkpolicy", "l1")
    change = '{"spec":{"batching":{"endAfterSeconds":7}}}'
    place.kubectl("patch", "ethrexrollup", "rollup", "--type=merge", "-p", change)
    run(place, operator, 2)
    place.wait("role back", lambda: place.is_there("service/rollup-sequencer") and place.is_there("networkpolicy/l1"))
    place.wait("handed over", lambda: "--committer.commit-time 7" in arguments(place) and place.is_ready())

    assert place.condition("ethrexrollup/rollup", "UpToDate") == ("True", "TemplateRuns")


def arguments(place: Rollup) -> str:
    if not place.is_there("pod/rollup-sequencer-0"):
        return ""
    return " ".join(place.get("pod/rollup-sequencer-0")["spec"]["containers"][0]["args"])
