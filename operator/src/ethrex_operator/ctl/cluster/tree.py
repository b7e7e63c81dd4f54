"""What was observed of a rollup as a tree: one object for `--json`, lines for people. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, Final

from ...kube import conditions
from ...kube.client import Object
from ...kube.objects.naming import ROLE, WORKLOAD
from ...reconcile import running
from .. import view
from .observe import Tree

SUMMARY: Final = ("Ready", "Reconciling", "Stalled", "Paused")


def shown(tree: Tree) -> dict[str, Any]:
    """For `--json`."""
    status = tree.rollup.get("status") or {}
    return {
        **_resource(tree.rollup),
        "chainId": tree.rollup["spec"]["chainId"],
        "l1": _l1(tree),
        "settlement": None if tree.settlement is None else _resource(tree.settlement),
        "contracts": status.get("contracts"),
        "endpoints": status.get("endpoints") or {},
        "parts": [_part(pod) for pod in tree.pods],
        "progress": None if tree.figures is None else dataclasses.asdict(tree.figures),
        "pools": [_resource(pool) | _counts(pool) for pool in tree.pools],
        "missing": tree.missing,
    }


def ready(found: dict[str, Any]) -> bool:
    """It and all that it names."""
    named = [one for one in (found["l1"], found["settlement"], *found["pools"]) if one is not None and "ready" in one]
    return all(bool(one["ready"]) for one in (found, *named))


def told(found: dict[str, Any]) -> Iterator[str]:
    """For people."""
    yield f"{found['kind']} {found['namespace']}/{found['name']}   {_state(found)}   chain {found['chainId']}"
    yield from _l1_told(found)
    yield from _settlement_told(found)
    for part in found["parts"]:
        again = f"restarts {part['restarts']}" if part["restarts"] else ""
        facts = "   ".join(word for word in (again, part["reason"]) if word)
        yield f"  {part['role']:<10} {part['pod']:<34} {part['phase']:<9} {facts}".rstrip()
    if found["progress"] is not None:
        yield from (f"  {line}" for line in view.lines("progress", view.rollup(found["progress"])))
        for address, account in found["progress"]["accounts"].items():
            low = "   LOW" if account["low"] else ""
            yield f"    {address}   {account['balance_wei'] / view.ETHER:.6f} ether on L1{low}"
    for pool in found["pools"]:
        counts = f"{pool['readyReplicas']} of {pool['desiredReplicas']} provers"
        yield f"  pool {pool['namespace']}/{pool['name']}   {_state(pool)}   {counts}"
        yield from _conditions(pool, "    ")
    yield "  conditions"
    yield from _conditions(found, "    ")
    for what, why in found["missing"].items():
        yield f"  not seen: {what}: {why}"


def _l1_told(found: dict[str, Any]) -> Iterator[str]:
    l1 = found["l1"]
    if l1 is None:
        return
    if "urls" in l1:
        yield f"  L1   {', '.join(l1['urls'])}"
        return
    yield f"  L1 {l1['namespace']}/{l1['name']}   {_state(l1)}"
    yield from _conditions(l1, "    ")


def _settlement_told(found: dict[str, Any]) -> Iterator[str]:
    settlement, contracts = found["settlement"], found["contracts"]
    if settlement is not None:
        yield f"  settlement {settlement['namespace']}/{settlement['name']}   {_state(settlement)}"
        yield from _conditions(settlement, "    ")
    if contracts is not None:
        yield f"  settles on chain {contracts['l1ChainId']}: bridge {contracts['bridge']}, proposer {contracts['proposer']}"


def _l1(tree: Tree) -> dict[str, Any] | None:
    if tree.l1 is not None:
        return _resource(tree.l1)
    urls = tree.rollup["spec"]["l1"].get("urls")
    return {"urls": urls} if urls else None


def _resource(given: Object) -> dict[str, Any]:
    metadata = given["metadata"]
    every = (given.get("status") or {}).get("conditions") or []
    by_type = {one["type"]: one for one in every}
    holds = by_type.get("Ready", {}).get("status") == conditions.TRUE
    current = (given.get("status") or {}).get("observedGeneration") == metadata.get("generation")
    return {
        "kind": given["kind"],
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "ready": holds and current,
        "conditions": [
            {name: one.get(name, "") for name in ("type", "status", "reason", "message", "lastTransitionTime")}
            for one in every
        ],
    }


def _counts(pool: Object) -> dict[str, Any]:
    status = pool.get("status") or {}
    return {name: status.get(name, 0) for name in ("replicas", "readyReplicas", "desiredReplicas")}


def _part(pod: Object) -> dict[str, Any]:
    metadata, status = pod["metadata"], pod.get("status") or {}
    is_ready = any(one["type"] == "Ready" and one["status"] == "True" for one in status.get("conditions") or ())
    phase = status.get("phase", "Pending")
    phase = {"Running": "Ready" if is_ready else "Starting", "Succeeded": "Done"}.get(phase, phase)
    if "deletionTimestamp" in metadata:
        phase = "Leaving"
    return {
        "role": metadata["labels"].get(ROLE, ""),
        "workload": metadata["labels"].get(WORKLOAD, ""),
        "namespace": metadata["namespace"],
        "pod": metadata["name"],
        "phase": phase,
        "restarts": sum(int(one.get("restartCount", 0)) for one in status.get("containerStatuses") or ()),
        "reason": "" if phase in ("Ready", "Done") else running.why(pod),
    }


def _state(found: dict[str, Any]) -> str:
    """Ready; or the one word and sentence that say best why not."""
    by_type = {one["type"]: one for one in found["conditions"]}
    for type in ("Paused", "Stalled"):
        if by_type.get(type, {}).get("status") == conditions.TRUE:
            return f"{type}: {by_type[type]['reason']}"
    if found["ready"]:
        return "Ready"
    reason = by_type.get("Ready", {}).get("reason", "")
    return f"NotReady: {reason}" if reason else "NotReady: no operator has looked at it yet"


def _conditions(found: dict[str, Any], indent: str) -> Iterator[str]:
    for one in found["conditions"]:
        if one["type"] in SUMMARY and one["type"] != "Ready":
            continue
        message = f"   {one['message']}" if one["message"] else ""
        yield f"{indent}{one['type']:<16} {one['status']:<8} {one['reason']}{message}"
