"""A consensus client beside an L1 node: what each preset starts, what of the pod it sees, and who comes to it."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from ethrex_operator.api import loading
from ethrex_operator.api.l1node import EthrexL1Node
from ethrex_operator.kube import objects
from ethrex_operator.topology import consensus, l1, whole
from ethrex_operator.topology.workload import Program, UrlOf

Object = dict[str, Any]
CLIENTS = ("lighthouse", "lodestar", "nimbus", "prysm", "teku")
CHECKPOINT = "https://checkpoint.example"
SECRET = "/data/engine/jwt.hex"


def document(client: str, **more: Any) -> Object:
    asked = {"client": client, "checkpointSyncUrl": CHECKPOINT, **more}
    return {
        "apiVersion": "ethrex.dev/v1alpha1",
        "kind": "EthrexL1Node",
        "metadata": {"name": "l1"},
        "spec": {"network": {"public": "hoodi"}, "consensus": {"sidecar": asked}},
    }


def node(client: str = "lighthouse", **more: Any) -> EthrexL1Node:
    found = loading.read(document(client, **more))
    assert isinstance(found, EthrexL1Node)
    return found


def children(of: EthrexL1Node) -> list[Object]:
    workload = l1.workload(of)
    ports = {(workload.name, one.name): one.number for one in workload.every_port}
    cluster = objects.Cluster("default", "https://issuer", dict.fromkeys(Program, "node:1"), ports)
    return objects.children(workload, objects.Owner("EthrexL1Node", "l1", "default", "uid"), cluster)


def pod(of: EthrexL1Node) -> Object:
    (found,) = (one for one in children(of) if one["kind"] == "StatefulSet")
    spec: Object = found["spec"]["template"]["spec"]
    return spec


def client(of: EthrexL1Node) -> Object:
    found: Object = pod(of)["containers"][1]
    return found


def mounts(container: Object) -> dict[str, bool]:
    """Where something is mounted, and whether it can be written."""
    return {one["mountPath"]: not one.get("readOnly", False) for one in container["volumeMounts"]}


@pytest.mark.parametrize("name", CLIENTS)
def test_each_client_is_told_where_the_node_its_secret_its_data_and_its_ports_are(name: str) -> None:
    found = client(node(name))
    values = [one.rpartition("=")[2] for one in found["args"]]

    assert "hoodi" in values or "--hoodi" in values
    assert {"http://127.0.0.1:8551", SECRET, f"/data/beacon/{name}", "5052", "5054", "9000"} <= set(values)
    assert values.count("0.0.0.0") == 2  # the beacon API and metrics
    assert any(CHECKPOINT in one for one in (*found["args"], *pod(node(name))["initContainers"][-1]["args"]))
    assert not any("{" in one for one in found["args"])


@pytest.mark.parametrize("name", CLIENTS)
def test_columns_of_blobs_are_kept_unless_nobody_wants_them(name: str) -> None:
    with_blobs, without = client(node(name))["args"], client(node(name, serveBlobs=False))["args"]

    assert [one for one in with_blobs if one not in without] == [consensus.PRESETS[name].blobs]


def test_the_api_offers_a_client_exactly_where_there_is_a_preset() -> None:
    assert tuple(sorted(consensus.PRESETS)) == CLIENTS
    with pytest.raises(loading.ManifestInvalid):
        node("grandine")


def test_image_and_resources_are_the_users_and_so_is_the_last_word_in_options() -> None:
    asked = {"limits": {"memory": "8Gi"}}
    found = client(
        node("teku", image="registry.example/teku:1", resources=asked, extraArguments=["--p2p-port=9100", "--x"])
    )

    assert found["image"] == "registry.example/teku:1"
    assert found["resources"] == asked
    assert found["args"][-2:] == ["--p2p-port=9100", "--x"]


def test_nimbus_takes_its_checkpoint_before_it_starts() -> None:
    before = pod(node("nimbus"))["initContainers"]

    assert [one["name"] for one in before] == ["before-0", "consensus-before-0"]
    assert before[1]["args"][0] == "trustedNodeSync"
    assert before[1]["image"] == client(node("nimbus"))["image"]
    assert f"--trusted-node-url={CHECKPOINT}" in before[1]["args"]


def test_the_secret_is_made_in_the_pod_and_the_client_only_reads_it() -> None:
    """So the operator needs no verb on Secrets, and none of them holds it."""
    found = pod(node())
    made = found["initContainers"][0]
    main, beside = found["containers"]

    assert made["command"] == ["ethrex"]
    assert made["args"] == ["engine-secret", SECRET]
    assert main["args"][main["args"].index("--authrpc.jwtsecret") + 1] == SECRET
    assert mounts(made)["/data/engine"]
    assert not mounts(beside)["/data/engine"]
    assert {"name": "engine", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}} in found["volumes"]
    assert not any("secret" in one for one in found["volumes"])


def test_nobody_outside_the_pod_comes_to_the_engine_api() -> None:
    found = children(node())
    args = pod(node())["containers"][0]["args"]
    services = {one["metadata"]["name"]: one["spec"]["ports"] for one in found if one["kind"] == "Service"}
    (policy,) = (one for one in found if one["kind"] == "NetworkPolicy")
    open_ports = {port["port"] for rule in policy["spec"]["ingress"] for port in rule["ports"]}

    assert args[args.index("--authrpc.addr") + 1] == "127.0.0.1"
    assert {name: [port["name"] for port in ports] for name, ports in services.items()} == {
        "l1": ["rpc", "metrics", "beacon", "beacon-metrics"]
    }
    assert open_ports == {8545, 9090, 5052, 5054}


def test_the_client_writes_its_own_volume_and_sees_neither_the_nodes_nor_its_processes() -> None:
    found = pod(node(storage={"size": "300Gi", "storageClassName": "fast"}))
    claims = {
        one["metadata"]["name"]: one["spec"] for one in children(node()) if one["kind"] == "PersistentVolumeClaim"
    }
    beside = found["containers"][1]

    assert mounts(beside) == {"/tmp": True, "/data/beacon": True, "/data/engine": False}
    assert "/data/beacon" not in mounts(found["containers"][0])
    assert not found["shareProcessNamespace"]
    assert set(claims) == {"l1-data", "l1-beacon"}
    assert {"name": "HOME", "value": "/data/beacon"} in beside["env"]


def test_every_container_is_under_the_same_restrictions() -> None:
    found = pod(node("nimbus"))

    for one in (*found["initContainers"], *found["containers"]):
        assert one["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_client_and_node_start_side_by_side() -> None:
    """A sidecar among the init containers would keep the node down for as long as the client's image cannot be had."""
    found = pod(node())

    assert [one["name"] for one in found["containers"]] == ["main", "consensus"]
    assert all("restartPolicy" not in one for one in found["initContainers"])


def test_rollups_find_the_beacon_api_beside_the_node() -> None:
    here, elsewhere = l1.seen_from(node(), "default"), l1.seen_from(node(), "other")

    assert here.beacon == UrlOf("l1", "beacon")
    assert elsewhere.beacon == UrlOf("l1", "beacon", "default")
    assert l1.seen_from(node(), "default", "https://mine.example").beacon == "https://mine.example"
    assert l1.seen_from(node(serveBlobs=False), "default").beacon is None


def test_on_one_machine_it_is_refused_with_a_reason() -> None:
    found = whole.resolve(loading.parse(yaml.safe_dump(document("prysm")), "l1.yaml"), {}, lambda pool: ())

    assert found.workloads == ()
    assert found.unmet["EthrexL1Node/l1"].reason == "SidecarNeedsCluster"
