"""`EthrexSettlement`: contracts that rollups share. They come to L1 with the first rollup that settles there."""

from __future__ import annotations

from ..api.rollup import EthrexRollup
from ..api.settlement import EthrexSettlement
from ..kube import conditions
from ..kube.children import Change
from . import rollup as rollups
from .report import Report
from .world import Key, World


async def reconcile(world: World, settlement: EthrexSettlement, changes: list[Change]) -> Report:
    users = sorted(
        world.store.models(
            EthrexRollup, world.store.naming(Key(settlement.kind, settlement.namespace, settlement.name))
        ),
        key=lambda rollup: rollup.name,
    )
    fields = {"rollups": [rollup.name for rollup in users]}
    for rollup in users:
        known = rollups.contracts_of(world.store.status(Key(rollup.kind, rollup.namespace, rollup.name)), rollup)
        if known is not None:
            deployed = conditions.yes("Deployed", "Recorded", f"by {rollup.name}")
            verified = conditions.yes("Verified", "ByCode", "a deployer compares what stands there")
            return Report(parts=(deployed, verified), fields=fields | {"contracts": rollups.shared(known)})
    waits = "no rollup settles here yet" if not users else f"{users[0].name} is deploying"
    return Report(
        parts=(conditions.no("Deployed", "WaitsForRollup", waits),),
        more=(conditions.unknown("Verified"),),
        fields=fields,
        again=5.0 if users else None,
    )
