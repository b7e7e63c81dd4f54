"""One member, as the sequencer and those who rebuild a state speak to it. What it says is not believed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import orjson

from ethrex_node import _native
from ethrex_node.rollup.committee.errors import MemberFailed
from ethrex_node.rollup.committee.kept import Kept

ANSWER_MOST_BYTES: Final = 64 << 10
PAYLOAD_MOST_BYTES: Final = 64 << 20


class RemoteMember:
    """`name` is host and port; `token` a file, read each time; `session` is the caller's."""

    def __init__(self, url: str, session: aiohttp.ClientSession, token: Path | None, timeout_seconds: float) -> None:
        parts = urlsplit(url)
        self.name = f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
        self._url = url.rstrip("/")
        self._session = session
        self._token = token
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)

    async def keep(self, what: Kept, payload: bytes) -> bytes:
        """Its signature, unchecked. Raises `MemberFailed`."""
        answer = await self._call("PUT", what, ANSWER_MOST_BYTES, payload)
        try:
            return bytes.fromhex(orjson.loads(answer)["signature"].removeprefix("0x"))
        except (orjson.JSONDecodeError, TypeError, KeyError, AttributeError, ValueError):
            raise MemberFailed(f"its answer is no signature: {answer[:80]!r}") from None

    async def payload(self, what: Kept) -> bytes:
        """Raises `MemberFailed`, for other bytes than those too."""
        found = await self._call("GET", what, PAYLOAD_MOST_BYTES)
        if _native.keccak256(found) != what.digest:
            raise MemberFailed(f"gives {len(found)} bytes that are not the payload 0x{what.digest.hex()}")
        return found

    async def _call(self, method: str, what: Kept, most_bytes: int, body: bytes | None = None) -> bytes:
        url = f"{self._url}/v1/chains/{what.chain_id}/payloads/0x{what.digest.hex()}"
        try:
            headers = await asyncio.to_thread(_headers, self._token)
            async with self._session.request(
                method, url, data=body, headers=headers, timeout=self._timeout, allow_redirects=False
            ) as response:
                received = bytearray()
                async for chunk in response.content.iter_any():
                    received += chunk
                    if len(received) > most_bytes:
                        raise MemberFailed(f"an answer of more than {most_bytes} bytes")
                status = response.status
        except TimeoutError:
            raise MemberFailed(f"no answer within {self._timeout.total:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise MemberFailed(str(error) or type(error).__name__) from error
        if status != 200:
            raise MemberFailed(f"status {status}, {_message(bytes(received))}")
        return bytes(received)


def _headers(token: Path | None) -> dict[str, str]:
    return {} if token is None else {"Authorization": f"Bearer {token.read_text().strip()}"}


def _message(body: bytes) -> str:
    try:
        fields: Any = orjson.loads(body)
        text = fields["message"]
    except (orjson.JSONDecodeError, TypeError, KeyError):
        text = body[:200].decode("utf-8", "replace")
    return str(text)[:300]
