"""
An agent that enforces NetworkPolicies in a cluster of our own, which has none: what policies and pods say, as rules of nftables.

It knows what our policies use (ingress, labels, numbers of TCP ports) and refuses any other. Pods reach each other by routes of
their node, so that all of it passes the hook `forward`; the node's own probes do not, as with other agents.
"""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from e2e.whole_cluster import Cluster

Object = dict[str, Any]

TABLE: Final = "inet policies"
EVERY_SECONDS: Final = 0.5


@contextmanager
def policies(cluster: Cluster) -> Iterator[None]:
    """They hold from the first line of the body to its last."""
    stop = threading.Event()
    failed: list[Exception] = []

    def follow() -> None:
        try:
            while not stop.wait(EVERY_SECONDS):
                _put(cluster)
        except Exception as error:
            failed.append(error)

    _put(cluster)
    thread = threading.Thread(target=follow)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        _nft(cluster, f"table {TABLE}\ndelete table {TABLE}\n")
    assert not failed, failed


def _put(cluster: Cluster) -> None:
    def every(kind: str) -> list[Object]:
        found: list[Object] = json.loads(cluster.kubectl("get", kind, "--all-namespaces", "-o", "json"))["items"]
        return found

    spaces = {one["metadata"]["name"]: one["metadata"].get("labels") or {} for one in every("namespaces")}
    _nft(cluster, rules(every("networkpolicies"), every("pods"), spaces))


def _nft(cluster: Cluster, rules: str) -> None:
    subprocess.run(cluster.inside("nft", "-f", "-"), input=rules, text=True, check=True, capture_output=True)


def rules(policies: list[Object], pods: list[Object], spaces: Mapping[str, Mapping[str, str]]) -> str:
    """The whole table, which takes the place of the one before at once."""
    pods = [one for one in pods if _has_address(one)]
    chains, jumps = [], []
    for number, pod in enumerate(pods):
        its = [one for one in policies if _selects(one, pod)]
        if not its:
            continue
        lines = [
            line
            for policy in its
            for rule in policy["spec"].get("ingress", ())
            for line in _lines(policy, rule, pods, spaces)
        ]
        chains.append("\n".join([f"chain pod{number} {{", *lines, "drop", "}"]))
        jumps.append(f"ip daddr {pod['status']['podIP']} jump pod{number}")
    forward = ["chain forward {", "type filter hook forward priority filter;", "ct state established,related accept"]
    return "\n".join(
        [f"table {TABLE}", f"delete table {TABLE}", f"table {TABLE} {{", *chains, *forward, *jumps, "}", "}", ""]
    )


def _has_address(pod: Object) -> bool:
    """Of its own, and nobody else has it yet."""
    ended = pod["status"].get("phase") in ("Succeeded", "Failed")
    return bool(pod["status"].get("podIP")) and not pod["spec"].get("hostNetwork") and not ended


def _selects(policy: Object, pod: Object) -> bool:
    assert policy["spec"]["policyTypes"] == ["Ingress"], policy
    return policy["metadata"]["namespace"] == pod["metadata"]["namespace"] and _fits(policy["spec"]["podSelector"], pod)


def _lines(policy: Object, rule: Object, pods: list[Object], spaces: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    ports = _set(str(int(one["port"])) for one in rule["ports"] if one["protocol"] == "TCP")
    if "from" not in rule:
        yield f"tcp dport {ports} accept"
        return
    sources = [one for one in pods if any(_is_from(one, peer, policy, spaces) for peer in rule["from"])]
    if sources:
        yield f"ip saddr {_set(one['status']['podIP'] for one in sources)} tcp dport {ports} accept"


def _is_from(pod: Object, peer: Object, policy: Object, spaces: Mapping[str, Mapping[str, str]]) -> bool:
    assert peer.keys() <= {"namespaceSelector", "podSelector"}, peer
    space = pod["metadata"]["namespace"]
    if "namespaceSelector" in peer:
        is_there = _fits(peer["namespaceSelector"], {"metadata": {"labels": spaces.get(space, {})}})
    else:
        is_there = space == policy["metadata"]["namespace"]
    return is_there and _fits(peer.get("podSelector", {}), pod)


def _fits(selector: Object, labelled: Object) -> bool:
    assert selector.keys() <= {"matchLabels"}, selector
    labels = labelled["metadata"].get("labels") or {}
    return all(labels.get(name) == value for name, value in selector.get("matchLabels", {}).items())


def _set(values: Iterator[str]) -> str:
    return "{ " + ", ".join(sorted(values)) + " }"
