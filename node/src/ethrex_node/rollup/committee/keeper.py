"""
A member of a data committee: takes payloads of its chain, keeps them, signs that it does, and gives them back.

| call | |
|---|---|
| ``PUT /v1/chains/{id}/payloads/{digest}`` | bytes -> ``{member, signature}``, once they are on disk; the same again is the same |
| ``GET /v1/chains/{id}/payloads/{digest}`` | bytes, to whoever asks, or with `is_private` to whoever has a token |
"""

from __future__ import annotations

import asyncio
import enum
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeVar

from aiohttp import web
from prometheus_client.core import Metric

from ethrex_node import _native
from ethrex_node.observe import metrics
from ethrex_node.rollup.committee import kept
from ethrex_node.rollup.committee.errors import CannotKeep
from ethrex_node.rollup.committee.kept import Contract, Kept
from ethrex_node.rollup.committee.vault import Vault
from ethrex_node.rollup.coordinator import door, rates, wire
from ethrex_node.rollup.coordinator.errors import BadRequest, NotFound, Unavailable
from ethrex_node.rollup.coordinator.identities import Authenticate, Identity
from ethrex_node.rollup.l1 import signers

T = TypeVar("T")

PATH: Final = "/v1/chains/{chain}/payloads/{digest}"


class Role(enum.StrEnum):
    WRITER = "writer"  # the sequencer: brings payloads
    READER = "reader"  # takes them back


ANYONE: Final = Identity(Role.READER, "anyone")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    host: str = "127.0.0.1"
    port: int = 3950
    most_bytes: int = 1 << 20  # of a payload; six blobs hold less
    is_private: bool = False  # reading takes a token
    rate: rates.Rate = field(default_factory=rates.Rate)


class Keeper:
    """From `start` to `stop`. `trouble` says why nothing can be kept now."""

    def __init__(
        self,
        chain_id: int,
        contract: Contract,
        vault: Vault,
        signer: signers.Signer,
        authenticate: Authenticate,
        settings: Settings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.trouble: str | None = None
        self.events: Counter[str] = Counter()
        self._chain_id = chain_id
        self._contract = contract
        self._vault = vault
        self._signer = signer
        self._settings = settings
        self._by_token = door.by_token(authenticate)
        self._door = door.Door(self._identify, settings.rate, clock)
        self._door.add("PUT", PATH, self._keep)
        self._door.add("GET", PATH, self._give)

    async def start(self) -> None:
        """Raises OSError where the address is taken."""
        await self._door.start(self._settings.host, self._settings.port)

    async def stop(self) -> None:
        await self._door.stop()

    @property
    def url(self) -> str:
        return self._door.url

    async def _identify(self, request: web.Request) -> Identity:
        is_open = request.method in ("GET", "HEAD") and not self._settings.is_private
        return ANYONE if is_open else await self._by_token(request)

    async def _keep(self, request: web.Request, identity: Identity) -> web.StreamResponse:
        identity.must_be(Role.WRITER)
        digest = self._digest(request)
        payload = await door.body(request, self._settings.most_bytes)
        if not payload or _native.keccak256(payload) != digest:
            raise BadRequest(f"{len(payload)} bytes came whose digest is not {wire.hex_of(digest)}")
        await self._on_disk(lambda: self._vault.keep(digest, payload))
        try:
            signature = await kept.sign(self._signer, self._contract, Kept(self._chain_id, kept.POINTER, digest))
        except signers.RemoteFailed as error:
            raise Unavailable(f"kept, but not signed: {error}") from error
        self.events["kept"] += 1
        return door.json({"member": wire.hex_of(self._signer.address), "signature": wire.hex_of(signature)})

    async def _give(self, request: web.Request, identity: Identity) -> web.StreamResponse:
        digest = self._digest(request)
        payload = await self._on_disk(lambda: self._vault.find(digest))
        if payload is None:
            raise NotFound(f"no payload {wire.hex_of(digest)}")
        self.events["given"] += 1
        return web.Response(body=payload, content_type="application/octet-stream")

    async def _on_disk(self, work: Callable[[], T]) -> T:
        try:
            done = await asyncio.to_thread(work)
        except CannotKeep as error:
            self.trouble = str(error)
            self.events["disk failed"] += 1
            raise Unavailable(str(error)) from error
        self.trouble = None
        return done

    def _digest(self, request: web.Request) -> bytes:
        if request.match_info["chain"] != str(self._chain_id):
            raise NotFound(
                f"payloads of chain {self._chain_id} are kept here, not of {request.match_info['chain']:.30}"
            )
        return wire.hash_of(request.match_info["digest"], "digest")

    def metrics(self) -> Iterator[Metric]:
        """A source for `observe.metrics.Metrics.add`."""
        yield metrics.gauge("committee_payloads", "Payloads that are kept", self._vault.payloads)
        yield metrics.gauge("committee_free_bytes", "Room on the disk that keeps them", self._vault.free_bytes())
        yield metrics.counter("committee_damaged", "Payloads that went bad on the disk", self._vault.damaged)
        yield metrics.counters("committee_events", "What a member did", "event", dict(self.events))
        yield metrics.counters("committee_answers", "Answers of a member", "status", dict(self._door.answers))
