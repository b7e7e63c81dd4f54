"""What rollups' coordinators are asked and told, by the operator's own identity."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

from ..api.rollup import EthrexRollup
from ..chain import coordinator
from ..chain.coordinator import Coordinator
from ..chain.errors import ChainError
from ..kube.errors import KubeError
from ..scaling import observe
from ..scaling.observation import Proof, ProverState
from ..scaling.observe import Told, Unreadable
from ..topology import rollup as rollups
from .scaling_state import News
from .world import World, url

log = logging.getLogger(__name__)


async def of(world: World, rollup: EthrexRollup) -> Coordinator:
    """Raises `KubeError` where no token is to be had."""
    at = url(rollups.sequencer_name(rollup), rollup.namespace, rollups.COORDINATOR.number)
    return Coordinator(at, await world.tokens.of(rollups.audience(rollup)))


async def news(
    world: World, rollup: EthrexRollup, name: str, now: float, before: News | None, kinds: Mapping[str, str]
) -> News:
    """Jobs and provers. `kinds`: what the provers of a pool make. Raises `ChainError`, `Unreadable`, `KubeError`."""
    pages = await coordinator.jobs(world.session, await of(world, rollup))
    jobs = [one for page in pages for one in observe.jobs(page, name).open]
    here = await told(world, rollup)
    proofs: list[Proof] = []
    if before is not None:
        proofs = observe.proofs({one.prover_id: one for one in before.told}, here, kinds, now)
    return News(now, tuple(jobs), here, tuple(proofs))


async def told(world: World, rollup: EthrexRollup) -> tuple[Told, ...]:
    """Raises `ChainError`, `Unreadable`, `KubeError`."""
    pages = await coordinator.provers(world.session, await of(world, rollup))
    return tuple(one for page in pages for one in observe.provers(page)[0])


async def states(world: World, every: Iterable[EthrexRollup]) -> dict[str, ProverState]:
    """Of provers, as several coordinators together tell it; one that gives no answer tells nothing."""
    found: list[Told] = []
    for rollup in every:
        try:
            found += await told(world, rollup)
        except (ChainError, Unreadable, KubeError) as error:
            log.warning("a coordinator gives no news", extra={"rollup": rollup.name, "reason": str(error)})
    return observe.together(found)


async def cordon(world: World, every: Iterable[EthrexRollup], prover_id: str) -> int:
    """At all of them: so many jobs it still has. Raises `ChainError` or `KubeError` where one could not be asked."""
    held = 0
    silent: ChainError | KubeError | None = None
    for rollup in every:
        try:
            held += await coordinator.cordon(world.session, await of(world, rollup), prover_id)
        except (ChainError, KubeError) as error:
            silent = error
    if silent is not None:
        raise silent
    return held
