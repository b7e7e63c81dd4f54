"""
How many pods of a role a drain of nodes may take at a time. What is alone has none: a budget of one pod can only hold up the drain,
and one that is evicted comes back with its volume.
"""

from __future__ import annotations

from .naming import OWNER, OWNER_KIND, ROLE, Object, Owner


def budget(role: str, owner: Owner) -> Object:
    """Of all pods of that role. One that is not ready serves nobody, and holds up no drain."""
    named = {"app.kubernetes.io/name": "ethrex", "app.kubernetes.io/instance": owner.name}
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {
            "name": f"{owner.name}-{role}",
            "namespace": owner.namespace,
            "labels": {**named, "app.kubernetes.io/component": role, ROLE: role, **owner.labels},
            "ownerReferences": [owner.reference],
        },
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": {OWNER_KIND: owner.kind, OWNER: owner.name, ROLE: role}},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }
