"""
The planner's look at all pools together: what coordinators and pods say goes in, for each pool a decision comes out.

Work falls from pool to pool and a prover serves several rollups, so there is one look for all and not one a pool. What
follows from a decision is the pool's own reconcile. What was learned, and what was spent today, lies in a ConfigMap: another
operator that takes over goes on with it.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from ..api.pool import ProverPool
from ..api.rollup import EthrexRollup
from ..chain.errors import ChainError
from ..kube import kinds
from ..kube.client import Object
from ..kube.errors import KubeError
from ..kube.objects.naming import OWNER
from ..kube.queue import Again
from ..scaling import checkpoint, observation, observe, planner
from ..scaling.decision import PoolDecision
from ..scaling.learned import Learned
from ..scaling.observation import Observation
from ..scaling.observe import Unreadable
from ..topology import attachment
from ..topology.rollup import pool_id
from . import coordinators, provers, registering
from .provers import Member
from .scaling_state import Scaling
from .world import Key, World

log = logging.getLogger(__name__)

PLANNER: Final = Key("Planner", "", "")  # in the queue, among the resources
CONCERNS: Final = frozenset({kinds.ROLLUP.name, kinds.POOL.name})
CHECKPOINT: Final = "ethrex-operator-planner"
CHECKPOINT_FIELD: Final = "checkpoint.json"
CHECKPOINT_SECONDS: Final = 60.0  # a crash forgets no more of what was spent
AT_ONCE: Final = 16


@dataclass(frozen=True, slots=True)
class Attached:
    """A rollup that has a chain, with its pools in the order in which work falls back."""

    rollup: EthrexRollup
    pools: tuple[ProverPool, ...]


async def look(world: World, told: Callable[[Key], None]) -> Again:
    """Decide for all pools; `told` hears those of which another decision was made. Raises `KubeError`."""
    state = world.scaling
    attached = {f"{one.rollup.namespace}.{one.rollup.name}": one async for one in _attached(world)}
    if not attached or (state.learned is None and not await _remember(world)):
        state.decisions = {}
        return Again(state.settings.period)
    assert state.learned is not None
    await _ask(world, attached)
    pools = {pool_id(pool): pool for one in attached.values() for pool in one.pools}
    members = {name: _members(world, pool) for name, pool in pools.items()}
    now = state.clock()
    decision = planner.plan(_observation(state, attached, pools, members, now), state.learned, state.settings, now)
    earlier, state.learned = state.decisions, decision.learned
    await _keep(world, now, urgent=any(one.start for one in decision.pools))
    state.said = {one.pool: _words(state, one) for one in decision.pools}
    state.decisions = {one.pool: one for one in decision.pools}
    for name, one in state.decisions.items():
        if name not in earlier or _kernel(earlier[name]) != _kernel(one):
            log.info(one.message, extra={"pool": name, "reason": one.reason.value, "desired": one.desired})
            told(key_of(name))
    return Again(state.settings.period)


def decided(world: World, pool: ProverPool) -> tuple[PoolDecision | None, str]:
    """The newest decision, in the words of when it was another one; or none, and why."""
    name = pool_id(pool)
    found = world.scaling.decisions.get(name)
    return found, world.scaling.said[name][1] if found is not None else world.scaling.trouble


def key_of(pool: str) -> Key:
    namespace, _, name = pool.partition(".")
    return Key(ProverPool.__name__, namespace, name)


def _kernel(one: PoolDecision) -> object:
    """What makes a decision another one: the numbers in its words are others at each look."""
    return one.desired, one.reason, one.bound, one.is_starved, one.cordon, one.cancel, one.retire


def _words(state: Scaling, one: PoolDecision) -> tuple[object, str]:
    kernel = _kernel(one)
    before = state.said.get(one.pool)
    return before if before is not None and before[0] == kernel else (kernel, one.message)


async def _attached(world: World) -> AsyncIterator[Attached]:
    """Those of which any pool is planned. Reading many manifests takes a while: others have their turn meanwhile."""
    planned = [key for key in world.store.of_kind(ProverPool) if not _is_fixed(world.store.get(key) or {})]
    concerned = dict.fromkeys(rollup for pool in planned for rollup in world.store.naming(pool))
    for rollup in world.store.models(EthrexRollup, concerned):
        await asyncio.sleep(0)
        key = Key(rollup.kind, rollup.namespace, rollup.name)
        if registering.contracts_of(world.store.status(key), rollup) is None:
            continue
        pools = []
        for one in sorted(rollup.spec.proving.pools, key=lambda each: each.fallback_order):
            pool = world.store.model(ProverPool, one.ref.namespace or rollup.namespace, one.ref.name)
            if pool is not None and attachment.allows(pool, rollup, world.store.spaces):
                pools.append(pool)
        if any(pool.spec.scaling.mode != "Fixed" for pool in pools):
            yield Attached(rollup, tuple(pools))


def _is_fixed(pool: Object) -> bool:
    return ((pool.get("spec") or {}).get("scaling") or {}).get("mode") == "Fixed"


async def _ask(world: World, attached: Mapping[str, Attached]) -> None:
    """Those that give no answer keep their earlier news: the planner knows how old it is."""
    state, gate = world.scaling, asyncio.Semaphore(AT_ONCE)
    kinds_of = {pool_id(pool): pool.spec.backend for one in attached.values() for pool in one.pools}

    async def ask(name: str, rollup: EthrexRollup) -> None:
        async with gate:
            try:
                state.news[name] = await coordinators.news(
                    world, rollup, name, state.clock(), state.news.get(name), kinds_of
                )
            except (ChainError, Unreadable, KubeError) as error:
                log.warning("a coordinator gives no news", extra={"rollup": name, "reason": str(error)})

    state.news = {name: news for name, news in state.news.items() if name in attached}
    await asyncio.gather(*(ask(name, one.rollup) for name, one in attached.items()))


def _members(world: World, pool: ProverPool) -> tuple[Member, ...]:
    labels = provers.LABELS | {OWNER: pool.name}
    jobs, pods = (world.children.bodies(kind, pool.namespace, labels) for kind in (kinds.JOB, kinds.POD))
    return provers.members(pool, jobs, pods)


def _observation(
    state: Scaling,
    attached: Mapping[str, Attached],
    pools: Mapping[str, ProverPool],
    members: Mapping[str, tuple[Member, ...]],
    now: float,
) -> Observation:
    every = [one for its in members.values() for one in its]
    leaving = {one.prover_id or one.job for one in every if one.leaving_since is not None}
    told = [one for news in state.news.values() for one in news.told]
    placed = [one for name, its in members.items() for one in provers.placed(its, name)]
    return Observation(
        rollups=tuple(
            observation.Rollup(
                name=name,
                pools=tuple(pool_id(pool) for pool in one.pools),
                verify_within=one.rollup.spec.proving.verify_within_seconds,
                read_at=state.news[name].read_at if name in state.news else None,
            )
            for name, one in attached.items()
        ),
        pools=tuple(_pool(name, pool, members[name], now) for name, pool in pools.items()),
        jobs=tuple(job for news in state.news.values() for job in news.jobs),
        provers=observe.merged(placed, told, leaving),
        proofs=tuple(proof for news in state.news.values() for proof in news.proofs),
    )


def _pool(name: str, pool: ProverPool, its: tuple[Member, ...], now: float) -> observation.Pool:
    """One that somebody else scales has the bounds that he gave it; one that is paused stays as it is."""
    spec = pool.spec
    scaling, cost = spec.scaling, spec.cost
    fixed = spec.replicas if scaling.mode == "Fixed" else None
    waiting = [one.unschedulable_since for one in its if one.unschedulable_since is not None and one.ended is None]
    return observation.Pool(
        name=name,
        kinds=frozenset({spec.backend}),
        read_at=now,
        min=scaling.min if fixed is None else fixed,
        max=scaling.max if fixed is None else fixed,
        warm_floor=scaling.warm_floor if fixed is None else 0,
        scale_up_delay=scaling.scale_up_delay_seconds,
        scale_down_delay=scaling.scale_down_delay_seconds,
        pause_scale_up=scaling.pause_scale_up or spec.paused,
        pause_scale_down=scaling.pause_scale_down or spec.paused,
        price_per_hour=float(cost.price_per_hour or 0),
        budget_per_day=None if cost.budget_per_day is None else float(cost.budget_per_day),
        default_weight=spec.fairness.default_weight,
        max_share_percent=spec.fairness.max_share_percent,
        unschedulable_since=min(waiting, default=None),
    )


# What outlives the operator


async def _remember(world: World) -> bool:
    """Whether there is something to go on with: nothing written yet is, and what cannot be read is not."""
    state = world.scaling
    found = await world.kube.find(kinds.CONFIG_MAP, world.namespace, CHECKPOINT)
    written = ((found or {}).get("data") or {}).get(CHECKPOINT_FIELD)
    try:
        state.learned = Learned() if written is None else checkpoint.decoded(written.encode())
    except checkpoint.Damaged as error:
        state.trouble = f"ConfigMap {world.namespace}/{CHECKPOINT}: {error}. Delete it to begin anew: what was spent today is forgotten"
        log.error(state.trouble)
        return False
    state.trouble = ""
    return True


async def _keep(world: World, now: float, *, urgent: bool) -> None:
    """Where money begins to be spent, before anybody acts on it. Raises `KubeError`."""
    state = world.scaling
    assert state.learned is not None
    if not urgent and now - state.written_at < CHECKPOINT_SECONDS:
        return
    content = checkpoint.encoded(dataclasses.replace(state.learned, seen_at=None))
    if content == state.written:
        return
    await world.kube.apply(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": CHECKPOINT, "namespace": world.namespace},
            "data": {CHECKPOINT_FIELD: checkpoint.encoded(state.learned).decode()},
        }
    )
    state.written_at, state.written = now, content
