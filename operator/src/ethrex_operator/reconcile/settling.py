"""
What a rollup still has to do on L1 before it goes, and when it is no longer waited for.

It takes no more transactions, seals what it has and ends its batch; then it is waited until L1 has verified them all. Whoever
could settle is not there for ever: an L1 that goes or is away, a namespace that ends, provers that are gone, or time that is up
end the wait. Nothing is lost by that which the volumes do not have; what L1 has is told.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from ..api.l1node import EthrexL1Node
from ..api.pool import ProverPool
from ..api.rollup import EthrexRollup
from ..api.running import Deletion
from ..chain import coordinator
from ..chain.coordinator import Drained
from ..chain.errors import ChainError
from ..kube import conditions, kinds
from ..kube.client import Object
from ..kube.conditions import Condition
from ..kube.errors import KubeError
from ..topology.errors import Unmet
from . import coordinators, l1
from .world import Key, World

log = logging.getLogger(__name__)

L1_AWAY_SECONDS: Final = 10.0  # so long an L1 may be away before nothing more is expected of it
SETTLED: Final = "Settled"
ABANDONED: Final = "Abandoned"
FOREGROUND: Final = "foregroundDeletion"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a rollup that is to go. `seen` is what its sequencer says, if it answers."""

    asked: Deletion
    since_seconds: float  # it was asked to go
    namespace_ends: bool = False
    parts_end: bool = False  # its children are deleted before it
    l1_ends: bool = False
    l1_away_seconds: float | None = None
    provers_end: bool = False
    seen: Drained | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """It may `go`, for the reason; or it is waited for."""

    go: bool
    reason: str  # CamelCase
    why: str = ""


@dataclass(frozen=True, slots=True)
class Looked:
    verdict: Verdict
    reachable: Condition
    seen: Drained | None
    ending: Object | None  # its namespace, where that is being deleted


async def look(world: World, rollup: EthrexRollup, body: Object) -> Looked:
    """Asks the sequencer to drain. Raises `KubeError`."""
    reachable, l1_ends = await _l1(world, rollup)
    begun = _time(body["metadata"]["deletionTimestamp"])
    namespace = await world.kube.request("GET", kinds.NAMESPACE.path(None, rollup.namespace))
    ends = "deletionTimestamp" in namespace["metadata"]
    known = Facts(
        asked=rollup.spec.deletion,
        since_seconds=_seconds_since(begun),
        namespace_ends=ends,
        parts_end=FOREGROUND in (body["metadata"].get("finalizers") or ()),
        l1_ends=l1_ends,
        l1_away_seconds=_away_seconds(reachable, body),
        provers_end=_provers_end(world, rollup),
        seen=await _drained(world, rollup),
    )
    return Looked(verdict(known), reachable, known.seen, namespace if ends else None)


def verdict(facts: Facts) -> Verdict:
    """The first rule that says it may go, or how far it is."""
    for rule in RULES:
        found = rule(facts)
        if found is not None:
            return Verdict(True, *found)
    return Verdict(False, *_progress(facts.seen))


def _asked(facts: Facts) -> tuple[str, str] | None:
    return (ABANDONED, "spec.deletion.settle is Abandon") if facts.asked.settle == "Abandon" else None


def _settled(facts: Facts) -> tuple[str, str] | None:
    seen = facts.seen
    done = seen is not None and seen.drained and not seen.open_transactions and seen.verified >= seen.made
    return (SETTLED, "L1 has verified every batch") if done else None


def _ends(facts: Facts) -> tuple[str, str] | None:
    for holds, why in (
        (facts.namespace_ends, "its namespace is being deleted"),
        (facts.parts_end, "its parts are deleted before it"),
        (facts.l1_ends, "its L1 is deleted too"),
    ):
        if holds:
            return ABANDONED, why
    return None


def _l1_away(facts: Facts) -> tuple[str, str] | None:
    away = facts.l1_away_seconds
    return (ABANDONED, "its L1 does not answer") if away is not None and away >= L1_AWAY_SECONDS else None


def _nobody_proves(facts: Facts) -> tuple[str, str] | None:
    waits = facts.seen is not None and facts.seen.verified < facts.seen.made
    return (ABANDONED, "its provers are deleted too") if facts.provers_end and waits else None


def _time_is_up(facts: Facts) -> tuple[str, str] | None:
    limit = facts.asked.timeout_seconds
    return (ABANDONED, f"not settled within {limit} s") if facts.since_seconds >= limit else None


RULES: Final[tuple[Callable[[Facts], tuple[str, str] | None], ...]] = (
    *(_asked, _settled, _ends),
    *(_l1_away, _nobody_proves, _time_is_up),
)


def _progress(seen: Drained | None) -> tuple[str, str]:
    if seen is None:
        return "SequencerSilent", "the sequencer does not answer"
    if not seen.drained:
        return "Draining", f"{seen.pool} transactions wait to be sealed"
    if seen.committed < seen.made:
        return "Committing", f"batch {seen.committed + 1} of {seen.made} is to be committed"
    return "Verifying", f"batch {seen.verified + 1} of {seen.made} is to be verified"


def told(found: Looked, kept: Iterable[str]) -> str:
    """What L1 has, and what stays here."""
    seen = found.seen
    stands = "what L1 has is not known here"
    if seen is not None:
        stands = f"of {seen.made} batches L1 has {seen.committed} and has verified {seen.verified}"
    names = ", ".join(kept)
    return f"{found.verdict.why}; {stands}; {f'kept: {names}' if names else 'nothing is kept'}"


async def _l1(world: World, rollup: EthrexRollup) -> tuple[Condition, bool]:
    """Whether it answers, and whether it goes or is gone."""
    ref = rollup.spec.l1.ref
    if ref is not None:
        node = world.store.get(Key(EthrexL1Node.__name__, ref.namespace or rollup.namespace, ref.name))
        if node is None or "deletionTimestamp" in node["metadata"]:
            return conditions.no("L1Reachable", "Deleted", f"EthrexL1Node {ref.name} is deleted"), True
    try:
        return await l1.reachable(world, l1.of(world, rollup), rollup.namespace), False
    except Unmet as error:
        return conditions.no("L1Reachable", error.reason, str(error)), False


def _provers_end(world: World, rollup: EthrexRollup) -> bool:
    """Where it names pools and all of them go or are gone."""
    keys = [
        Key(ProverPool.__name__, one.ref.namespace or rollup.namespace, one.ref.name)
        for one in rollup.spec.proving.pools
    ]
    bodies = [world.store.get(key) for key in keys]
    return bool(keys) and all(body is None or "deletionTimestamp" in body["metadata"] for body in bodies)


async def _drained(world: World, rollup: EthrexRollup) -> Drained | None:
    try:
        return await coordinator.drain(world.session, await coordinators.of(world, rollup), end_batch=True)
    except (ChainError, KubeError) as error:
        log.warning("a sequencer does not drain", extra={"rollup": rollup.name, "reason": str(error)})
        return None


def _away_seconds(reachable: Condition, body: Object) -> float | None:
    """By the time that the status has: another operator may have seen it go."""
    if reachable.status == conditions.TRUE:
        return None
    told = (body.get("status") or {}).get("conditions") or ()
    before = next((one for one in told if one["type"] == reachable.type), None)
    if before is None or before["status"] == conditions.TRUE:
        return 0.0
    return _seconds_since(_time(before["lastTransitionTime"]))


def _seconds_since(then: datetime) -> float:
    return (datetime.now(UTC) - then).total_seconds()


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
