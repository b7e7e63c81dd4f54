"""
The keys that an issuer signs its tokens with, as it publishes them: a JSON Web Key Set, fetched and kept.

An issuer changes its keys. A key id that is not known is asked for, though not more often than strangers may make it
happen; a key that is withdrawn is forgotten with the next regular fetch. While the issuer is away what is known goes on.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from prometheus_client.core import Metric

from ethrex_node.observe import metrics
from ethrex_node.rollup.coordinator.errors import Unavailable, Unidentified

log = logging.getLogger(__name__)

ALGORITHMS: Final = ("RS256", "ES256")
RSA_LEAST_BITS: Final = 2048
REFRESH_SECONDS: Final = 300.0  # so long a withdrawn key is still believed
APART_SECONDS: Final = 10.0  # between two fetches, whoever asks for them
FETCH_SECONDS: Final = 5.0
MOST_BYTES: Final = 1 << 20
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
assert APART_SECONDS < REFRESH_SECONDS, "the regular fetch is never refused"

Fetch = Callable[[], Awaitable[bytes]]


class KeysUnusable(Exception):
    """What is published is no set of keys, or it cannot be had."""


class KeySet:
    """`run` keeps it fresh; without that, it is asked when a key is missing."""

    def __init__(self, fetch: Fetch, clock: Callable[[], float] = time.monotonic) -> None:
        self.fetches: Counter[str] = Counter()
        self._fetch = fetch
        self._clock = clock
        self._keys: dict[str, jwt.PyJWK] = {}
        self._not_before = float("-inf")
        self._turn = asyncio.Lock()

    async def key(self, key_id: str) -> jwt.PyJWK:
        """Raises `Unidentified` for a key that the issuer does not publish, `Unavailable` where it cannot be asked now."""
        if key_id not in self._keys:
            async with self._turn:
                if key_id not in self._keys:
                    await self._ask_for(key_id)
        return self._keys[key_id]

    async def _ask_for(self, key_id: str) -> None:
        left = self._not_before - self._clock()
        if left > 0:
            raise Unavailable(f"the token's key is not known, and the issuer is asked again in {left:.0f} s")
        if not await self._refresh():
            raise Unavailable("the token's key is not known, and the issuer does not answer")
        if key_id not in self._keys:
            raise Unidentified("the token's key is none of the issuer's")

    async def run(self) -> None:
        """Fetch for ever: at once, and then so that a withdrawn key is not believed for long."""
        while True:
            async with self._turn:
                is_fresh = await self._refresh()
            await asyncio.sleep(REFRESH_SECONDS if is_fresh else APART_SECONDS)

    async def _refresh(self) -> bool:
        """Whether the keys are those of now. Only in turn."""
        self._not_before = self._clock() + APART_SECONDS
        try:
            found = keys_of(await self._fetch())
        except KeysUnusable as error:
            self.fetches["failed"] += 1
            log.warning("the issuer's keys are not to be had", extra={"reason": str(error), "known": len(self._keys)})
            return False
        self.fetches["done"] += 1
        if found.keys() != self._keys.keys():
            log.info("the issuer's keys", extra={"ids": ", ".join(sorted(found))})
        self._keys = found
        return True

    def metrics(self) -> Iterator[Metric]:
        """A source for `observe.metrics.Metrics.add`."""
        yield metrics.gauge("coordinator_issuer_keys", "Keys of the tokens' issuer that are known", len(self._keys))
        yield metrics.counters(
            "coordinator_issuer_fetches", "How asking the issuer for its keys ended", "result", dict(self.fetches)
        )


def keys_of(content: bytes) -> dict[str, jwt.PyJWK]:
    """By id: those that sign with an algorithm that is taken. Raises `KeysUnusable` where there is none."""
    try:
        listed = orjson.loads(content)["keys"]
        found = [_key(one) for one in listed]
    except (orjson.JSONDecodeError, TypeError, KeyError):
        raise KeysUnusable(f"{content[:80]!r} is not a JSON Web Key Set") from None
    keys = {one.key_id: one for one in found if one is not None and one.key_id is not None}
    if not keys:
        raise KeysUnusable(f"none of {len(found)} keys is usable: {' or '.join(ALGORITHMS)}, with a key id")
    return keys


def _key(fields: Any) -> jwt.PyJWK | None:
    """None for one of another kind, and for one too weak."""
    if not isinstance(fields, dict) or not isinstance(fields.get("kid"), str) or fields.get("use", "sig") != "sig":
        return None
    try:
        key = jwt.PyJWK(fields)
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError):
        return None
    if isinstance(key.key, rsa.RSAPublicKey):
        is_strong = key.key.key_size >= RSA_LEAST_BITS
    else:
        is_strong = isinstance(key.key, ec.EllipticCurvePublicKey) and isinstance(key.key.curve, ec.SECP256R1)
    return key if is_strong and key.algorithm_name in ALGORITHMS else None


def from_file(path: Path) -> Fetch:
    async def fetch() -> bytes:
        try:
            return await asyncio.to_thread(path.read_bytes)
        except OSError as error:
            raise KeysUnusable(f"cannot read the keys of the issuer: {error}") from None

    return fetch


def from_url(url: str, authority: Path | None = None, token: Path | None = None) -> Fetch:
    """
    Over HTTPS, or plainly on this machine. `authority`: a file of certificates to believe instead of the system's;
    `token`: a file with what to show, read each time. Raises ValueError for another URL.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise ValueError(f"{url}: keys that anyone on the way could change are not taken: use https")

    async def fetch() -> bytes:
        try:
            trust, headers = await asyncio.to_thread(_files, authority, token)
            timeout = aiohttp.ClientTimeout(total=FETCH_SECONDS)
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(url, headers=headers, ssl=trust, allow_redirects=False) as response,
            ):
                content = await response.content.read(MOST_BYTES + 1)
                while len(content) <= MOST_BYTES and (more := await response.content.read(MOST_BYTES)):
                    content += more
                status = response.status
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            raise KeysUnusable(f"{url}: {error or 'no answer'}") from None
        if status != 200 or len(content) > MOST_BYTES:
            raise KeysUnusable(f"{url}: status {status}, {len(content)} bytes")
        return content

    return fetch


def _files(authority: Path | None, token: Path | None) -> tuple[ssl.SSLContext | bool, dict[str, str]]:
    trust = ssl.create_default_context(cafile=authority) if authority else True
    headers = {"Authorization": f"Bearer {token.read_text().strip()}"} if token else {}
    return trust, headers
