"""
The coordinator's door: HTTP with JSON, inputs and proofs as bytes.

Every handler does the same: who is it, may it, what is asked, do it, answer. Nothing is served without a token.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web
from prometheus_client.core import Metric

from ethrex_node import _native
from ethrex_node.observe import metrics
from ethrex_node.rollup.coordinator import door, rates, views, wire
from ethrex_node.rollup.coordinator.coordinator import Coordinator
from ethrex_node.rollup.coordinator.errors import BadRequest, NotFound
from ethrex_node.rollup.coordinator.identities import ID, Authenticate, Identity, Role
from ethrex_node.rollup.coordinator.queue import Wanted
from ethrex_node.rollup.sequencer.draining import Drain
from ethrex_node.rollup.store.schema import JobState

JSON_MOST_BYTES: Final = 64 << 10
PAGE_MOST: Final = 1000
PAGE: Final = 100
READERS: Final = (Role.OBSERVER, Role.OPERATOR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    host: str = "127.0.0.1"
    port: int = 3900
    proof_most_bytes: int = 8 << 20  # a compressed STARK is some MB; what goes to L1 is below 2 KB
    rate: rates.Rate = field(default_factory=rates.Rate)
    certificates: ssl.SSLContext | None = None  # None: plain HTTP, for one machine or behind a mesh


Route = tuple[str, str, door.Handler]


class Service:
    """From `start` to `stop`. `more` is served behind the same door: method, path, handler."""

    def __init__(
        self,
        coordinator: Coordinator,
        authenticate: Authenticate,
        settings: Settings,
        clock: Callable[[], float] = time.monotonic,
        drain: Drain | None = None,
        more: Sequence[Route] = (),
    ) -> None:
        self._coordinator = coordinator
        self._draining = drain
        self._settings = settings
        self._door = door.Door(door.by_token(authenticate), settings.rate, clock)
        add = self._door.add
        add("POST", "/v1/jobs/lease", self._lease)
        add("GET", "/v1/inputs/{hash}", self._input)
        add("POST", "/v1/jobs/{job}/heartbeat", self._heartbeat)
        add("PUT", "/v1/jobs/{job}/proof", self._proof)
        add("POST", "/v1/jobs/{job}/failure", self._failure)
        add("POST", "/v1/jobs/{job}/release", self._release)
        add("GET", "/v1/queue", self._queue)
        add("GET", "/v1/jobs", self._jobs)
        add("GET", "/v1/provers", self._provers)
        add("PUT", "/v1/provers/{prover}/cordon", self._cordon)
        add("DELETE", "/v1/provers/{prover}/cordon", self._uncordon)
        add("PUT", "/v1/drain", self._drain)
        add("DELETE", "/v1/drain", self._undrain)
        for method, path, handler in more:
            add(method, path, handler)

    async def start(self) -> None:
        """Raises OSError where the address is taken."""
        await self._door.start(self._settings.host, self._settings.port, self._settings.certificates)

    async def stop(self) -> None:
        await self._door.stop()

    @property
    def url(self) -> str:
        return self._door.url

    # provers

    async def _lease(self, request: web.Request, identity: Identity) -> web.StreamResponse:
        identity.must_be(Role.PROVER)
        asked = wire.LeaseRequest.read(await door.body(request, JSON_MOST_BYTES))
        identity.must_own(asked.prover)
        wanted = Wanted(asked.prover, frozenset(asked.kinds), asked.program_version, asked.capacity, asked.run)
        job = await self._coordinator.lease(wanted, identity.pool, identity.name)
        if job is None:
            return web.Response(status=204)
        grant = wire.Grant.of(job, self._coordinator.settings.heartbeat_ms)
        return web.Response(body=grant.json(), content_type="application/json")

    async def _input(self, request: web.Request, identity: Identity) -> web.StreamResponse:
        identity.must_be(Role.PROVER)
        wanted = wire.hash_of(request.match_info["hash"], "hash")
        data = self._coordinator.input(wanted, identity.name)
        headers = {wire.HASH_HEADER: wire.hex_of(wanted)}
        return web.Response(body=data, headers=headers, content_type="application/octet-stream")

    async def _heartbeat(self, request: web.Request, identity: Identity) -> web.StreamResponse:
        job_id, note = await _note(request, identity)
        job = await self._coordinator.heartbeat(job_id, note.prover, note.fence, note.text)
        assert job.lease is not None
        return door.json({"deadline": job.lease.until_ms})

    async def _proof(self, request: web.Request, identity: Identity) -> web.StreamResponse:
        identity.must_be(Role.PROVER)
        prover, fence = request.headers.get(wire.PROVER_HEADER, ""), request.headers.get(wire.FENCE_HEADER, "")
        identity.must_own(prover)
        if not (fence.isascii() and fence.isdecimal() and len(fence) < 20):
            raise BadRequest(f"the header {wire.FENCE_HEADER} is {fence!r:.80}, not the lease's number")
        stated = wire.hash_of(request.headers.get(wire.HASH_HEADER, ""), wire.HASH_HEADER)
        proof = await door.body(request, self._settings.proof_most_bytes)
        if _native.keccak256(proof) != stated:
            raise BadRequest(f"the body is not what {wire.HASH_HEADER} says: it was damaged on its way")
        job = await self._coordinator.proof(request.match_info["job"], prover, int(fence), proof, identity.name)
        return door.json({"job": job.job_id, "state": job.state.value})

    async def _failure(self, request: web.Request, identity: Identity) -> web.StreamResponse:
        job_id, note = await _note(request, identity)
        job = await self._coordinator.failure(
            job_id, note.prover, note.fence, note.text, is_unprovable=note.is_unprovable
        )
        # The same words for a decoy, whose job waits for the next prover.
        state = JobState.UNPROVABLE if note.is_unprovable else job.state
        return door.json({"job": job.job_id, "state": state.value})

    async def _release(self, request: web.Request, identity: Identity) -> web.StreamResponse:
        job_id, note = await _note(request, identity)
        job = await self._coordinator.release(job_id, note.prover, note.fence)
        return door.json({"job": job.job_id, "state": job.state.value})

    # observers and operators

    async def _queue(self, request: web.Request, identity: Identity) -> web.StreamResponse:
        identity.must_be(*READERS)
        return door.json(views.queue(self._coordinator.open_jobs()))

    async def _jobs(self, request: web.Request, identity: Identity) -> web.StreamResponse:
        identity.must_be(*READERS)
        after, most = _page(request)
        rows = self._coordinator.jobs(after, most)
        return door.json({"jobs": [views.job(row) for _, row in rows], "next": _next(rows, most)})

    async def _provers(self, request: web.Request, identity: Identity) -> web.StreamResponse:
        identity.must_be(*READERS)
        after, most = _page(request)
        rows = self._coordinator.provers(after, most)
        leases = self._coordinator.leases_of_provers()
        found = [views.prover(row, leases.get(row.prover_id)) for _, row in rows]
        return door.json({"provers": found, "next": _next(rows, most)})

    async def _cordon(self, request: web.Request, identity: Identity) -> web.StreamResponse:
        return await self._set_cordon(request, identity, True)

    async def _uncordon(self, request: web.Request, identity: Identity) -> web.StreamResponse:
        return await self._set_cordon(request, identity, False)

    async def _set_cordon(self, request: web.Request, identity: Identity, is_cordoned: bool) -> web.StreamResponse:
        identity.must_be(Role.OPERATOR)
        prover_id = request.match_info["prover"]
        if not ID.fullmatch(prover_id):
            raise BadRequest(f"{prover_id!r:.140} is not the id of a prover")
        held = await self._coordinator.cordon(prover_id, is_cordoned=is_cordoned)
        return door.json({"prover": prover_id, "cordoned": is_cordoned, "leases": [views.job(job) for job in held]})

    async def _drain(self, request: web.Request, identity: Identity) -> web.StreamResponse:
        identity.must_be(Role.OPERATOR)
        asked = wire.DrainRequest.read(await door.body(request, JSON_MOST_BYTES))
        return door.json(views.drain(self._drainable().begin(end_batch=asked.end_batch)))

    async def _undrain(self, request: web.Request, identity: Identity) -> web.StreamResponse:
        identity.must_be(Role.OPERATOR)
        return door.json(views.drain(self._drainable().end()))

    def _drainable(self) -> Drain:
        if self._draining is None:
            raise NotFound("no sequencer is behind this coordinator")
        return self._draining

    def metrics(self) -> Iterator[Metric]:
        """A source for `observe.metrics.Metrics.add`."""
        yield metrics.counters(
            "coordinator_answers", "Answers of the proof coordinator", "status", dict(self._door.answers)
        )


async def _note(request: web.Request, identity: Identity) -> tuple[str, wire.Note]:
    identity.must_be(Role.PROVER)
    note = wire.Note.read(await door.body(request, JSON_MOST_BYTES))
    identity.must_own(note.prover)
    return request.match_info["job"], note


def _page(request: web.Request) -> tuple[bytes, int]:
    after, limit = request.query.get("after", ""), request.query.get("limit", str(PAGE))
    if not (limit.isascii() and limit.isdecimal() and 1 <= int(limit[:9]) <= PAGE_MOST):
        raise BadRequest(f"limit: {limit!r:.80} is not a number from 1 to {PAGE_MOST}")
    try:
        return bytes.fromhex(after), int(limit)
    except ValueError:
        raise BadRequest(f"after: {after!r:.80} is not the `next` of a page") from None


def _next(rows: list[tuple[bytes, Any]], most: int) -> str | None:
    """What to ask the next page with; None: there is none."""
    return rows[-1][0].hex() if len(rows) == most else None
