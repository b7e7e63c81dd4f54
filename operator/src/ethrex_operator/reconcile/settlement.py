"""
`EthrexSettlement`: contracts that rollups share. Its deployer makes them, or compares those that are adopted; then one after
the other registers the rollups that name it and that it allows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from ..api.rollup import EthrexRollup
from ..api.settlement import EthrexSettlement
from ..kube import conditions, objects
from ..kube.children import Change
from ..kube.client import Object
from ..topology import settlement as settlements
from ..topology.errors import Unmet
from ..topology.facts import Shared
from . import deploying, l1, registering
from .report import Report
from .world import Key, World, cluster_for, owner_of

SOON_SECONDS: Final = 1.0
STEADY_SECONDS: Final = 60.0
MOST_TOLD: Final = 128  # rollups in a status


async def reconcile(world: World, settlement: EthrexSettlement, changes: list[Change]) -> Report:
    """Raises `Unmet`, `KubeError`, `NameTaken`, `BadResult`."""
    at = l1.of(world, settlement)
    its = settlements.of(settlement, at)
    key, owner = Key(settlement.kind, settlement.namespace, settlement.name), owner_of(settlement)
    is_known = bool(world.store.status(key).get("contracts"))
    its_users = users(world, settlement)
    fields: dict[str, Any] = {"rollups": [f"{one.namespace}/{one.name}" for one in its_users[:MOST_TOLD]]}
    if not is_known:
        reachable = await l1.reachable(world, at, settlement.namespace)
        if reachable.status != conditions.TRUE:
            waits = conditions.no("Deployed", "WaitsForL1", reachable.message)
            return Report(parts=(waits,), more=(conditions.unknown("Verified"),), fields=fields, again=SOON_SECONDS)
    workload = settlements.deployer(settlement, its, at)
    cluster = cluster_for(world, settlement.namespace, (workload,), l1.name_of(settlement))
    deployer = objects.children(workload, owner, cluster)
    registrars = list(_registrars(world, its_users)) if is_known else []
    made, all_begun = await deploying.ensure(world, owner, [deployer, *registrars], [])
    changes += made
    urls = l1.addresses(at, settlement.namespace)
    asked = deploying.Asked(key, settlement.namespace, deploying.job_of(deployer), _contracts, urls)
    found = await deploying.look(world, asked, changes)
    holds = found.current and found.verified.status == conditions.TRUE and all_begun
    return Report(
        parts=(found.deployed, found.verified),
        fields=fields | found.fields,
        again=STEADY_SECONDS if holds else SOON_SECONDS,
    )


def users(world: World, settlement: EthrexSettlement) -> list[EthrexRollup]:
    """Whoever names it, whether it is allowed to or not, the oldest first."""
    every = world.store.naming(Key(settlement.kind, settlement.namespace, settlement.name))
    return list(world.store.models(EthrexRollup, sorted(every, key=world.store.age)))


def _registrars(world: World, every: list[EthrexRollup]) -> Iterator[list[Object]]:
    """Of those that are as they should be: the others' own reconcile says what is wrong with them."""
    for rollup in every:
        try:
            yield registering.shared(world, rollup)
        except Unmet:
            continue


def _contracts(result: bytes) -> dict[str, Any]:
    """Of a status. Raises `BadResult`."""
    found = Shared.read(result)
    addresses = dict(found.addresses)
    return {"l1ChainId": found.l1_chain_id, **addresses, "implementations": dict(found.implementations)}
