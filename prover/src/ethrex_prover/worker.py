"""
One job at a time, from lease to proof, from several coordinators in turn.

While a job is worked on, a task of its own sends heartbeats; a coordinator that is away costs nothing but the lease, and
perhaps not even that. When the prover is told to leave it takes no more jobs and either finishes the one in hand or gives
it back: so says its drain.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import itertools
import logging
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from prometheus_client.core import Metric

from ethrex_node.observe import metrics
from ethrex_node.rollup.coordinator import wire
from ethrex_prover import errors
from ethrex_prover.backends import Backend
from ethrex_prover.backoff import Backoff
from ethrex_prover.coordinator import CoordinatorClient

log = logging.getLogger(__name__)

PROVING_BOUNDS_SECONDS: Final = (0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000, 3000)
FETCHES: Final = 3  # of an input that comes damaged
UNHEARD_BEATS: Final = 4  # a coordinator that was not heard for so long has let the lease run out


class Drain(enum.StrEnum):
    """What to do with the job in hand when the process shall leave."""

    FINISH = "finish"
    RELEASE = "release"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    program_version: int = 1
    poll_seconds: float = 2.0
    drain: Drain = Drain.FINISH
    grace_seconds: float = 20.0  # to finish in; then the job is given back
    backoff: Backoff = field(default_factory=Backoff)


class Worker:
    """`run` until `leave`."""

    def __init__(self, coordinators: Sequence[CoordinatorClient], backend: Backend, settings: Settings) -> None:
        self.outcomes: Counter[str] = Counter()
        self.gas = 0
        self.busy_with: wire.Grant | None = None
        self._coordinators = list(coordinators)
        self._backend = backend
        self._settings = settings
        self._leaving = asyncio.Event()
        self._failures: Counter[str] = Counter()
        self._not_before: dict[str, float] = {}
        self._heard = 0.0  # when the coordinator of the job in hand last answered for its lease
        self._seconds = metrics.Histogram(PROVING_BOUNDS_SECONDS)

    def leave(self) -> None:
        """Take no further job."""
        self._leaving.set()

    async def run(self) -> None:
        """Ends after `leave`, with the job in hand finished or given back."""
        while not self._leaving.is_set():
            found = await self._next()
            if found is None:
                await self._pause(self._settings.poll_seconds)
                continue
            await self._leave_in_time(*found)

    async def _next(self) -> tuple[CoordinatorClient, wire.Grant] | None:
        """Ask each coordinator once; the one that gave comes last the next time."""
        for coordinator in list(self._coordinators):
            if self._leaving.is_set() or time.monotonic() < self._not_before.get(coordinator.name, 0.0):
                continue
            try:
                grant = await coordinator.lease((self._backend.kind,), self._settings.program_version)
            except errors.ProverError as error:
                self._note_failure(coordinator, error)
                continue
            self._failures[coordinator.name] = 0
            if grant is not None:
                self._coordinators.remove(coordinator)
                self._coordinators.append(coordinator)
                return coordinator, grant
        return None

    def _note_failure(self, coordinator: CoordinatorClient, error: errors.ProverError) -> None:
        self._failures[coordinator.name] += 1
        pause = self._settings.backoff.pause(self._failures[coordinator.name], random.random())
        self._not_before[coordinator.name] = time.monotonic() + pause
        self.outcomes[f"lease {type(error).__name__}"] += 1
        log.warning(
            "no lease", extra={"coordinator": coordinator.name, "reason": str(error), "again_in": round(pause, 1)}
        )

    async def _leave_in_time(self, coordinator: CoordinatorClient, grant: wire.Grant) -> None:
        """Work; when told to leave meanwhile, finish or give back."""
        self.busy_with, self._heard = grant, time.monotonic()
        work = asyncio.create_task(self._work(coordinator, grant))
        leaving = asyncio.create_task(self._leaving.wait())
        try:
            await asyncio.wait({work, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done() and self._settings.drain is Drain.FINISH:
                log.info("finishing the job in hand", extra={"job": grant.job_id})
                await asyncio.wait({work}, timeout=self._settings.grace_seconds)
            if not work.done():
                await _cancelled(work)
                await self._give_back(coordinator, grant)
            else:
                work.result()
        finally:
            await _cancelled(work, leaving)
            self.busy_with = None

    async def _work(self, coordinator: CoordinatorClient, grant: wire.Grant) -> None:
        """From the input to the proof taken in. Heartbeats go on until then."""
        facts = {"job": grant.job_id, "coordinator": coordinator.name, "fence": grant.fence}
        log.info("proving", extra=facts | {"batch": grant.batch, "gas": grant.gas})
        started = time.monotonic()
        heart = asyncio.create_task(self._beat(coordinator, grant))
        try:
            outcome = await self._prove(coordinator, grant)
        finally:
            await _cancelled(heart)
        self.outcomes[outcome] += 1
        seconds = time.monotonic() - started
        if outcome == "proven":
            self.gas += grant.gas
            self._seconds.observe(seconds)
        log.info("done", extra=facts | {"outcome": outcome, "seconds": round(seconds, 3)})

    async def _prove(self, coordinator: CoordinatorClient, grant: wire.Grant) -> str:
        """How it ended, in a word. A native call cannot be stopped: a lost lease shows when the proof is handed in."""
        facts = {"job": grant.job_id}
        try:
            proof = await self._backend.prove(await self._input(coordinator, grant), grant.batch_hash)
            if not await self._until_heard(grant, lambda: coordinator.submit(grant, proof)):
                return "unheard"
        except errors.LeaseLost as error:
            log.warning("the lease is lost", extra=facts | {"reason": str(error)})
            return "lost"
        except errors.ProofRefused as error:
            log.error("the coordinator refuses the proof", extra=facts | {"reason": str(error)})
            return "refused"
        except errors.ProverError as error:
            return await self._tell_failure(coordinator, grant, error)
        return "proven"

    async def _input(self, coordinator: CoordinatorClient, grant: wire.Grant) -> bytes:
        for _ in range(FETCHES - 1):
            with contextlib.suppress(errors.Damaged, errors.Unreachable):
                return await coordinator.input(grant)
            await self._pause(self._settings.backoff.pause(1, random.random()))
        return await coordinator.input(grant)

    async def _tell_failure(self, coordinator: CoordinatorClient, grant: wire.Grant, error: errors.ProverError) -> str:
        is_unprovable = isinstance(error, errors.Unprovable)
        told = log.critical if is_unprovable else log.warning
        told("not proven", extra={"job": grant.job_id, "batch": grant.batch, "reason": str(error)})
        with contextlib.suppress(errors.LeaseLost, errors.Refused):
            await self._until_heard(grant, lambda: coordinator.failure(grant, str(error), is_unprovable=is_unprovable))
        return "unprovable" if is_unprovable else "failed"

    async def _until_heard(self, grant: wire.Grant, say: Callable[[], Awaitable[None]]) -> bool:
        """
        A coordinator that is away comes back; what a prover has to say to it is not thrown away meanwhile.

        One that leaves waits only for as long as a lease lasts unheard: another does the job then, and where the coordinator
        was deleted nobody comes back.
        """
        beat = grant.heartbeat_ms / 1000
        for failures in itertools.count(1):
            try:
                await say()
                return True
            except errors.Unreachable as error:
                silent = time.monotonic() - self._heard
                if self._leaving.is_set() and silent > UNHEARD_BEATS * beat:
                    log.error("leaves unheard", extra={"job": grant.job_id, "silent_seconds": round(silent, 1)})
                    return False
                pause = min(beat, self._settings.backoff.pause(failures, random.random()))
                log.warning("not heard", extra={"reason": str(error), "again_in": round(pause, 1)})
                await asyncio.sleep(pause)
        raise AssertionError("counting ends")

    async def _beat(self, coordinator: CoordinatorClient, grant: wire.Grant) -> None:
        """Says that the job is being worked on, until it is not ours any more."""
        started = time.monotonic()
        while True:
            await asyncio.sleep(grant.heartbeat_ms / 1000)
            progress = f"working for {time.monotonic() - started:.0f} s"
            try:
                await coordinator.heartbeat(grant, progress)
                self._heard = time.monotonic()
            except errors.Unreachable as error:
                log.warning("heartbeat not heard", extra={"job": grant.job_id, "reason": str(error)})
            except errors.ProverError as error:
                log.warning("the lease is lost", extra={"job": grant.job_id, "reason": str(error)})
                return

    async def _give_back(self, coordinator: CoordinatorClient, grant: wire.Grant) -> None:
        """Once: a coordinator that does not hear it sees the lease run out."""
        self.outcomes["released"] += 1
        try:
            await coordinator.release(grant)
            log.info("given back", extra={"job": grant.job_id})
        except errors.ProverError as error:
            log.warning("not given back", extra={"job": grant.job_id, "reason": str(error)})

    async def _pause(self, seconds: float) -> None:
        """Or until told to leave."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._leaving.wait(), seconds)

    def metrics(self) -> Iterator[Metric]:
        """A source for `observe.metrics.Metrics.add`."""
        yield metrics.gauge("prover_busy", "1 while a job is worked on", float(self.busy_with is not None))
        yield metrics.counters("prover_jobs", "How jobs ended", "outcome", dict(self.outcomes))
        yield metrics.counter("prover_gas", "Gas of the batches proven", self.gas)
        yield metrics.histogram(
            "prover_seconds", "From lease to proof taken in", PROVING_BOUNDS_SECONDS, [self._seconds.row({})]
        )


async def _cancelled(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
