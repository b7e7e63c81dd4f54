"""The images of this checkout in a real cluster: they start, answer, and have no more rights than they were given."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import pytest

from e2e import pods
from e2e.whole_cluster import NODE_PORTS, Cluster, KubectlFailed

DEV_CHAIN = (
    *("--dev", "--dev.block-time", "0.2", "--datadir", "/data"),
    *("--http.addr", "0.0.0.0", "--http.port", "8545", "--http.vhosts", "*", "--authrpc.port", "0"),
    *("--metrics", "--metrics.addr", "0.0.0.0", "--metrics.port", "9090"),
)
RPC = {"name": "rpc", "containerPort": 8545}
METRICS = {"name": "metrics", "containerPort": 9090}
READY = {"httpGet": {"path": "/readyz", "port": "metrics"}, "periodSeconds": 1}


def block_number(address: str) -> int | None:
    """None while nobody answers."""
    asked = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber", "params": []}).encode()
    request = urllib.request.Request(f"http://{address}", asked, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            return int(json.load(response)["result"], 16)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return None


def test_a_dev_chain_is_ready_and_answers_through_its_service(cluster: Cluster, namespace: str) -> None:
    chain = pods.pod("chain", pods.NODE_IMAGE, *DEV_CHAIN, ports=[RPC, METRICS], readinessProbe=READY)
    service = pods.node_port("chain", "rpc", 8545, NODE_PORTS[0])

    cluster.apply(chain, service, namespace=namespace)
    cluster.wait_until_ready("chain", namespace)
    outside = cluster.node_ports[NODE_PORTS[0]]
    first = cluster.wait_for("service answers", lambda: block_number(outside), namespace)
    later = cluster.wait_for("service answers", lambda: (block_number(outside) or 0) > first, namespace)

    assert first > 0
    assert later
    with cluster.forward("service/chain", 8545, namespace) as address:
        assert (block_number(address) or 0) > first


def test_a_pod_may_write_to_its_volumes_and_nowhere_else(cluster: Cluster, namespace: str) -> None:
    tries = """
import json, os
def may_write(folder):
    try:
        open(f"{folder}/tried", "w").close()
        return True
    except OSError:
        return False
print(json.dumps({"user": os.getuid(), "may": [f for f in ("/", "/opt/ethrex", "/home", "/data", "/tmp") if may_write(f)]}))
"""
    cluster.apply(pods.pod("tries", pods.NODE_IMAGE, "-c", tries, command=["python"]), namespace=namespace)

    assert json.loads(cluster.wait_until_done("tries", namespace)) == {"user": pods.USER, "may": ["/data", "/tmp"]}


@pytest.mark.parametrize(
    ("image", "usage"),
    [
        (pods.NODE_IMAGE, "Usage: ethrex [OPTIONS]"),
        (pods.PROVER_IMAGE, "Usage: ethrex-prover [OPTIONS]"),
        (pods.OPERATOR_IMAGE, "Usage: ethrex-operator [OPTIONS]"),
    ],
)
def test_each_image_starts_its_own_program(cluster: Cluster, namespace: str, image: str, usage: str) -> None:
    cluster.apply(pods.pod("program", image, "--help"), namespace=namespace)

    assert usage in cluster.wait_until_done("program", namespace)


@pytest.mark.parametrize("image", [pods.NODE_IMAGE, pods.PROVER_IMAGE, pods.OPERATOR_IMAGE])
def test_each_image_holds_the_list_of_its_parts_and_these_are_in_it(
    cluster: Cluster, namespace: str, image: str
) -> None:
    name = image.rpartition("/")[2].partition(":")[0]
    compared = f"""
import json
from importlib import metadata
bill = json.load(open("/opt/ethrex/share/sbom/{name}.cdx.json"))
named = [(one["name"], one["version"]) for one in bill["components"] if one["purl"].startswith("pkg:pypi/")]
absent = [one for one in named if metadata.version(one[0]) != one[1]]
print(json.dumps([bill["metadata"]["component"]["name"], len(named) > 10, absent]))
"""
    cluster.apply(pods.pod("compares", image, "-c", compared, command=["python"]), namespace=namespace)

    assert json.loads(cluster.wait_until_done("compares", namespace)) == [name, True, []]


def test_an_image_without_restrictions_is_not_let_in(cluster: Cluster, namespace: str) -> None:
    loose = pods.pod("loose", pods.NODE_IMAGE, "--help", securityContext={"privileged": True})

    with pytest.raises(KubectlFailed, match="violates PodSecurity"):
        cluster.apply(loose, namespace=namespace)
