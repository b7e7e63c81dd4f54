"""
A rollup's proof coordinator (protocol 12): its ledger, page by page, and the word that a prover shall take no job any more.

What the pages say is read elsewhere (``scaling.observe``): this is how they come.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import aiohttp
import orjson

from . import errors, rpc

PAGE: Final = 1000
PAGES_MOST: Final = 32


@dataclass(frozen=True, slots=True)
class Coordinator:
    url: str
    token: str


async def jobs(session: aiohttp.ClientSession, at: Coordinator) -> list[bytes]:
    """Those of batches that L1 has not verified yet. Raises `ChainError`."""
    return await _pages(session, at, "jobs")


async def provers(session: aiohttp.ClientSession, at: Coordinator) -> list[bytes]:
    """Those that came of late. Raises `ChainError`."""
    return await _pages(session, at, "provers")


async def cordon(session: aiohttp.ClientSession, at: Coordinator, prover_id: str) -> int:
    """From the answer on the prover gets no job; so many it still has. Raises `ChainError`."""
    url = f"{at.url}/v1/provers/{quote(prover_id, safe='')}/cordon"
    found = _object(url, await rpc.fetch(session, url, "PUT", token=at.token)).get("leases")
    if not isinstance(found, list):
        raise errors.Refused(f"{url}: an answer without leases")
    return len(found)


@dataclass(frozen=True, slots=True)
class Drained:
    """How far a sequencer is that takes nothing more. `drained`: all that it took is sealed."""

    drained: bool
    pool: int
    open_transactions: int
    made: int
    committed: int
    verified: int


async def drain(session: aiohttp.ClientSession, at: Coordinator, *, end_batch: bool) -> Drained:
    """From the answer on the sequencer takes no transaction. Asking again asks how far it is. Raises `ChainError`."""
    url = f"{at.url}/v1/drain"
    body = orjson.dumps({"endBatch": end_batch})
    found = _object(url, await rpc.fetch(session, url, "PUT", body, token=at.token))
    try:
        batches = found["batches"]
        return Drained(
            drained=found["drained"] is True,
            pool=int(found["pool"]),
            open_transactions=int(found["openTransactions"]),
            **{name: int(batches[name]) for name in ("made", "committed", "verified")},
        )
    except (KeyError, TypeError, ValueError) as error:
        raise errors.Refused(f"{url}: not how far a sequencer is: {error!r}") from error


async def _pages(session: aiohttp.ClientSession, at: Coordinator, what: str) -> list[bytes]:
    found: list[bytes] = []
    after = ""
    while len(found) < PAGES_MOST:
        url = f"{at.url}/v1/{what}?limit={PAGE}&after={quote(after, safe='')}"
        found.append(await rpc.fetch(session, url, token=at.token))
        proceed = _object(url, found[-1]).get("next")
        if not isinstance(proceed, str):
            return found
        after = proceed
    raise errors.Refused(f"{at.url}/v1/{what}: more than {PAGES_MOST} pages")


def _object(url: str, content: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise errors.Refused(f"{url}: not JSON") from error
    if not isinstance(found, dict):
        raise errors.Refused(f"{url}: not an object")
    return found
