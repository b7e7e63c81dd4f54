"""
JSON-RPC over a Unix socket, as geth's IPC: requests follow each other as bare JSON, each answer ends with a line break.

The socket is its owner's alone (mode 0600), which is why it serves every namespace. Messages of a connection are answered
in order; subscriptions are pushed between them. The workers' own socket is ``link``: it has frames.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import socket
import stat
from collections import deque
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final, cast

from ethrex_node.rpc import dispatch, errors, settings, wire

HELD_MOST: Final = 256  # messages that wait behind one that takes time; beyond, reading stops
PUSH_BUFFER_BYTES: Final = 16 * 1024 * 1024  # what the transport may owe a subscriber
OUTSIDE: Final = re.compile(rb'["{}\[\]]')
INSIDE: Final = re.compile(rb'["\\]')  # of a text
BLANK: Final = b" \t\r\n"


class NotJson(Exception):
    """What comes is no object or array, or is too long."""


class Splitter:
    """Cuts a stream into objects and arrays. Looks at each byte once, however it comes."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._buffer = bytearray()
        self._at = 0
        self._depth = 0
        self._in_text = False

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that `data` completes. Raises NotJson: nothing that follows can be understood."""
        self._buffer += data
        whole: list[bytes] = []
        while (end := self._end()) is not None:
            whole.append(bytes(self._buffer[:end]))
            del self._buffer[:end]
            self._at = 0
        if len(self._buffer) > self._most:
            raise NotJson(f"a message has more than {self._most} bytes")
        return whole

    def _end(self) -> int | None:
        """Where the message at the start of the buffer ends."""
        if self._depth == 0:
            self._begin()
        while True:
            found = (INSIDE if self._in_text else OUTSIDE).search(self._buffer, self._at)
            if found is None:
                self._at = len(self._buffer)
                return None
            sign = found[0]
            if sign == b"\\":
                if found.end() == len(self._buffer):
                    self._at = found.start()  # what it escapes is still to come
                    return None
                self._at = found.end() + 1
                continue
            self._at = found.end()
            if sign == b'"':
                self._in_text = not self._in_text
            elif sign in (b"{", b"["):
                self._depth += 1
            else:
                self._depth -= 1
                if self._depth == 0:
                    return self._at

    def _begin(self) -> None:
        blank = len(self._buffer) - len(self._buffer.lstrip(BLANK))
        del self._buffer[:blank]
        if self._buffer and not self._buffer.startswith((b"{", b"[")):
            raise NotJson("a message is an object or an array")


class Connection(asyncio.Protocol):
    """One client. It is the ``parts.Session`` of its subscriptions."""

    def __init__(self, server: SocketServer) -> None:
        self._server = server
        self._splitter = Splitter(server.limits.message_bytes)
        self._held: deque[bytes] = deque()
        self._task: asyncio.Task[None] | None = None
        self._at_close: list[Callable[[], None]] = []
        self._ending = False
        self._paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._server.connections.add(self)
        if len(self._server.connections) > self._server.limits.connections:
            self.end("too many connections")

    def connection_lost(self, exc: Exception | None) -> None:
        self._ending = True
        self._server.left(self)
        if self._task is not None:
            self._task.cancel()
        for callback in self._at_close:
            callback()
        self._at_close.clear()

    def data_received(self, data: bytes) -> None:
        if self._ending:
            return
        try:
            self._held.extend(self._splitter.feed(data))
        except NotJson as error:
            self._send(wire.failure(wire.NULL, errors.ParseError(str(error))))
            self.end(str(error))
            return
        if len(self._held) > HELD_MOST:
            self._transport.pause_reading()
        self._go_on()

    def pause_writing(self) -> None:
        self._paused = True
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._paused = False
        self._go_on()

    def _go_on(self) -> None:
        while self._held and self._task is None and not self._paused and not self._ending:
            answer = self._server.dispatcher.answer(self._held.popleft(), self)
            if isinstance(answer, bytes):
                self._send(answer)
            else:
                self._task = asyncio.get_running_loop().create_task(self._later(answer))
        if self._server.closing and self._task is None:
            self.end("the node stops")
        elif not self._paused and len(self._held) <= HELD_MOST and not self._ending:
            self._transport.resume_reading()

    async def _later(self, answer: Coroutine[Any, Any, bytes]) -> None:
        try:
            self._send(await answer)
        finally:
            self._task = None
        self._go_on()

    def _send(self, message: bytes) -> None:
        if message and not self._transport.is_closing():
            self._transport.write(message + b"\n")

    # parts.Session

    def push(self, message: bytes) -> bool:
        if self._ending:
            return False
        if self._transport.get_write_buffer_size() > PUSH_BUFFER_BYTES:
            self._transport.abort()
            return False
        self._send(message)
        return True

    def end(self, reason: str) -> None:
        self._ending = True
        self._transport.close()

    def at_close(self, callback: Callable[[], None]) -> None:
        self._at_close.append(callback)

    def stop(self) -> None:
        """Finish what is in hand, then close."""
        self._held.clear()
        if self._task is None:
            self.end("the node stops")

    def abort(self) -> None:
        self._transport.abort()


class SocketServer:
    """Listens from `start` to `stop`."""

    def __init__(self, path: Path, dispatcher: dispatch.Dispatcher, limits: settings.Limits) -> None:
        self.path = path
        self.dispatcher = dispatcher
        self.limits = limits
        self.connections: set[Connection] = set()
        self.closing = False
        self._gone = asyncio.Event()
        self._listener: asyncio.Server | None = None

    async def start(self) -> None:
        """Bind and serve. Raises OSError: somebody listens there, it is no socket, the path is too long."""
        _clear(self.path)
        bound = _bind(self.path)
        self._listener = await asyncio.get_running_loop().create_unix_server(lambda: Connection(self), sock=bound)

    async def stop(self, grace_seconds: float = 5.0) -> None:
        """Take nothing new, finish what is in hand, cut off what is not done within the grace."""
        self.closing = True
        if self._listener is None:
            return
        self._listener.close()
        self.path.unlink(missing_ok=True)
        for one in list(self.connections):
            one.stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_seconds):
                while self.connections:
                    self._gone.clear()
                    await self._gone.wait()
        for one in list(self.connections):
            one.abort()

    def left(self, one: Connection) -> None:
        self.connections.discard(one)
        self._gone.set()


def _clear(path: Path) -> None:
    """Take away the socket of a process that died; refuse to touch anything else."""
    try:
        kind = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(kind):
        raise OSError(f"{path} is there already and is no socket")
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
    raise OSError(f"somebody listens on {path} already: another node, or choose another --ipc.path")


def _bind(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)  # nobody else shall come in between binding and chmod
    try:
        listener.bind(str(path))
    except OSError as error:
        listener.close()
        raise OSError(f"--ipc.path {path}: {error}") from error
    finally:
        os.umask(before)
    listener.setblocking(False)
    return listener
