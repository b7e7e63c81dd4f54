"""
An L1 node that follows a consensus client: a pod of the same namespace that has the same secret says what the head is.

The client is a program that builds a block each slot over the Engine API, as validators do; nothing of the node is in it.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator

import pytest

from e2e import pods, rollups
from e2e.rollups import Rollup
from e2e.whole_cluster import Cluster

L1 = "ethrexl1node/l1"
CHAIN_ID = 1_234_567
FORKS = (
    *("homesteadBlock", "eip150Block", "eip155Block", "eip158Block", "byzantiumBlock", "constantinopleBlock"),
    *("petersburgBlock", "istanbulBlock", "berlinBlock", "londonBlock", "mergeNetsplitBlock"),
    *("terminalTotalDifficulty", "shanghaiTime", "cancunTime"),
)
GENESIS = {
    "config": {
        "chainId": CHAIN_ID,
        **dict.fromkeys(FORKS, 0),
        "blobSchedule": {"cancun": {"target": 3, "max": 6, "baseFeeUpdateFraction": 3_338_477}},
    },
    "nonce": "0x0",
    "timestamp": "0x0",
    "extraData": "0x",
    "gasLimit": "0x1c9c380",
    "difficulty": "0x0",
    "mixHash": "0x" + "00" * 32,
    "coinbase": "0x" + "00" * 20,
    "alloc": {},
}
NODE = """
apiVersion: ethrex.dev/v1alpha1
kind: EthrexL1Node
metadata: {name: l1}
spec:
  network: {genesis: {name: genesis, key: genesis.json}}
  consensus: {external: {jwtSecret: {name: jwt, key: jwt.hex}}}
"""
# A slot: build on the head, take the payload, make it the head, finalise its parent. `errors` are tried again.
CLIENT = """
import base64, hashlib, hmac, json, sys, time, urllib.error, urllib.request
from pathlib import Path
SECRET, ZERO = bytes.fromhex(Path("/jwt/jwt.hex").read_text()), "0x" + "00" * 32

def encoded(content):
    return base64.urlsafe_b64encode(content).rstrip(b"=")

def ask(method, *params):
    head = encoded(b'{"alg":"HS256","typ":"JWT"}') + b"." + encoded(json.dumps({"iat": int(time.time())}).encode())
    token = (head + b"." + encoded(hmac.digest(SECRET, head, hashlib.sha256))).decode()
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    headers = {"Content-Type": "application/json", "Authorization": "Bearer " + token}
    request = urllib.request.Request("http://l1-engine:8551", body, headers)
    return json.load(urllib.request.urlopen(request, timeout=10))["result"]

def told(head, safe, attributes):
    state = {"headBlockHash": head, "safeBlockHash": safe, "finalizedBlockHash": safe}
    return ask("engine_forkchoiceUpdatedV3", state, attributes)

def slot():
    head = ask("eth_getBlockByNumber", "latest", False)
    attributes = {"timestamp": hex(max(int(time.time()), int(head["timestamp"], 16) + 1)), "prevRandao": ZERO,
                  "suggestedFeeRecipient": "0x" + "11" * 20, "withdrawals": [], "parentBeaconBlockRoot": ZERO}
    begun = told(head["hash"], ZERO, attributes)
    payload = ask("engine_getPayloadV3", begun["payloadId"])["executionPayload"]
    taken = ask("engine_newPayloadV3", payload, [], ZERO)
    assert taken["status"] == "VALID", taken
    made = told(payload["blockHash"], head["hash"], None)
    assert made["payloadStatus"]["status"] == "VALID", made

while True:
    try:
        slot()
    except urllib.error.HTTPError as error:
        print("refused", error.code)
        sys.exit(0 if error.code == 401 else 1)
    except OSError as error:
        print("waits", error, flush=True)
    time.sleep(1)
"""


@pytest.fixture(scope="module")
def place(cluster: Cluster, operator: str) -> Iterator[Rollup]:
    """An L1 node that knows a secret, and nobody yet who tells it anything."""
    with rollups.namespace(cluster) as found:
        config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "genesis"}}
        cluster.apply(
            config | {"data": {"genesis.json": json.dumps(GENESIS)}},
            *(secret(name) for name in ("jwt", "another")),
            namespace=found.namespace,
        )
        found.kubectl("apply", "-f", "-", given=NODE)
        yield found


def secret(name: str) -> pods.Object:
    text = {"jwt.hex": secrets.token_bytes(32).hex()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": text}


def client(name: str, its_secret: str) -> pods.Object:
    volume = {"name": "jwt", "secret": {"secretName": its_secret}}
    return pods.pod(name, pods.NODE_IMAGE, "-c", CLIENT, command=["python"], volumes=(volume,))


def head(place: Rollup, tag: str = "latest") -> int:
    return int(place.ask("l1", 8545, "eth_getBlockByNumber", tag, False)["number"], 16)


def test_it_is_not_ready_before_it_was_told_a_head(place: Rollup) -> None:
    place.wait("l1 noticed", lambda: place.condition(L1, "Synced") == ("False", "PodNotReady") and runs(place))

    assert place.condition(L1, "Ready")[0] == "False"


def runs(place: Rollup) -> bool:
    return place.is_there("pod/l1-0") and bool(place.get("pod/l1-0")["status"].get("containerStatuses"))


def test_who_has_another_secret_tells_it_nothing(place: Rollup) -> None:
    place.cluster.apply(client("stranger", "another"), namespace=place.namespace)

    assert place.cluster.wait_until_done("stranger", place.namespace).splitlines()[-1] == "refused 401"
    assert place.condition(L1, "Ready")[0] == "False"


def test_who_has_its_secret_says_what_the_head_is(place: Rollup) -> None:
    place.cluster.apply(client("consensus", "jwt"), namespace=place.namespace)
    place.wait("pod ready", lambda: place.condition(L1, "Ready")[0] == "True")
    first = head(place)
    place.wait("service answers", lambda: head(place) > first + 2)

    assert place.condition(L1, "Synced") == ("True", "AtHead")
    assert int(place.ask("l1", 8545, "eth_chainId"), 16) == CHAIN_ID
    assert head(place, "finalized") >= first


def test_it_comes_back_with_its_chain_and_the_client_goes_on(place: Rollup) -> None:
    before, pod = head(place), place.get("pod/l1-0")["metadata"]["uid"]
    hash = place.ask("l1", 8545, "eth_getBlockByNumber", hex(before), False)["hash"]
    place.kubectl("delete", "pod", "l1-0", "--grace-period=0", "--force")
    place.wait("role back", lambda: is_another(place, pod) and place.condition(L1, "Ready")[0] == "True")
    place.wait("service answers", lambda: head(place) > before)

    assert place.ask("l1", 8545, "eth_getBlockByNumber", hex(before), False)["hash"] == hash


def is_another(place: Rollup, pod: str) -> bool:
    return place.is_there("pod/l1-0") and place.get("pod/l1-0")["metadata"]["uid"] != pod
