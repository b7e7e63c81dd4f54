"""
The Unix socket between a worker and the writing process: many requests in flight over one connection.

A frame is its length (4 bytes), a number (4 bytes) and a JSON-RPC body, big endian; the reply carries the number of its
request. Number 0 is what the writer pushes without being asked: notifications of subscriptions.

Read-your-writes through a worker rests on two facts: the writer replies after its commit, and a worker takes a fresh
database snapshot for each request.
"""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final, cast

from ethrex_node.rpc import dispatch, errors

log = logging.getLogger(__name__)

HEAD: Final = struct.Struct(">II")
FRAME_MOST_BYTES: Final = 256 * 1024 * 1024  # above any body limit; a longer one means that the other side is no link
IN_FLIGHT_MOST: Final = 10_000
PUSH_BUFFER_BYTES: Final = 16 * 1024 * 1024
RECONNECT_SECONDS: Final = (0.02, 0.05, 0.1, 0.2, 0.5)  # the last one again and again


class Framed(asyncio.Protocol):
    """Frames over a stream. Subclasses say what a frame means."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        start = 0
        while len(self._buffer) - start >= HEAD.size:
            size, number = HEAD.unpack_from(self._buffer, start)
            if size > FRAME_MOST_BYTES:
                self.close()
                return
            end = start + HEAD.size + size
            if end > len(self._buffer):
                break
            self.frame(number, bytes(memoryview(self._buffer)[start + HEAD.size : end]))
            start = end
        del self._buffer[:start]

    def frame(self, number: int, body: bytes) -> None:
        """A whole frame has come. Each end of the link says what that means."""
        raise NotImplementedError

    def write(self, number: int, body: bytes) -> None:
        if self._transport is not None:
            self._transport.write(HEAD.pack(len(body), number) + body)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class Link(Framed):
    """The worker's end: ``parts.Remote``. Lives until it is closed or the other side goes."""

    def __init__(
        self, pushed: Callable[[bytes], object] | None = None, broke: Callable[[], None] | None = None
    ) -> None:
        super().__init__()
        self._broke = broke
        self._pushed = pushed
        self._waiting: dict[int, asyncio.Future[bytes]] = {}
        self._number = 0
        self.lost = asyncio.Event()

    async def ask(self, request: bytes) -> bytes:
        """Raises WriterGone, or Busy with too many in flight."""
        if self._transport is None or self._transport.is_closing():
            raise errors.WriterGone
        if len(self._waiting) >= IN_FLIGHT_MOST:
            raise errors.Busy
        self._number = number = self._number % 0xFFFFFFFF + 1
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        try:
            self.write(number, request)
            answer: bytes = await future
            return answer
        finally:
            self._waiting.pop(number, None)

    def tell(self, request: bytes) -> None:
        """Send what has no answer that anybody waits for."""
        if self._transport is not None and not self._transport.is_closing():
            self._number = self._number % 0xFFFFFFFF + 1
            self.write(self._number, request)

    def frame(self, number: int, body: bytes) -> None:
        if number == 0:
            if self._pushed is not None:
                # after the answer that may stand before it in the same read, which wakes its task first
                asyncio.get_running_loop().call_soon(self._pushed, body)
            return
        future = self._waiting.get(number)
        if future is not None and not future.done():
            future.set_result(body)

    def connection_lost(self, exc: Exception | None) -> None:
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(errors.WriterGone())
        self.lost.set()
        if self._broke is not None:
            self._broke()


async def connect(
    path: Path, pushed: Callable[[bytes], object] | None = None, broke: Callable[[], None] | None = None
) -> Link:
    """A link to the writer. `pushed` gets what comes unasked, `broke` is called at its end. Raises WriterGone."""
    try:
        _, link = await asyncio.get_running_loop().create_unix_connection(lambda: Link(pushed, broke), str(path))
    except OSError as error:
        raise errors.WriterGone from error
    return link


class KeptLink:
    """A link that is made anew when it breaks. Requests in flight then fail; the next ones find the new link."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._link: Link | None = None
        self._keeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._link = await connect(self._path)
        self._keeper = asyncio.get_running_loop().create_task(self._keep())

    async def ask(self, request: bytes) -> bytes:
        if self._link is None:
            raise errors.WriterGone
        return await self._link.ask(request)

    def tell(self, request: bytes) -> None:
        if self._link is not None:
            self._link.tell(request)

    async def close(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        if self._link is not None:
            self._link.close()

    async def _keep(self) -> None:
        while True:
            if self._link is not None:
                await self._link.lost.wait()
            self._link = None
            log.warning("the link to the writing process broke, connecting again")
            attempt = 0
            while self._link is None:
                await asyncio.sleep(RECONNECT_SECONDS[min(attempt, len(RECONNECT_SECONDS) - 1)])
                attempt += 1
                try:
                    self._link = await connect(self._path)
                except errors.WriterGone:
                    continue


class _Client(Framed):
    """The writer's end of one link. It is the ``parts.Session`` of the subscriptions that come through it."""

    def __init__(self, dispatcher: dispatch.Dispatcher, all_clients: set[_Client]) -> None:
        super().__init__()
        self._dispatcher = dispatcher
        self._all = all_clients
        self._tasks: set[asyncio.Task[None]] = set()
        self._at_close: list[Callable[[], None]] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._all.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._all.discard(self)
        for task in self._tasks:
            task.cancel()
        for callback in self._at_close:
            callback()

    def pause_writing(self) -> None:
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        if self._transport is not None:
            self._transport.resume_reading()

    def frame(self, number: int, body: bytes) -> None:
        answer = self._dispatcher.answer(body, self)
        if isinstance(answer, bytes):
            self.write(number, answer)
            return
        task = asyncio.get_running_loop().create_task(self._later(number, answer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _later(self, number: int, answer: Coroutine[Any, Any, bytes]) -> None:
        self.write(number, await answer)

    def push(self, message: bytes) -> bool:
        transport = self._transport
        if transport is None or transport.is_closing():
            return False
        if transport.get_write_buffer_size() > PUSH_BUFFER_BYTES:
            transport.abort()
            return False
        self.write(0, message)
        return True

    def end(self, reason: str) -> None:
        self.close()

    def at_close(self, callback: Callable[[], None]) -> None:
        self._at_close.append(callback)


class LinkServer:
    """Listens for workers on a Unix socket that only this user may open."""

    def __init__(self, path: Path, dispatcher: dispatch.Dispatcher) -> None:
        self._path = path
        self._dispatcher = dispatcher
        self._clients: set[_Client] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._path.unlink(missing_ok=True)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(lambda: _Client(self._dispatcher, self._clients), str(self._path))
        self._path.chmod(0o600)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for client in list(self._clients):
            client.close()
        self._path.unlink(missing_ok=True)
