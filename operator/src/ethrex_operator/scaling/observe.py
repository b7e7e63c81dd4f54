"""
What coordinators say (``GET /v1/jobs`` and ``/v1/provers``, protocol 12), as the planner's observation.

Pure: pages in, data out; what cannot be read is `Unreadable`, and then there is no news of that rollup. A prover that
serves several rollups is told of by each of their coordinators: `merged` takes what they say together. Where a prover
runs, since when, and on which machine, the coordinators do not know: the place says it (`Placed`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from .observation import Job, Proof, Prover, ProverState

OPEN: Final = ("waiting", "leased")
STRONGEST: Final = (ProverState.CORDONED, ProverState.BUSY, ProverState.IDLE, ProverState.STARTING)
PROOFS_MOST: Final = 100  # of one prover between two looks: more teach nothing more


class Unreadable(Exception):
    """An answer of a coordinator that is not what the protocol says."""


@dataclass(frozen=True, slots=True)
class Told:
    """A prover, as one coordinator tells it."""

    prover_id: str
    pool: str
    state: ProverState
    last_seen_at: float
    proofs: int = 0  # all that it has made, their gas, and how long it took
    proven_gas: int = 0
    proving_seconds: float = 0.0


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
    next: str | None  # ``after`` of the next page


def jobs(page: bytes, rollup: str) -> Jobs:
    """A page of ``GET /v1/jobs``. Raises `Unreadable`."""
    rows, after = _page(page, "jobs")
    return Jobs(
        tuple(_job(row, rollup) for row in rows if _word(row, "state") in OPEN),
        after,
    )


def proofs(before: Mapping[str, Told], told: Iterable[Told], kind_of: Mapping[str, str], now: float) -> list[Proof]:
    """
    What provers have done since an earlier look: their sums grew. `kind_of`: by pool, whose provers make one kind.

    Jobs do not say it: when L1 has verified a batch, its jobs are forgotten. Of several proofs each counts as their mean.
    """
    found = []
    for one in told:
        known, kind = before.get(one.prover_id), kind_of.get(one.pool)
        count = one.proofs - (known.proofs if known else 0)
        gas = one.proven_gas - (known.proven_gas if known else 0)
        seconds = one.proving_seconds - (known.proving_seconds if known else 0.0)
        if kind is None or count <= 0 or gas <= 0 or seconds <= 0:
            continue
        mean = Proof(pool=one.pool, kind=kind, gas=max(1, gas // count), seconds=seconds / count, proven_at=now)
        found += [mean] * min(count, PROOFS_MOST)
    return found


def provers(page: bytes) -> tuple[tuple[Told, ...], str | None]:
    """A page of ``GET /v1/provers`` and ``after`` of the next. Raises `Unreadable`."""
    rows, after = _page(page, "provers")
    return tuple(_told(row) for row in rows), after


def together(told: Iterable[Told]) -> dict[str, ProverState]:
    """The state of each prover that several coordinators give: cordoned at one is cordoned, busy at one busy."""
    found: dict[str, ProverState] = {}
    for one in told:
        known = found.get(one.prover_id, one.state)
        found[one.prover_id] = min(known, one.state, key=STRONGEST.index)
    return found


def merged(
    placed: Sequence[Placed], told: Iterable[Told], leaving: Collection[str] = frozenset()
) -> tuple[Prover, ...]:
    """
    Provers that run, in the state that all coordinators together give. Who is `leaving` is cordoned, or about to be.

    One that no coordinator has seen since it was started still starts.
    """
    started = {one.prover_id: one.started_at for one in placed}
    states = together(one for one in told if one.last_seen_at >= started.get(one.prover_id, float("inf")))
    return tuple(
        Prover(
            prover_id=one.prover_id,
            pool=one.pool,
            state=ProverState.CORDONED if one.prover_id in leaving else states.get(one.prover_id, ProverState.STARTING),
            started_at=one.started_at,
            placed_at=one.placed_at,
            ready_at=one.ready_at if one.prover_id in states else None,
        )
        for one in placed
    )


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
    return Told(
        prover_id=_word(row, "prover"),
        pool=_word(row, "pool"),
        state=ProverState(state),
        last_seen_at=seen,
        proofs=_count(row, "proofs"),
        proven_gas=_count(row, "provenGas"),
        proving_seconds=_count(row, "provingMilliseconds") / 1000,
    )


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
