"""
What coordinators say (``GET /v1/jobs`` and ``/v1/provers``, protocol 12), as the planner's observation.

Pure: pages in, data out; what cannot be read is `Unreadable`, and then there is no news of that rollup. A prover that
serves several rollups is told of by each of their coordinators: `merged` takes what they say together. Where a prover
runs, since when, and on which machine, the coordinators do not know: the place says it (`Placed`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from .observation import Job, Proof, Prover, ProverState

OPEN: Final = ("waiting", "leased")


class Unreadable(Exception):
    """An answer of a coordinator that is not what the protocol says."""


@dataclass(frozen=True, slots=True)
class Told:
    """A prover, as one coordinator tells it."""

    prover_id: str
    pool: str
    state: ProverState
    last_seen_at: float


@dataclass(frozen=True, slots=True)
class Placed:
    """A prover, as the place that runs it knows it. `placed_at`: on a machine."""

    prover_id: str
    pool: str
    started_at: float
    placed_at: float | None
    ready_at: float | None


@dataclass(frozen=True, slots=True)
class Jobs:
    open: tuple[Job, ...]
    proven: tuple[Mapping[str, Any], ...]  # as they were told: `proofs` reads them
    next: str | None  # ``after`` of the next page


def jobs(page: bytes, rollup: str) -> Jobs:
    """A page of ``GET /v1/jobs``. Raises `Unreadable`."""
    rows, after = _page(page, "jobs")
    return Jobs(
        tuple(_job(row, rollup) for row in rows if _word(row, "state") in OPEN),
        tuple(row for row in rows if _word(row, "state") == "proven"),
        after,
    )


def proofs(proven: Iterable[Mapping[str, Any]], pool_of: Mapping[str, str]) -> tuple[Proof, ...]:
    """What finished jobs took, of provers whose pool is known. Raises `Unreadable`."""
    found = []
    for row in proven:
        pool, leased = pool_of.get(_word(row, "prover")), _time(row, "leasedAt")
        proven_at = _time(row, "provenAt")
        if pool is None or leased is None or proven_at is None:
            continue
        seconds = max(0.001, proven_at - leased)
        found.append(
            Proof(pool=pool, kind=_word(row, "kind"), gas=_count(row, "gas"), seconds=seconds, proven_at=proven_at)
        )
    return tuple(found)


def provers(page: bytes) -> tuple[tuple[Told, ...], str | None]:
    """A page of ``GET /v1/provers`` and ``after`` of the next. Raises `Unreadable`."""
    rows, after = _page(page, "provers")
    return tuple(_told(row) for row in rows), after


def merged(placed: Sequence[Placed], told: Iterable[Told]) -> tuple[Prover, ...]:
    """
    Provers that run, in the state that all coordinators together give: cordoned at one is cordoned, busy at one busy.

    One that no coordinator has seen since it was started still starts.
    """
    by_prover: dict[str, list[Told]] = {}
    for one in told:
        by_prover.setdefault(one.prover_id, []).append(one)
    found = []
    for place in placed:
        seen = [one for one in by_prover.get(place.prover_id, ()) if one.last_seen_at >= place.started_at]
        states = {one.state for one in seen}
        state = next(
            (one for one in (ProverState.CORDONED, ProverState.BUSY, ProverState.IDLE) if one in states),
            ProverState.STARTING,
        )
        found.append(
            Prover(
                prover_id=place.prover_id,
                pool=place.pool,
                state=state,
                started_at=place.started_at,
                placed_at=place.placed_at,
                ready_at=place.ready_at if seen else None,
            )
        )
    return tuple(found)


def _job(row: Mapping[str, Any], rollup: str) -> Job:
    leased = _word(row, "state") == "leased"
    created, due = _time(row, "created"), _time(row, "dueAt")
    if created is None or due is None:
        raise Unreadable(f"job {_word(row, 'job')}: without created or dueAt")
    return Job(
        job_id=_word(row, "job"),
        rollup=rollup,
        kind=_word(row, "kind"),
        version=_count(row, "programVersion"),
        gas=_count(row, "gas"),
        created_at=created,
        due_at=due,
        prover=_word(row, "prover") if leased else "",
        leased_at=_time(row, "leasedAt") if leased else None,
    )


def _told(row: Mapping[str, Any]) -> Told:
    state = _word(row, "state")
    if state not in (ProverState.IDLE, ProverState.BUSY, ProverState.CORDONED):
        raise Unreadable(f"prover {_word(row, 'prover')}: state {state!r:.40}")
    seen = _time(row, "lastSeen")
    if seen is None:
        raise Unreadable(f"prover {_word(row, 'prover')}: without lastSeen")
    return Told(_word(row, "prover"), _word(row, "pool"), ProverState(state), seen)


def _page(content: bytes, name: str) -> tuple[list[Mapping[str, Any]], str | None]:
    try:
        body = orjson.loads(content)
    except ValueError as error:
        raise Unreadable(f"not JSON: {error}") from error
    rows = body.get(name) if isinstance(body, dict) else None
    after = body.get("next") if isinstance(body, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Unreadable(f"without a list {name}")
    if after is not None and not isinstance(after, str):
        raise Unreadable(f"next: {after!r:.40} is not a string")
    return rows, after


def _word(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    if not isinstance(value, str):
        raise Unreadable(f"{name}: {value!r:.40} is not a string")
    return value


def _count(row: Mapping[str, Any], name: str) -> int:
    value = row.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise Unreadable(f"{name}: {value!r:.40} is not a number from 0")
    return value


def _time(row: Mapping[str, Any], name: str) -> float | None:
    """Milliseconds since 1970, as seconds."""
    return None if row.get(name) is None else _count(row, name) / 1000
