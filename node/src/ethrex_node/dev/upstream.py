"""
The node of the chain that a dev chain forks: requests there, answers back, for any thread.

The native core asks from the threads in which it works, the RPC from the event loop. So the connections live on an event
loop of their own, in a thread: whoever asks from a thread waits for it, and no loop waits for another.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

import aiohttp
import orjson
import yarl

from ..rpc import errors

T = TypeVar("T")
JSON: Final = {"content-type": "application/json"}
ATTEMPTS: Final = 6
FIRST_PAUSE_SECONDS: Final = 0.2  # doubled with each attempt: 6 s of patience with a node that is busy or restarts
ANSWER_SECONDS: Final = 30.0
BUSY: Final = frozenset({408, 425, 429, 500, 502, 503, 504})  # statuses after which the same request may succeed
SHOWN_CHARACTERS: Final = 200


class UpstreamFailed(Exception):
    """The node does not answer, or not as JSON-RPC wants it. The message names it without its credentials."""


class UpstreamRefused(UpstreamFailed):
    """The node answers with an error object."""


class Upstream:
    """Lives from its making to `close`. `url` may carry a user, a password and a key in its path."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.name = yarl.URL(url).origin().human_repr()
        self._session: aiohttp.ClientSession | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="upstream", daemon=True)
        self._thread.start()

    def send(self, body: bytes) -> bytes:
        """The answer to the body of a request, for a thread that may wait. Raises `UpstreamFailed`."""
        return self._wait(self._sent(body))

    def result(self, method: str, params: list[Any]) -> Any:
        """One call's result, for a thread that may wait. Raises `UpstreamFailed`, `UpstreamRefused`."""
        return self._wait(self._asked(method, params))

    async def ask(self, method: str, params: list[Any]) -> Any:
        """The same for the RPC, on its event loop (`rpc.parts.Upstream`). Raises `errors.Internal`."""
        try:
            return await asyncio.wrap_future(self._begun(self._asked(method, params)))
        except UpstreamFailed as error:
            raise errors.Internal(str(error)) from error

    def close(self) -> None:
        """Who still waits gets `UpstreamFailed`."""
        self._wait(self._closed())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return self._begun(work).result()
        except concurrent.futures.CancelledError:
            raise UpstreamFailed(f"{self.name} is not asked any more: this node is leaving") from None

    def _begun(self, work: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        if self._loop.is_closed():
            work.close()
            raise UpstreamFailed(f"{self.name} is not asked any more: this node is leaving")
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _closed(self) -> None:
        waiting = asyncio.all_tasks() - {asyncio.current_task()}
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def _asked(self, method: str, params: list[Any]) -> Any:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        answer = await self._sent(orjson.dumps(body))
        try:
            decoded = orjson.loads(answer)
        except orjson.JSONDecodeError as error:
            raise UpstreamFailed(f"{self.name} does not answer {method} in JSON: {_shown(answer)}") from error
        if not isinstance(decoded, dict) or "result" not in decoded:
            raise UpstreamRefused(f"{self.name} refuses {method}: {_shown(answer)}")
        return decoded["result"]

    async def _sent(self, body: bytes) -> bytes:
        pause = FIRST_PAUSE_SECONDS
        for attempt in range(1, ATTEMPTS + 1):
            try:
                status, answer = await self._once(body)
            except TimeoutError:
                why = f"nothing came for {ANSWER_SECONDS:g} s"
                break
            except (aiohttp.ClientError, OSError) as error:
                why = str(error) or type(error).__name__
            else:
                if status == 200:
                    return answer
                why = f"status {status}: {_shown(answer)}"
                if status not in BUSY:
                    break
            if attempt < ATTEMPTS:
                await asyncio.sleep(pause)
                pause *= 2
        raise UpstreamFailed(f"{self.name} does not answer: {why}")

    async def _once(self, body: bytes) -> tuple[int, bytes]:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS), headers=JSON)
        async with self._session.post(self.url, data=body) as response:
            return response.status, await response.read()


def _shown(answer: bytes) -> str:
    return answer[:SHOWN_CHARACTERS].decode("utf-8", "replace")
