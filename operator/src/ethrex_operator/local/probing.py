"""Ask a process whether it is ready, as a kubelet does."""

from __future__ import annotations

import json
from typing import Final

import aiohttp

ANSWER_SECONDS: Final = 2.0
MOST_BYTES: Final = 1 << 16


async def why_not(session: aiohttp.ClientSession, url: str) -> str | None:
    """None where it says yes."""
    try:
        async with session.get(url, timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS)) as response:
            body = await response.content.read(MOST_BYTES)
            return None if response.status == 200 else _reasons(body) or f"status {response.status}"
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        return f"does not answer: {error or type(error).__name__}"


def _reasons(body: bytes) -> str:
    try:
        reasons = json.loads(body)["reasons"]
        return "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
    except (ValueError, KeyError, TypeError, AttributeError):
        return body[:200].decode(errors="replace")
