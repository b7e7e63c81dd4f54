"""JSON-RPC over HTTP, as much as an operator asks."""

from __future__ import annotations

from typing import Any, Final

import aiohttp
import orjson

from . import errors

SECONDS: Final = 5.0
MOST_BYTES: Final = 4 << 20


async def call(session: aiohttp.ClientSession, url: str, method: str, *params: Any) -> Any:
    """The result. Raises `ChainError`."""
    body = orjson.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    answer = await fetch(session, url, "POST", body)
    try:
        given = orjson.loads(answer)
        if "error" in given:
            raise errors.Refused(f"{url}: {method}: {given['error']['message']}")
        return given["result"]
    except (ValueError, KeyError, TypeError) as error:
        raise errors.Refused(f"{url}: {method}: not a JSON-RPC answer") from error


async def number(session: aiohttp.ClientSession, url: str, method: str, *params: Any) -> int:
    """A quantity. Raises `ChainError`."""
    found = await call(session, url, method, *params)
    try:
        return int(found, 16)
    except (TypeError, ValueError) as error:
        raise errors.Refused(f"{url}: {method}: {found!r:.80} is not a quantity") from error


async def fetch(
    session: aiohttp.ClientSession, url: str, verb: str = "GET", body: bytes | None = None, token: str | None = None
) -> bytes:
    """The body of an answer with status 200. Raises `ChainError`."""
    headers = {"Content-Type": "application/json"} if body is not None else {}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    timeout = aiohttp.ClientTimeout(total=SECONDS)
    try:
        async with session.request(verb, url, data=body, headers=headers, timeout=timeout) as response:
            content = await response.content.read(MOST_BYTES)
            if response.status != 200:
                raise errors.Refused(f"{url}: status {response.status}")
            return content
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        raise errors.Unreachable(f"{url}: {error or type(error).__name__}") from error
