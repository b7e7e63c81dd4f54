"""One coordinator, as a prover speaks to it. The words are `ethrex_node.rollup.coordinator.wire`'s."""

from __future__ import annotations

import secrets
from typing import Any, Final
from urllib.parse import quote, urlsplit

import aiohttp
import orjson

from ethrex_node import _native
from ethrex_node.rollup.coordinator import wire
from ethrex_node.rollup.coordinator.errors import BadRequest
from ethrex_prover import errors
from ethrex_prover.token import TokenFile

INPUT_MOST_BYTES: Final = 4 << 30
TEXT_MOST_BYTES: Final = 1 << 20
SILENCE_SECONDS: Final = 30.0  # between two pieces of an answer; an input may take longer as a whole
LEASE_PATH: Final = "/v1/jobs/lease"
BUSY: Final = frozenset({408, 429, 500, 502, 503, 504})


class CoordinatorClient:
    """`name` is host and port."""

    def __init__(self, url: str, token: TokenFile, prover: str, session: aiohttp.ClientSession) -> None:
        parts = urlsplit(url)
        self.name = f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
        self.prover = prover
        self._run = secrets.token_hex(8)
        self._url = url.rstrip("/")
        self._token = token
        self._session = session

    async def lease(self, kinds: tuple[str, ...], program_version: int) -> wire.Grant | None:
        """A job, if there is one. Raises `Unreachable`, `Refused`, `Damaged`."""
        body = wire.LeaseRequest(self.prover, kinds, program_version, run=self._run).json()
        answer = await self._call("POST", LEASE_PATH, body)
        if not answer:
            return None
        try:
            return wire.Grant.read(answer)
        except BadRequest as error:
            raise errors.Damaged(f"{self.name}: the answer is not a lease: {error}") from None

    async def input(self, grant: wire.Grant) -> bytes:
        """Checked against its hash. Raises `Damaged` for other bytes."""
        path = f"/v1/inputs/{wire.hex_of(grant.input_hash)}"
        data = await self._call("GET", path, most_bytes=INPUT_MOST_BYTES)
        if _native.keccak256(data) != grant.input_hash:
            raise errors.Damaged(f"{self.name}: {len(data)} bytes came that are not the input {grant.input_hash.hex()}")
        return data

    async def heartbeat(self, grant: wire.Grant, progress: str) -> None:
        """Raises `LeaseLost`."""
        await self._say(grant, "heartbeat", progress)

    async def release(self, grant: wire.Grant) -> None:
        await self._say(grant, "release", "")

    async def failure(self, grant: wire.Grant, reason: str, *, is_unprovable: bool) -> None:
        await self._say(grant, "failure", reason, is_unprovable=is_unprovable)

    async def submit(self, grant: wire.Grant, proof: bytes) -> None:
        """Good also where the coordinator has this proof already. Raises `LeaseLost`, `ProofRefused`."""
        headers = {
            wire.PROVER_HEADER: self.prover,
            wire.FENCE_HEADER: str(grant.fence),
            wire.HASH_HEADER: wire.hex_of(_native.keccak256(proof)),
        }
        await self._call("PUT", f"/v1/jobs/{quote(grant.job_id)}/proof", proof, headers)

    async def _say(self, grant: wire.Grant, what: str, text: str, *, is_unprovable: bool = False) -> None:
        body = wire.Note(self.prover, grant.fence, text, is_unprovable).json()
        await self._call("POST", f"/v1/jobs/{quote(grant.job_id)}/{what}", body)

    async def _call(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        most_bytes: int = TEXT_MOST_BYTES,
    ) -> bytes:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=SILENCE_SECONDS, sock_read=SILENCE_SECONDS)
        given = {"Authorization": f"Bearer {await self._token.current()}"} | (headers or {})
        try:
            async with self._session.request(
                method, self._url + path, data=body, headers=given, timeout=timeout, allow_redirects=False
            ) as response:
                received = await self._read(response, most_bytes)
                status = response.status
        except TimeoutError:
            raise errors.Unreachable(f"{self.name}: silent for {SILENCE_SECONDS:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise errors.Unreachable(f"{self.name}: {error}") from error
        if status in (200, 204):
            return received
        raise self._named(path, status, received)

    async def _read(self, response: aiohttp.ClientResponse, most_bytes: int) -> bytes:
        received = bytearray()
        async for chunk in response.content.iter_any():
            received += chunk
            if len(received) > most_bytes:
                raise errors.Damaged(f"{self.name}: an answer of more than {most_bytes} bytes")
        return bytes(received)

    def _named(self, path: str, status: int, body: bytes) -> errors.ProverError:
        message = f"{self.name}: {_message(body)}"
        if status in BUSY:
            return errors.Unreachable(f"{message} (status {status})")
        is_ours_gone = (
            status == 404 and path.startswith("/v1/jobs/") and path != LEASE_PATH
        )  # forgotten: its batch is verified, or taken back
        if status == 409 or is_ours_gone:
            return errors.LeaseLost(message)
        return errors.ProofRefused(status, message) if status == 422 else errors.Refused(status, message)


def _message(body: bytes) -> str:
    """What a refusal says, in a form that can stand in a log."""
    try:
        fields: Any = orjson.loads(body)
        text = fields["message"]
    except (orjson.JSONDecodeError, TypeError, KeyError):
        text = body[:200].decode("utf-8", "replace")
    return str(text)[:500]
