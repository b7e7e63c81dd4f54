"""
How a rollup comes to L1: what it names, resolved; the deployer that registers it; whether its contracts are there.

A rollup with a settlement is registered by a deployer of the settlement, in its namespace; one without has its own.
"""

from __future__ import annotations

from typing import Any

from ..api.pool import ProverPool
from ..api.rollup import EthrexRollup
from ..api.settlement import EthrexSettlement
from ..kube import conditions, objects
from ..kube.client import Object
from ..kube.conditions import Condition
from ..topology import attachment
from ..topology import rollup as rollups
from ..topology import settlement as settlements
from ..topology.errors import Unmet
from ..topology.facts import Contracts
from . import l1, report
from .world import Key, World, cluster_for, owner_of


def resolved(world: World, rollup: EthrexRollup) -> rollups.Wanted:
    """With all that it refers to. Raises `Unmet`."""
    at = l1.of(world, rollup)
    found = settlement_of(world, rollup)
    settlement = settlements.own(rollup, at) if found is None else settlements.of(found, at)
    pools: list[ProverPool] = []
    for each in rollup.spec.proving.pools:
        namespace = each.ref.namespace or rollup.namespace
        pool = world.store.model(ProverPool, namespace, each.ref.name)
        if pool is None:
            raise Unmet("PoolNotFound", f"spec.proving.pools: there is no ProverPool {namespace}/{each.ref.name}")
        attachment.refuse_foreign(pool, rollup, world.store.spaces)
        pools.append(pool)
    return rollups.Wanted(rollup, at, settlement, tuple(pools), rollups.Operator(world.namespace, world.account))


def settlement_of(world: World, rollup: EthrexRollup) -> EthrexSettlement | None:
    """None where it names none. Raises `Unmet`."""
    ref = rollup.spec.settlement
    if ref is None:
        return None
    namespace = ref.namespace or rollup.namespace
    found = world.store.model(EthrexSettlement, namespace, ref.name)
    if found is None:
        raise Unmet("SettlementNotFound", f"spec.settlement: there is no EthrexSettlement {namespace}/{ref.name}")
    attachment.refuse_foreign(found, rollup, world.store.spaces)
    settlements.refuse_elsewhere(found, rollup)
    return found


def own(world: World, wanted: rollups.Wanted) -> list[Object]:
    """The deployer of a rollup that has no settlement. Raises `Unmet`."""
    workload = rollups.registrar(wanted, wanted.l1)
    cluster = cluster_for(world, wanted.rollup.namespace, (workload,), l1.name_of(wanted.rollup))
    return objects.children(workload, owner_of(wanted.rollup), cluster)


def shared(world: World, rollup: EthrexRollup) -> list[Object]:
    """The deployer of its settlement that registers it. Raises `Unmet`."""
    settlement = settlement_of(world, rollup)
    assert settlement is not None, "it names one"
    workload = rollups.registrar(resolved(world, rollup), l1.of(world, settlement))
    cluster = cluster_for(world, settlement.namespace, (workload,), l1.name_of(settlement))
    return objects.children(workload, owner_of(settlement), cluster)


def settled(world: World, settlement: EthrexSettlement) -> Condition:
    """Whether its contracts are there and are what they should be, as its own reconcile has found."""
    status = world.store.status(Key(settlement.kind, settlement.namespace, settlement.name))
    told = {one.type: one for one in conditions.read(status)}
    for type in report.ON_L1:
        one = told.get(type, conditions.unknown(type))
        if one.status != conditions.TRUE:
            why = f"EthrexSettlement {settlement.name}: {type} {one.reason}"
            return Condition("Verified", one.status, "Settlement", why)
    return conditions.yes("Verified", "ByCode", "the code on L1 is that of this version")


def contracts_of(status: Object, rollup: EthrexRollup) -> Contracts | None:
    """As an earlier reconcile has recorded them."""
    given = status.get("contracts")
    if not given or status.get("chainId") != rollup.spec.chain_id:
        return None
    return Contracts(
        l1_chain_id=given["l1ChainId"],
        proposer=given["proposer"],
        bridge=given["bridge"],
        registry=given["registry"],
        attested_verifier=given["attestedVerifier"],
        timelock=given.get("timelock"),
        deployed_at_block=given["deployedAtBlock"],
        program_version=rollup.spec.proving.program_version,
        implementations=given.get("implementations") or {},
    )


def recorded(contracts: Contracts) -> dict[str, Any]:
    """`contracts` of a status."""
    found = {
        "l1ChainId": contracts.l1_chain_id,
        "proposer": contracts.proposer,
        "bridge": contracts.bridge,
        "registry": contracts.registry,
        "attestedVerifier": contracts.attested_verifier,
        "deployedAtBlock": contracts.deployed_at_block,
    }
    if contracts.timelock:
        found["timelock"] = contracts.timelock
    return found | ({"implementations": dict(contracts.implementations)} if contracts.implementations else {})
