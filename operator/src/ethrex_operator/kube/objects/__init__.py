"""A `Workload` as the objects that run it. Pure: the same workload and owner give the same objects, byte for byte."""

from __future__ import annotations

from ...topology.workload import Lifetime, Workload
from . import access, pods, sets
from .access import door
from .budgets import budget
from .naming import Object, Owner
from .place import Cluster

__all__ = ["Cluster", "Object", "Owner", "budget", "children", "door"]


def children(workload: Workload, owner: Owner, cluster: Cluster) -> list[Object]:
    """In the order in which they are applied: what a pod needs comes before it."""
    found: list[Object] = [access.service_account(workload, owner)]
    found += pods.config_map(workload, owner)
    found += [sets.claim(volume, workload, owner) for volume in workload.every_volume]
    found += access.service(workload, owner)
    found.append(access.network_policy(workload, owner))
    make = sets.stateful_set if workload.lifetime is Lifetime.SERVICE else sets.job
    found.append(make(workload, owner, cluster))
    return found
