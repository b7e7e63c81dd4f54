"""A real coordinator over HTTP, with a clock of its own, and a plain caller of it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from ethrex_node import _native
from ethrex_node.rollup import attested
from ethrex_node.rollup.coordinator import Coordinator, NewJob, Settings, identities, rates, service, verifiers, wire
from ethrex_node.rollup.l1 import signers
from ethrex_node.rollup.sequencer.draining import Drain
from ethrex_node.rollup.store import Store
from ethrex_node.rollup.store.schema import TABLES

DOMAIN = attested.Domain(31337, b"\xaa" * 20)
KEY = signers.local(b"\1" * 32)
STRANGER = signers.local(b"\2" * 32)
VERSION = 1
PROVER, OBSERVER, OPERATOR, RIVAL = "p" * 32, "o" * 32, "a" * 32, "r" * 32
TOKENS = f"""
prover   pool-a   {PROVER}  gpu   # a pool of pods
prover   rival    {RIVAL}
observer scaler   {OBSERVER}
operator admin    {OPERATOR}
"""
ME = "pool-a.0"


async def is_signer(version: int, signer: bytes) -> bool:
    """As the contract would say."""
    return version == VERSION and signer == KEY.address


def hash_of(number: int) -> bytes:
    return number.to_bytes(32, "big")


@dataclass
class Answer:
    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


@dataclass
class Served:
    """`ms` is the coordinator's time, unless it is the real one."""

    folder: Path
    settings: Settings = field(default_factory=Settings)
    rate: rates.Rate = field(default_factory=lambda: rates.Rate(10**6, 10**6))
    ms: int = 1_000_000
    is_real_time: bool = False
    chance: Callable[[], float] = lambda: 1.0  # what is drawn against the rate of decoys
    drain: Drain | None = None
    store: Store = None  # type: ignore[assignment]
    coordinator: Coordinator = None  # type: ignore[assignment]
    service: service.Service = None  # type: ignore[assignment]
    session: aiohttp.ClientSession = None  # type: ignore[assignment]

    async def start(self, port: int = 0) -> None:
        (self.folder / "tokens").write_text(TOKENS)
        self.store = Store.open(self.folder / "rollup", TABLES)
        verifier = verifiers.attested_verifier(DOMAIN, is_signer)
        self.coordinator = Coordinator(self.store, {"attested": verifier}, self.settings, self.now_ms, self._draw)
        await self._serve(identities.from_file(self.folder / "tokens"), port)
        self.session = aiohttp.ClientSession()

    async def guard(self, authenticate: identities.Authenticate) -> None:
        """Another guard at the door."""
        await self.service.stop()
        await self._serve(authenticate, 0)

    async def _serve(self, authenticate: identities.Authenticate, port: int) -> None:
        chosen = service.Settings(port=port, rate=self.rate, proof_most_bytes=4096)
        self.service = service.Service(self.coordinator, authenticate, chosen, lambda: self.ms / 1000, self.drain)
        await self.service.start()

    def _draw(self) -> float:
        return self.chance()

    def now_ms(self) -> int:
        return int(time.time() * 1000) if self.is_real_time else self.ms

    async def stop(self) -> None:
        await self.session.close()
        await self.service.stop()
        self.store.close()

    async def add(self, batch: int = 1, *, due_ms: int = 0, data: bytes = b"input of ") -> str:
        new = NewJob(
            batch=batch, kind="attested", program_version=VERSION, batch_hash=hash_of(batch), input=data + hash_of(batch),
            gas=1000, due_ms=due_ms,
        )  # fmt: skip
        return (await self.coordinator.add(new)).job_id

    async def call(
        self, method: str, path: str, body: bytes | None = None, token: str | None = PROVER, **headers: str
    ) -> Answer:
        given = headers | ({"Authorization": f"Bearer {token}"} if token is not None else {})
        async with self.session.request(method, self.service.url + path, data=body, headers=given) as answer:
            return Answer(answer.status, await answer.read(), dict(answer.headers))

    async def lease(self, prover: str = ME, token: str = PROVER, version: int = VERSION) -> wire.Grant | None:
        request = wire.LeaseRequest(prover, ("attested",), version)
        answer = await self.call("POST", "/v1/jobs/lease", request.json(), token)
        assert answer.status in (200, 204), answer
        return wire.Grant.read(answer.body) if answer.status == 200 else None

    async def granted(self, prover: str = ME, token: str = PROVER) -> wire.Grant:
        grant = await self.lease(prover, token)
        assert grant is not None
        return grant

    async def prove(
        self,
        grant: wire.Grant,
        proof: bytes | None = None,
        *,
        prover: str = ME,
        token: str = PROVER,
        fence: int | None = None,
    ) -> Answer:
        proof = await attested.sign(KEY, DOMAIN, grant.batch_hash) if proof is None else proof
        headers = {
            wire.PROVER_HEADER: prover,
            wire.FENCE_HEADER: str(grant.fence if fence is None else fence),
            wire.HASH_HEADER: wire.hex_of(_native.keccak256(proof)),
        }
        return await self.call("PUT", f"/v1/jobs/{grant.job_id}/proof", proof, token, **headers)

    async def note(self, what: str, grant: wire.Grant, **more: Any) -> Answer:
        note = wire.Note(ME, grant.fence, **more)
        return await self.call("POST", f"/v1/jobs/{grant.job_id}/{what}", note.json())


@asynccontextmanager
async def serving(folder: Path, **more: Any) -> AsyncIterator[Served]:
    made = Served(folder, **more)
    await made.start()
    yield made
    await made.stop()
