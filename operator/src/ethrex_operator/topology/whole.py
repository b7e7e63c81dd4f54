"""
All that a manifest asks for at once, references resolved inside it. What a cluster does object by object is one step here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ..api.l1node import EthrexL1Node
from ..api.loading import Manifest
from ..api.pool import ProverPool
from ..api.references import ObjectRef
from ..api.rollup import EthrexRollup
from ..api.settlement import EthrexSettlement
from . import attachment
from . import l1 as l1s
from . import pool as pools
from . import rollup as rollups
from . import settlement as settlements
from .errors import Unmet
from .facts import L1, Contracts
from .workload import Workload

Numbers = Callable[[ProverPool], tuple[int, ...]]  # which provers of a pool shall run


@dataclass(frozen=True, slots=True)
class Whole:
    """
    `workloads` in the order they depend on each other. `unmet` says of ``Kind/name`` why nothing, or not all, of it runs.
    It is `complete` when nothing waits to be known any more.
    """

    workloads: tuple[Workload, ...]
    unmet: Mapping[str, Unmet] = field(default_factory=dict)
    complete: bool = True


def resolve(
    manifest: Manifest, contracts: Mapping[str, Contracts], numbers: Numbers, settled: frozenset[str] = frozenset()
) -> Whole:
    """`contracts` of the rollups whose deployer has said where they are, and settlements that have theirs, by name."""
    found: list[Workload] = []
    unmet: dict[str, Unmet] = {}
    served: list[pools.Served] = []
    reserved: dict[tuple[object, str], str] = {}  # (L1, account) -> the rollup that signs with it
    for one in (*manifest.l1_nodes, *manifest.settlements, *manifest.rollups, *manifest.pools):
        try:
            match one:
                case EthrexL1Node():
                    _refuse_sidecar(one)
                    found.append(l1s.workload(one))
                case EthrexSettlement():
                    at = l1_of(manifest, one)
                    found.append(settlements.deployer(one, settlements.of(one, at), at))
                case EthrexRollup():
                    wanted, known = wanted_of(manifest, one), contracts.get(one.name)
                    _reserve(reserved, wanted)
                    registrar = rollups.registrar(wanted, wanted.l1)
                    if one.spec.settlement is None or one.spec.settlement.name in settled:
                        found.append(registrar)
                    if known is not None:
                        found.extend(rollups.workloads(wanted))
                        served.append(pools.Served(one, wanted.l1, known))
                case ProverPool():
                    _refuse_image(one)
                    its = tuple(each for each in served if _names(each.rollup, one))
                    found.extend(pools.workloads(one, its, numbers(one)))
        except Unmet as error:
            unmet[f"{one.kind}/{one.name}"] = error
    waiting = any(rollup.name not in contracts for rollup in manifest.rollups)
    waiting = waiting or any(one.name not in settled for one in manifest.settlements)
    return Whole(tuple(found), unmet, complete=not waiting and not unmet)


def wanted_of(manifest: Manifest, rollup: EthrexRollup) -> rollups.Wanted:
    """Raises `Unmet`."""
    at = l1_of(manifest, rollup)
    its = tuple(_pool(manifest, rollup, one.ref) for one in rollup.spec.proving.pools)
    return rollups.Wanted(rollup, at, _settlement(manifest, rollup, at), its, rollups.Operator(rollup.namespace))


def l1_of(manifest: Manifest, asking: EthrexRollup | EthrexSettlement) -> L1:
    """Raises `Unmet`."""
    asked = asking.spec.l1
    if asked.ref is None:
        return L1(urls=asked.urls, beacon=asked.beacon_url, dev=False)
    for node in manifest.l1_nodes:
        if (node.name, node.namespace) == (asked.ref.name, asked.ref.namespace or asking.namespace):
            return l1s.seen_from(node, asking.namespace, asked.beacon_url)
    raise Unmet("L1NotFound", f"spec.l1.ref: there is no EthrexL1Node {asked.ref.name}")


def _refuse_sidecar(node: EthrexL1Node) -> None:
    """A cluster runs it from its image. Raises `Unmet`."""
    if node.spec.consensus.sidecar is not None:
        note = "spec.consensus.sidecar: its client is an image, which a cluster runs"
        raise Unmet("SidecarNeedsCluster", f"{note}: here start one yourself, with the secret of consensus.external")


def _refuse_image(pool: ProverPool) -> None:
    """Our own prover has one backend. Raises `Unmet`."""
    if pool.spec.backend != pools.OWN_BACKEND:
        note = f"spec.backend {pool.spec.backend}: its prover is an image, which a cluster runs"
        raise Unmet("BackendNeedsCluster", note)


def _settlement(manifest: Manifest, rollup: EthrexRollup, at: L1) -> settlements.Settlement:
    ref = rollup.spec.settlement
    if ref is None:
        return settlements.own(rollup, at)
    for one in manifest.settlements:
        if (one.name, one.namespace) == (ref.name, ref.namespace or rollup.namespace):
            attachment.refuse_foreign(one, rollup, _spaces(manifest))
            settlements.refuse_elsewhere(one, rollup)
            return settlements.of(one, at)
    raise Unmet("SettlementNotFound", f"spec.settlement: there is no EthrexSettlement {ref.name}")


def _pool(manifest: Manifest, rollup: EthrexRollup, ref: ObjectRef) -> ProverPool:
    for pool in manifest.pools:
        if (pool.name, pool.namespace) == (ref.name, ref.namespace or rollup.namespace):
            attachment.refuse_foreign(pool, rollup, _spaces(manifest))
            return pool
    raise Unmet("PoolNotFound", f"spec.proving.pools: there is no ProverPool {ref.name}")


def _spaces(manifest: Manifest) -> attachment.Spaces:
    """Of the namespaces that resources are in. The labels are those that stand in the manifest, and the name's."""
    found = {one.namespace: {attachment.NAME: one.namespace} for one in manifest.resources}
    for one in manifest.plain:
        if one["kind"] == "Namespace" and (name := one["metadata"]["name"]) in found:
            found[name] |= one["metadata"].get("labels") or {}
    return found


def _names(rollup: EthrexRollup, pool: ProverPool) -> bool:
    return any(
        (one.ref.name, one.ref.namespace or rollup.namespace) == (pool.name, pool.namespace)
        for one in rollup.spec.proving.pools
    )


def _reserve(reserved: dict[tuple[object, str], str], wanted: rollups.Wanted) -> None:
    """Two that sign with one account on one L1 take each other's nonces. Raises `Unmet`."""
    name = wanted.rollup.name
    for account in sorted(rollups.signers(wanted.rollup, wanted.l1)):
        holder = reserved.setdefault((rollups.l1_id(wanted.rollup), account), name)
        if holder != name:
            raise Unmet("SignerInUse", f"{account} signs for {holder} already: spec.keys names who else shall")
