"""`EthrexL1Node`: one client, its volume, its doors."""

from __future__ import annotations

from ..api.l1node import EthrexL1Node
from ..chain import rpc
from ..chain.errors import ChainError
from ..kube import conditions, objects
from ..kube.children import Change
from ..topology import l1
from . import running
from .report import Report
from .world import World, cluster_for, owner_of, url

SOON_SECONDS = 1.0
STEADY_SECONDS = 30.0


async def reconcile(world: World, node: EthrexL1Node, changes: list[Change]) -> Report:
    """Raises `Unmet`, `KubeError`, `NameTaken`."""
    workload = l1.workload(node)
    wanted = objects.children(workload, owner_of(node), cluster_for(world, node.namespace, (workload,)))
    changes += await world.children.ensure(owner_of(node), wanted)
    found = running.instance(world, node.namespace, workload)
    if await running.roll(world, node.namespace, found):
        changes.append(Change("Rolled", f"pod {found.pod} ran an older template"))
    address = url(node.name, node.namespace, l1.RPC.number)
    synced = await _synced(world, address, found)
    return Report(
        parts=(synced,),
        more=(conditions.unknown("StorageHealthy", "NotMeasured"),),
        fields={"endpoints": {"rpc": address}},
        again=STEADY_SECONDS if synced.status == conditions.TRUE and not found.outdated else SOON_SECONDS,
    )


async def _synced(world: World, address: str, found: running.Instance) -> conditions.Condition:
    if not found.ready:
        return conditions.no("Synced", "PodNotReady", found.reason)
    try:
        behind = await rpc.call(world.session, address, "eth_syncing")
    except ChainError as error:
        return conditions.no("Synced", "NoAnswer", str(error))
    return conditions.no("Synced", "Syncing") if behind else conditions.yes("Synced", "AtHead")
