"""A pod shows who it is by its service account's token, and the coordinator's own code believes the cluster's keys.

No RBAC of ours is needed to read the keys: Kubernetes binds ``system:service-account-issuer-discovery`` to every service
account, so any pod with a token for the API server may read ``/openid/v1/jwks``, and one without may not.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from e2e import pods
from e2e.whole_cluster import Cluster

AUDIENCE = "rollup-coordinator"
LIST_OF_KEYS = "https://kubernetes.default.svc/openid/v1/jwks"

# What a coordinator does with a prover's token, in a pod that has both of its token files.
ASKS = """
import asyncio, json, sys
from pathlib import Path
from ethrex_node.rollup.coordinator import keyset, service_accounts
from ethrex_node.rollup.coordinator.identities import Unidentified

url, issuer, audience, subject = sys.argv[1:]
Path("/tmp/subjects").write_text(f"prover {subject} pool\\n")
keys = keyset.KeySet(keyset.from_url(url, Path("/api/ca.crt"), Path("/api/token")))
authenticate = service_accounts.ServiceAccounts(issuer, audience, keys, service_accounts.Subjects(Path("/tmp/subjects")))

async def ask():
    try:
        identity = await authenticate(Path("/identity/token").read_text())
        return {"role": identity.role, "name": identity.name}
    except Unidentified as error:
        return {"refused": str(error)}

print(json.dumps(asyncio.run(ask())))
"""


def token(name: str, audience: str | None, *others: dict[str, Any]) -> dict[str, Any]:
    asked = {"path": "token", "expirationSeconds": 3600, **({"audience": audience} if audience else {})}
    return {"name": name, "projected": {"sources": [{"serviceAccountToken": asked}, *others]}}


CERTIFICATES = {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}}


def issuer_of(cluster: Cluster) -> str:
    issuer: str = json.loads(cluster.kubectl("get", "--raw", "/.well-known/openid-configuration"))["issuer"]
    return issuer


@pytest.mark.parametrize(
    ("asked_for", "expected"),
    [
        pytest.param(AUDIENCE, {"role": "prover", "name": "pool.prover"}, id="its own"),
        pytest.param("another-rollup", {"refused": "the token is not taken: Audience doesn't match"}, id="another's"),
    ],
)
def test_a_token_is_taken_by_the_coordinator_it_was_made_for(
    cluster: Cluster, namespace: str, asked_for: str, expected: dict[str, str]
) -> None:
    subject = f"system:serviceaccount:{namespace}:default"
    arguments = ("-c", ASKS, LIST_OF_KEYS, issuer_of(cluster), AUDIENCE, subject)
    volumes = (token("identity", asked_for), token("api", None, CERTIFICATES))

    prover = pods.pod("prover", pods.NODE_IMAGE, *arguments, volumes=volumes, command=["python"])
    cluster.apply(prover, namespace=namespace)

    assert json.loads(cluster.wait_until_done("prover", namespace).splitlines()[-1]) == expected
