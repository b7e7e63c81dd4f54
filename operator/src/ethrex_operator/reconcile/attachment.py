"""Whether a rollup and what it names belong together: the rollup names a pool or a settlement, and that one allows the rollup."""

from __future__ import annotations

from ..api.pool import ProverPool
from ..api.rollup import EthrexRollup
from ..api.settlement import EthrexSettlement
from ..topology.errors import Unmet


def refuse_foreign(named: ProverPool | EthrexSettlement, rollup: EthrexRollup) -> None:
    """Raises `Unmet`."""
    if not allows(named, rollup):
        reason = "PoolNotAllowed" if isinstance(named, ProverPool) else "SettlementNotAllowed"
        raise Unmet(reason, f"{named.kind} {named.namespace}/{named.name} allows no rollup of {rollup.namespace}")


def allows(named: ProverPool | EthrexSettlement, rollup: EthrexRollup) -> bool:
    source = named.spec.allowed_rollups.namespaces.source
    return source == "All" or (source == "Same" and named.namespace == rollup.namespace)


def names(rollup: EthrexRollup, pool: ProverPool) -> bool:
    return any(
        (one.ref.name, one.ref.namespace or rollup.namespace) == (pool.name, pool.namespace)
        for one in rollup.spec.proving.pools
    )
