"""A rollup in a cluster, as the API server tells of it."""

from __future__ import annotations

from typing import Any

from unit.operator.ctl.api_server import ApiServer

Object = dict[str, Any]
BRIDGE = "0x" + "b1" * 20
API = "ethrex.dev/v1alpha1"
METRICS = b"""\
ethrex_head_block_number 1234
ethrex_rollup_batch{stage="made"} 9
ethrex_rollup_batch{stage="committed"} 8
ethrex_rollup_batch{stage="proven"} 7
ethrex_rollup_batch{stage="verified"} 6
ethrex_outbox_balance_wei{account="0x70997970c51812dc3a010c7d01b50e0d17dc79c8"} 2500000000000000000
ethrex_outbox_balance_low{account="0x70997970c51812dc3a010c7d01b50e0d17dc79c8"} 1
"""


def put_rollup(server: ApiServer, *, ready: bool = True) -> None:
    server.put(resource("EthrexL1Node", "l1", {"network": {"dev": {}}}, conditions("Ready")))
    spec = {"l1": {"ref": {"name": "l1"}}, "chainId": 77, "proving": {"pools": [{"ref": {"name": "provers"}}]}}
    contracts = {
        "l1ChainId": 1337,
        "bridge": BRIDGE,
        "proposer": BRIDGE,
        "registry": BRIDGE,
        "attestedVerifier": BRIDGE,
    }
    rollup = resource("EthrexRollup", "rollup", spec, conditions("Ready", "Sequencing", holds=ready))
    rollup["status"] |= {"contracts": contracts, "chainId": 77}
    server.put(rollup)
    pool = resource("ProverPool", "provers", {}, conditions("Ready"))
    pool["status"] |= {"replicas": 1, "readyReplicas": 1, "desiredReplicas": 2}
    server.put(pool)
    server.put(pod("l1-0", "l1", "l1", "EthrexL1Node", "l1"))
    server.put(pod("rollup-sequencer-0", "rollup-sequencer", "sequencer", "EthrexRollup", "rollup"))
    server.put(pod("provers-0-x1", "provers-0", "prover", "ProverPool", "provers"))
    server.pages["rollup-sequencer-0", 9090] = METRICS
    for name in ("l1-0", "rollup-sequencer-0", "provers-0-x1"):
        server.logs[name, "main"] = f'{{"message": "{name} begins"}}\nsecond line of {name}\n'


def resource(kind: str, name: str, spec: Object, told: list[Object]) -> Object:
    status = {"observedGeneration": 1, "conditions": told}
    return {"apiVersion": API, "kind": kind, "metadata": {"name": name}, "spec": spec, "status": status}


def conditions(*types: str, holds: bool = True) -> list[Object]:
    """The first one holds as `holds` says."""
    return [
        {
            "type": one,
            "status": "True" if holds or number else "False",
            "reason": "AllIsWell" if holds or number else "PodNotReady",
            "message": "" if holds or number else "ended with 2: no funds",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        for number, one in enumerate(types)
    ]


def pod(name: str, workload: str, role: str, kind: str, owner: str) -> Object:
    labels = {
        "app.kubernetes.io/managed-by": "ethrex-operator",
        "ethrex.dev/owner-kind": kind,
        "ethrex.dev/owner": owner,
        "ethrex.dev/role": role,
        "ethrex.dev/workload": workload,
    }
    ports = [{"name": "metrics", "containerPort": 9090}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels},
        "spec": {"containers": [{"name": "main", "ports": ports}]},
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{"name": "main", "restartCount": 0, "state": {"running": {}}}],
        },
    }
