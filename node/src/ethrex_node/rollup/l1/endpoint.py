"""One L1 node behind one URL: JSON-RPC over HTTP with a time limit and a size limit, and what was seen of it."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import orjson

from ethrex_node.rollup.l1 import errors

ANSWER_MOST_BYTES: Final = 64 << 20  # an answer of eth_getLogs over 5,000 full blocks is some 10 MB
BUSY_CODES: Final = (-32005, 429)  # providers' "too many requests"
CHUNK_BYTES: Final = 1 << 16


class Endpoint:
    """`name` is host and port without path and query: those may hold a provider's key, which no log should show."""

    def __init__(self, url: str, session: aiohttp.ClientSession, timeout_seconds: float) -> None:
        parts = urlsplit(url)
        self.name = f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
        self.height = 0  # the highest block it said it has
        self.requests = 0
        self.failures = 0
        self.dissents = 0
        self.is_failing = False
        self._url = url
        self._session = session
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)

    async def call(self, method: str, *params: Any) -> Any:
        """The result. Raises `Unreachable`, `Malformed`, `CallFailed`."""
        self.requests += 1
        body = orjson.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        try:
            result = self._result(method, await self._post(method, body))
        except (errors.Unreachable, errors.Malformed):
            self.failures += 1
            self.is_failing = True
            raise
        self.is_failing = False
        return result

    async def _post(self, method: str, body: bytes) -> bytes:
        headers = {"Content-Type": "application/json"}
        try:
            async with self._session.post(self._url, data=body, headers=headers, timeout=self._timeout) as response:
                received = bytearray()
                async for chunk in response.content.iter_chunked(CHUNK_BYTES):
                    received += chunk
                    if len(received) > ANSWER_MOST_BYTES:
                        raise errors.Malformed(f"{self.name}: the answer to {method} exceeds {ANSWER_MOST_BYTES} bytes")
                if response.status >= 400 and not received.startswith(b"{"):
                    raise errors.Unreachable(self.name, f"HTTP status {response.status} to {method}")
                return bytes(received)
        except TimeoutError:
            raise errors.Unreachable(self.name, f"no answer to {method} in {self._timeout.total:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise errors.Unreachable(self.name, f"{method}: {error}") from error

    def _result(self, method: str, answer: bytes) -> Any:
        try:
            value = orjson.loads(answer)
        except orjson.JSONDecodeError:
            raise errors.Malformed(f"{self.name}: the answer to {method} is not JSON") from None
        if not isinstance(value, dict):
            raise errors.Malformed(f"{self.name}: the answer to {method} is not an answer of JSON-RPC")
        error = value.get("error")
        if error is not None:
            if not isinstance(error, dict):
                raise errors.Malformed(f"{self.name}: {error!r:.80} is not an error of JSON-RPC")
            code = error.get("code")
            text = str(error.get("message", ""))[:1000]
            if code in BUSY_CODES:
                raise errors.Unreachable(self.name, f"{method}: {text}")
            raise errors.named(code if isinstance(code, int) else 0, text, error.get("data"))
        if "result" not in value:
            raise errors.Malformed(f"{self.name}: the answer to {method} has neither result nor error")
        return value["result"]
