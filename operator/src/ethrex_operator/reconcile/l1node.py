"""`EthrexL1Node`: one client, its volume, its doors."""

from __future__ import annotations

from ..api.l1node import EthrexL1Node
from ..chain import figures, rpc
from ..chain.errors import ChainError
from ..kube import conditions, objects
from ..kube.children import Change
from ..topology import l1
from ..topology import running as topology
from . import running
from .report import Report
from .world import World, cluster_for, owner_of, url

SOON_SECONDS = 1.0
STEADY_SECONDS = 30.0
LEAST_FREE_PERCENT = 10


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
        more=(await _stored(world, url(node.name, node.namespace, topology.METRICS.number), found),),
        fields={"endpoints": {"rpc": address}},
        again=STEADY_SECONDS if synced.status == conditions.TRUE and not found.outdated else SOON_SECONDS,
    )


async def _stored(world: World, metrics: str, found: running.Instance) -> conditions.Condition:
    if not found.ready:
        return conditions.unknown("StorageHealthy", "PodNotReady")
    try:
        return storage(await figures.of_volume(world.session, metrics))
    except ChainError as error:
        return conditions.unknown("StorageHealthy", "NoAnswer", str(error))


def storage(seen: figures.Volume) -> conditions.Condition:
    """Whether the volume has room left, by what the node itself says."""
    if seen.size == 0:
        return conditions.unknown("StorageHealthy", "NotMeasured")
    percent = 100 * seen.free // seen.size
    if percent >= LEAST_FREE_PERCENT:
        return conditions.yes("StorageHealthy", "RoomLeft")
    note = f"{percent} % of {seen.size / 2**30:.0f} GiB are free: a larger spec.storage.size, where its class can grow volumes"
    return conditions.no("StorageHealthy", "NearlyFull", note)


async def _synced(world: World, address: str, found: running.Instance) -> conditions.Condition:
    if not found.ready:
        return conditions.no("Synced", "PodNotReady", found.reason)
    try:
        behind = await rpc.call(world.session, address, "eth_syncing")
    except ChainError as error:
        return conditions.no("Synced", "NoAnswer", str(error))
    return conditions.no("Synced", "Syncing") if behind else conditions.yes("Synced", "AtHead")
