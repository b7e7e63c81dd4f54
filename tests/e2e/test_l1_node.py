"""An L1 node that follows a consensus client: it has the secret of a Secret, and takes its head from whoever shows it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
import urllib.error
import urllib.request
from typing import Any

import pytest

from e2e.whole_cluster import Cluster

ZERO = "0x" + "00" * 32
GENESIS = {
    "config": {
        "chainId": 1_234_567,
        **dict.fromkeys(
            (
                *(
                    "homesteadBlock",
                    "eip150Block",
                    "eip155Block",
                    "eip158Block",
                    "byzantiumBlock",
                    "constantinopleBlock",
                ),
                *("petersburgBlock", "istanbulBlock", "berlinBlock", "londonBlock", "mergeNetsplitBlock"),
                *("terminalTotalDifficulty", "shanghaiTime", "cancunTime"),
            ),
            0,
        ),
        "blobSchedule": {"cancun": {"target": 3, "max": 6, "baseFeeUpdateFraction": 3_338_477}},
    },
    "nonce": "0x0",
    "timestamp": "0x0",
    "extraData": "0x",
    "gasLimit": "0x1c9c380",
    "difficulty": "0x0",
    "mixHash": ZERO,
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


def token(secret: bytes) -> str:
    def encoded(content: bytes) -> bytes:
        return base64.urlsafe_b64encode(content).rstrip(b"=")

    head = encoded(b'{"alg":"HS256","typ":"JWT"}') + b"." + encoded(json.dumps({"iat": int(time.time())}).encode())
    return (head + b"." + encoded(hmac.digest(secret, head, hashlib.sha256))).decode()


def ask(address: str, secret: bytes, method: str, *params: Any) -> Any:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token(secret)}"}
    with urllib.request.urlopen(urllib.request.Request(f"http://{address}", body, headers), timeout=10) as answer:
        return json.load(answer)["result"]


@pytest.mark.long
def test_a_node_takes_its_head_from_who_shows_the_secret_and_from_nobody_else(
    cluster: Cluster, operator: str, namespace: str
) -> None:
    secret = secrets.token_bytes(32)
    cluster.apply(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "genesis"},
            "data": {"genesis.json": json.dumps(GENESIS)},
        },
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "jwt"}, "stringData": {"jwt.hex": secret.hex()}},
        namespace=namespace,
    )
    cluster.kubectl("-n", namespace, "apply", "-f", "-", given=NODE)

    def ready() -> bool:
        told = cluster.get("ethrexl1node", "l1", namespace).get("status", {}).get("conditions", [])
        return any(one["type"] == "Ready" and one["status"] == "True" for one in told)

    cluster.wait_for("rollup ready", ready, namespace)
    with cluster.forward("service/l1", 8551, namespace) as address:
        block = ask(address, secret, "eth_getBlockByNumber", "0x0", False)
        state = {"headBlockHash": block["hash"], "safeBlockHash": ZERO, "finalizedBlockHash": ZERO}
        told = ask(address, secret, "engine_forkchoiceUpdatedV3", state, None)
        with pytest.raises(urllib.error.HTTPError) as refused:
            ask(address, secrets.token_bytes(32), "engine_forkchoiceUpdatedV3", state, None)

    assert told["payloadStatus"]["status"] == "VALID"
    assert refused.value.code == 401
