"""Who a workload is, and who may come to it."""

from __future__ import annotations

from typing import Final

from ...api.base import GROUP
from ...topology.workload import Door, Guests, Port, Reach, Workload
from .naming import MANAGER, OWNER, OWNER_KIND, ROLE, WORKLOAD, Object, Owner, metadata, selector

MONITORING: Final = f"{GROUP}/monitoring"  # a label of namespaces whose pods may scrape metrics
OPERATOR: Final[Object] = {
    "namespaceSelector": {},
    "podSelector": {"matchLabels": {"app.kubernetes.io/name": MANAGER}},
}


def service_account(workload: Workload, owner: Owner) -> Object:
    """Of all workloads that name it: it bears the name of none."""
    made = metadata(workload.account, workload, owner)
    del made["labels"][WORKLOAD]
    if workload.placement.account_annotations:
        made["annotations"] = dict(workload.placement.account_annotations)
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": made,
        "automountServiceAccountToken": False,
    }


def service(workload: Workload, owner: Owner) -> list[Object]:
    """None where nobody comes. A consensus client comes before the node is ready, which is so only once it has come."""
    if not workload.every_port:
        return []
    found = [_service(workload.name, workload.every_port, workload, owner)]
    before = tuple(port for port in workload.ports if port.reach is Reach.NAMESPACE)
    if before:
        early = _service(f"{workload.name}-{before[0].name}", before, workload, owner)
        found.append(early | {"spec": early["spec"] | {"publishNotReadyAddresses": True}})
    return found


def _service(name: str, ports: tuple[Port, ...], workload: Workload, owner: Owner) -> Object:
    told = [{"name": port.name, "port": port.number, "targetPort": port.name, "protocol": "TCP"} for port in ports]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(name, workload, owner),
        "spec": {"type": "ClusterIP", "selector": selector(workload), "ports": told},
    }


def door(given: Door, owner: Owner) -> Object:
    """Of several workloads. Only pods that are ready are behind it."""
    named = {"app.kubernetes.io/name": "ethrex", "app.kubernetes.io/instance": owner.name}
    port = given.port
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": given.name,
            "namespace": owner.namespace,
            "labels": {**named, "app.kubernetes.io/component": port.name, **owner.labels},
            "ownerReferences": [owner.reference],
        },
        "spec": {
            "type": "ClusterIP",
            "selector": {OWNER_KIND: owner.kind, OWNER: owner.name, ROLE: given.role},
            "ports": [{"name": port.name, "port": port.number, "targetPort": port.name, "protocol": "TCP"}],
        },
    }


def network_policy(workload: Workload, owner: Owner) -> Object:
    """What is not said here does not get in. Out it may: an L1 or a signer can be anywhere."""
    rules = [_rule(port, workload) for port in workload.every_port]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata(workload.name, workload, owner),
        "spec": {
            "podSelector": {"matchLabels": selector(workload)},
            "policyTypes": ["Ingress"],
            **({"ingress": rules} if rules else {}),  # the API server does not keep an empty list
        },
    }


def _rule(port: Port, workload: Workload) -> Object:
    rule: Object = {"ports": [{"port": port.number, "protocol": "TCP"}]}
    sources = _sources(port.reach, workload)
    return rule if sources is None else {"from": sources, **rule}


def _sources(reach: Reach, workload: Workload) -> list[Object] | None:
    """None: anybody."""
    match reach:
        case Reach.PUBLIC:
            return None
        case Reach.PROVERS:
            return [*(_peers(_named(space), {ROLE: "prover"}) for space in _provers_from(workload)), OPERATOR]
        case Reach.NAMESPACE:
            return [{"podSelector": {}}]
        case Reach.ROLLUPS:
            return [_peers({}, {OWNER_KIND: "EthrexRollup"})]
        case Reach.OPERATOR:
            return [OPERATOR, {"namespaceSelector": {"matchLabels": {MONITORING: "true"}}}]


def _provers_from(workload: Workload) -> list[str]:
    """The namespaces of the pools that may come."""
    guests = (file.content.guests for file in workload.files if isinstance(file.content, Guests))
    return sorted({one.namespace for some in guests for one in some if one.role == "prover"})


def _named(namespace: str) -> Object:
    return {"matchLabels": {"kubernetes.io/metadata.name": namespace}}


def _peers(namespaces: Object, pods: Object) -> Object:
    return {"namespaceSelector": namespaces, "podSelector": {"matchLabels": pods}}
