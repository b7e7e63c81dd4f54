"""
JSON-RPC over WebSocket, on the port of its HTTP door.

Frames, masks, fragments and close codes are the ``websockets`` package's (its sans-I/O core); this module joins it to
the dispatcher: messages are answered in order, subscriptions are pushed between them, a client that does not read
what it subscribed to is told why and dropped.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Final

from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from ethrex_node.rpc import dispatch, heads, settings

HELD_MOST: Final = 256  # messages that wait behind one that takes time; beyond, reading stops
PUSH_BUFFER_BYTES: Final = 16 * 1024 * 1024  # what the transport may owe a subscriber


class WebSocket(asyncio.Protocol):
    """One connection, from the upgrade to the close. It is the ``parts.Session`` of its subscriptions."""

    def __init__(
        self, dispatcher: dispatch.Dispatcher, limits: settings.Limits, left: Callable[[WebSocket], None]
    ) -> None:
        self._dispatcher = dispatcher
        self._limits = limits
        self._left = left
        self._codec = ServerProtocol(max_size=limits.message_bytes)
        self._fragments: list[bytes] = []
        self._held: deque[bytes] = deque()
        self._task: asyncio.Task[None] | None = None
        self._at_close: list[Callable[[], None]] = []
        self._owed = 0
        self._paused = False
        self._gone = False
        self._asked_at = self._heard_at = 0.0

    def take_over(self, transport: asyncio.Transport, head: heads.Head, rest: bytes) -> None:
        """Answer the handshake on `transport`. `rest` came behind the head already."""
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._heard_at = self._loop.time()
        transport.set_protocol(self)
        transport.resume_reading()
        lines = b"".join(b"%b: %b\r\n" % field for field in head.headers)
        self._codec.receive_data(b"%b %b HTTP/1.1\r\n%b\r\n" % (head.method, head.target, lines))
        request = next((event for event in self._codec.events_received() if isinstance(event, Request)), None)
        if request is None:
            transport.write(heads.refusal(400, "bad handshake"))
            transport.close()
            return
        self._codec.send_response(self._codec.accept(request))
        self._flush()
        if rest:
            self.data_received(rest)

    # the transport's side

    def data_received(self, data: bytes) -> None:
        self._heard_at = self._loop.time()
        self._codec.receive_data(data)
        for event in self._codec.events_received():
            if isinstance(event, Frame):
                self._frame(event)
        self._flush()

    def eof_received(self) -> None:
        self._codec.receive_eof()
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone = True
        if self._task is not None:
            self._task.cancel()
        for callback in self._at_close:
            callback()
        self._at_close.clear()
        self._left(self)

    def pause_writing(self) -> None:
        self._paused = True
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._paused = False
        self._owed = 0
        self._go_on()

    # messages

    def _frame(self, frame: Frame) -> None:
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            self._fragments.append(bytes(frame.data))
            if frame.fin:
                message = self._fragments[0] if len(self._fragments) == 1 else b"".join(self._fragments)
                self._fragments = []
                self._held.append(message)
                if len(self._held) > HELD_MOST:
                    self._transport.pause_reading()
                self._go_on()

    def _go_on(self) -> None:
        while self._held and self._task is None and not self._paused and not self._gone:
            answer = self._dispatcher.answer(self._held.popleft(), self)
            if isinstance(answer, bytes):
                self._send(answer)
            else:
                self._task = self._loop.create_task(self._later(answer))
        if not self._paused and len(self._held) <= HELD_MOST and not self._gone:
            self._transport.resume_reading()

    async def _later(self, answer: Coroutine[Any, Any, bytes]) -> None:
        try:
            self._send(await answer)
        finally:
            self._task = None
        self._go_on()

    def _send(self, message: bytes) -> None:
        if message and not self._gone and self._codec.state is State.OPEN:
            self._codec.send_text(message)
            self._flush()

    def _flush(self) -> None:
        chunks = self._codec.data_to_send()
        for chunk in chunks:
            if chunk:
                self._transport.write(chunk)
            elif self._transport.can_write_eof():
                self._transport.write_eof()
        if self._codec.state is not State.OPEN and self._codec.close_expected():
            self._loop.call_later(1.0, self._transport.close)

    # parts.Session

    def push(self, message: bytes) -> bool:
        if self._gone:
            return False
        if self._paused:
            self._owed += 1
        if self._owed > self._limits.subscription_queue or self._transport.get_write_buffer_size() > PUSH_BUFFER_BYTES:
            self._close(CloseCode.POLICY_VIOLATION, "subscriber reads too slowly")
            self._loop.call_later(1.0, self._transport.abort)
            return False
        self._send(message)
        return True

    def end(self, reason: str) -> None:
        if not self._gone:
            self._close(CloseCode.TRY_AGAIN_LATER, reason)
            self._loop.call_later(1.0, self._transport.close)

    def at_close(self, callback: Callable[[], None]) -> None:
        self._at_close.append(callback)

    # ends

    def _close(self, code: int, reason: str) -> None:
        if self._codec.state is State.OPEN:
            self._codec.send_close(code, reason)
            self._flush()

    def sweep(self, now: float) -> None:
        """Ping a silent client; drop one that does not answer for two rounds."""
        silent = now - self._heard_at
        if silent > 2 * self._limits.ping_seconds:
            self._transport.abort()
        elif silent > self._limits.ping_seconds and now - self._asked_at > self._limits.ping_seconds:
            self._asked_at = now
            if self._codec.state is State.OPEN:
                self._codec.send_ping(b"")
                self._flush()

    def stop(self) -> bool:
        self._close(CloseCode.GOING_AWAY, "server stops")
        self._loop.call_later(1.0, self._transport.close)
        return False

    def abort(self) -> None:
        self._transport.abort()
