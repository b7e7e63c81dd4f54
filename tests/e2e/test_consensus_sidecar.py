"""
The pod of an L1 node with a consensus client beside it, as far as it can be seen without the client's image: what the node has of it,
what nobody else gets, and that a client that cannot start is named and does not keep the node down.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from e2e import pods, rollups
from e2e.rollups import Rollup
from e2e.whole_cluster import Cluster, KubectlFailed

L1 = "ethrexl1node/l1"
NODE = f"""
apiVersion: ethrex.dev/v1alpha1
kind: EthrexL1Node
metadata: {{name: l1}}
spec:
  network: {{public: hoodi}}
  storage: {{size: 1Gi}}
  consensus:
    sidecar:
      client: lighthouse
      image: {pods.NODE_IMAGE}  # an image without the client
      checkpointSyncUrl: https://checkpoint.example
      storage: {{size: 1Gi}}
"""
# What is asked of the Engine API as a consensus client would, at the loopback and at the pod's own address.
INSIDE = """
import base64, hashlib, hmac, json, socket, time, urllib.error, urllib.request
from pathlib import Path
FILE = Path("/data/engine/jwt.hex")
def encoded(content):
    return base64.urlsafe_b64encode(content).rstrip(b"=")
def asked(secret, method):
    head = encoded(b'{"alg":"HS256","typ":"JWT"}') + b"." + encoded(json.dumps({"iat": int(time.time())}).encode())
    token = (head + b"." + encoded(hmac.digest(secret, head, hashlib.sha256))).decode()
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": []}).encode()
    headers = {"Content-Type": "application/json", "Authorization": "Bearer " + token}
    try:
        with urllib.request.urlopen(urllib.request.Request("http://127.0.0.1:8551", body, headers), timeout=10) as answer:
            return json.load(answer)["result"]
    except urllib.error.HTTPError as error:
        return error.code
def opens(address):
    try:
        socket.create_connection((address, 8551), 5).close()
        return True
    except OSError:
        return False
secret = bytes.fromhex(FILE.read_text().removeprefix("0x"))
print(json.dumps({
    "bytes": len(secret), "mode": oct(FILE.stat().st_mode & 0o777), "medium": Path("/proc/mounts").read_text().count("tmpfs /data/engine"),
    "chain": asked(secret, "eth_chainId"), "stranger": asked(bytes(32), "eth_chainId"),
    "outside": opens(socket.gethostbyname(socket.gethostname())), "beacon": Path("/data/beacon").exists(),
}))
"""


@pytest.fixture(scope="module")
def place(cluster: Cluster, operator: str) -> Iterator[Rollup]:
    with rollups.namespace(cluster) as found:
        found.kubectl("apply", "-f", "-", given=NODE)
        found.wait("l1 noticed", lambda: "running" in state(found, "main"))
        yield found


def state(place: Rollup, container: str) -> dict[str, Any]:
    """As kubelet tells it."""
    if not place.is_there("pod/l1-0"):
        return {}
    status = place.get("pod/l1-0")["status"]
    every = (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ()))
    return next((one["state"] for one in every if one["name"] == container), {})


def test_a_client_that_cannot_start_is_named_and_the_node_runs(place: Rollup) -> None:
    place.wait("condition told", lambda: "lighthouse" in message(place))

    assert place.condition(L1, "Synced") == ("False", "PodNotReady")
    assert place.condition(L1, "Ready")[0] == "False"
    assert "running" in state(place, "main")
    assert state(place, "before-0")["terminated"]["exitCode"] == 0


def message(place: Rollup) -> str:
    conditions = place.get(L1).get("status", {}).get("conditions", [])
    return next((str(one["message"]) for one in conditions if one["type"] == "Synced"), "")


def test_the_secret_is_in_memory_and_opens_the_engine_api_on_the_loopback_alone(place: Rollup) -> None:
    def answered() -> dict[str, Any] | None:
        """None while the node does not listen yet."""
        with contextlib.suppress(KubectlFailed):
            said = place.kubectl("exec", "l1-0", "-c", "main", "--", "python", "-c", INSIDE)
            seen: dict[str, Any] = json.loads(said)
            return seen
        return None

    assert place.wait("pod ready", answered) == {
        "bytes": 32,
        "mode": "0o600",
        "medium": 1,
        "chain": hex(560_048),
        "stranger": 401,
        "outside": False,
        "beacon": False,
    }
    assert place.names("secret") == []


def test_each_has_a_volume_and_the_engine_api_no_service(place: Rollup) -> None:
    claims = {name: place.get(f"pvc/{name}")["status"]["phase"] for name in ("l1-data", "l1-beacon")}
    services = {name: ports_of(place, name) for name in place.names("service")}

    assert claims == {"l1-data": "Bound", "l1-beacon": "Bound"}
    assert services == {"service/l1": {"rpc": 8545, "metrics": 9090, "beacon": 5052, "beacon-metrics": 5054}}


def ports_of(place: Rollup, service: str) -> dict[str, int]:
    return {port["name"]: port["port"] for port in place.get(service)["spec"]["ports"]}
