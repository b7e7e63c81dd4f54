"""
The provers of a pool as the cluster has them: a Job each, its newest pod, and whether it has been told to leave. Pure.

Who leaves is marked on its Job before anybody else hears of it, so another operator that takes over goes on where this
one stopped. A marked prover is not counted any more; a mark that is no time is none.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from ..api.base import GROUP
from ..api.pool import ProverPool
from ..kube.cache import JOB_NAME
from ..kube.client import Object
from ..kube.objects.naming import OWNER_KIND, ROLE, WORKLOAD
from ..scaling.observation import ProverState
from ..scaling.observe import Placed
from ..topology import rollup as rollups

LEAVING: Final = f"{GROUP}/leaving-since"
LABELS: Final = {OWNER_KIND: ProverPool.__name__, ROLE: "prover"}
ENDED: Final = ("Succeeded", "Failed")
UNSEEN: Final = ProverState.STARTING
# Who goes first where somebody has to: whoever does least.
ORDER: Final = (ProverState.CORDONED, UNSEEN, ProverState.IDLE, ProverState.BUSY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    number: int
    job: str
    prover_id: str | None  # None: there is no pod that lives
    started_at: float
    placed_at: float | None = None
    ready_at: float | None = None
    unschedulable_since: float | None = None
    leaving_since: float | None = None
    ended: str | None = None  # why the Job will make no pod any more


def members(pool: ProverPool, jobs: Iterable[Object], pods: Iterable[Object]) -> tuple[Member, ...]:
    """By number. `jobs` and `pods` are all of the pool's."""
    of_job: dict[str, list[Object]] = {}
    for pod in pods:
        of_job.setdefault(pod["metadata"].get("labels", {}).get(JOB_NAME, ""), []).append(pod)
    found = [_member(pool, job, of_job.get(job["metadata"]["name"], ())) for job in jobs]
    return tuple(sorted(found, key=lambda one: (one.number, one.job)))


def placed(found: Iterable[Member], pool: str) -> list[Placed]:
    """As the planner knows them, also those whose pod is still to be made. `pool` in the planner's words."""
    return [
        Placed(one.prover_id or one.job, pool, one.started_at, one.placed_at, one.ready_at)
        for one in found
        if one.ended is None
    ]


def staying(found: Iterable[Member]) -> list[Member]:
    return [one for one in found if one.leaving_since is None and one.ended is None]


def to_leave(
    found: Iterable[Member], desired: int, named: Collection[str], states: Mapping[str, ProverState]
) -> list[Member]:
    """Who goes, so that `desired` stay: those that the planner has `named`, then those that do least, the newest first."""
    stay = staying(found)

    def rank(one: Member) -> tuple[bool, int, float]:
        state = states.get(one.prover_id or "", UNSEEN)
        return (one.prover_id or one.job) not in named, ORDER.index(state), -one.started_at

    return sorted(stay, key=rank)[: max(0, len(stay) - desired)]


def free_numbers(found: Iterable[Member], count: int) -> list[int]:
    """The lowest that no Job has."""
    taken = {one.number for one in found}
    numbers: list[int] = []
    candidate = 0
    while len(numbers) < count:
        if candidate not in taken:
            numbers.append(candidate)
        candidate += 1
    return numbers


def number_of(job: Object) -> int:
    """-1 of one that nobody here named."""
    number = job["metadata"]["labels"].get(WORKLOAD, "").rpartition("-")[2]
    return int(number) if number.isascii() and number.isdecimal() else -1


def stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _member(pool: ProverPool, job: Object, pods: Sequence[Object]) -> Member:
    metadata = job["metadata"]
    alive = [pod for pod in pods if pod.get("status", {}).get("phase") not in ENDED]
    pod = max(alive, key=lambda one: str(one["metadata"]["creationTimestamp"]), default=None)
    ends = [one for one in job.get("status", {}).get("conditions", ()) if one["status"] == "True"]
    ended = next((one for one in ends if one["type"] in ("Complete", "Failed")), None)
    scheduled, ready = _condition(pod, "PodScheduled"), _condition(pod, "Ready")
    return Member(
        number=number_of(job),
        job=metadata["name"],
        prover_id=None if pod is None else f"{rollups.pool_id(pool)}.{pod['metadata']['name']}",
        started_at=_time((pod or job)["metadata"]["creationTimestamp"]),
        placed_at=_since(scheduled, "True"),
        ready_at=_since(ready, "True"),
        unschedulable_since=_since(scheduled, "False"),
        leaving_since=_marked_at(metadata),
        ended=None if ended is None else ended.get("reason") or ended["type"],
    )


def _marked_at(metadata: Object) -> float | None:
    """Anybody may write annotations: one that cannot be read shall not keep the others from being looked at."""
    with contextlib.suppress(ValueError):
        return _time((metadata.get("annotations") or {}).get(LEAVING, ""))
    return None


def _condition(pod: Object | None, type: str) -> Object:
    every = (pod or {}).get("status", {}).get("conditions", ())
    return next((one for one in every if one["type"] == type), {})


def _since(condition: Object, status: str) -> float | None:
    return _time(condition["lastTransitionTime"]) if condition.get("status") == status else None


def _time(text: str) -> float:
    """Raises ValueError for what is no time."""
    return datetime.fromisoformat(text).timestamp()
