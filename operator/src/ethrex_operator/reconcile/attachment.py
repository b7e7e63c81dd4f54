"""Whether a pool and a rollup belong together: the rollup names the pool, and the pool allows the rollup."""

from __future__ import annotations

from ..api.pool import ProverPool
from ..api.rollup import EthrexRollup
from ..topology.errors import Unmet


def refuse_foreign(pool: ProverPool, rollup: EthrexRollup) -> None:
    """Raises `Unmet`."""
    if not allows(pool, rollup):
        raise Unmet("PoolNotAllowed", f"ProverPool {pool.namespace}/{pool.name} allows no rollup of {rollup.namespace}")


def allows(pool: ProverPool, rollup: EthrexRollup) -> bool:
    source = pool.spec.allowed_rollups.namespaces.source
    return source == "All" or (source == "Same" and pool.namespace == rollup.namespace)


def names(rollup: EthrexRollup, pool: ProverPool) -> bool:
    return any(
        (one.ref.name, one.ref.namespace or rollup.namespace) == (pool.name, pool.namespace)
        for one in rollup.spec.proving.pools
    )
