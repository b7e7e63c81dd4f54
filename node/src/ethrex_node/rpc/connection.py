"""
One HTTP/1.1 connection of the RPC: bytes to requests, answers to bytes.

Requests of a connection are answered one after the other, in order, as net/http does: what is pipelined behind one that
must be waited for is held, and reading stops meanwhile. A whole request whose head was seen before never meets the
parser (`_quick`): that is the read path of 90,000 requests a second on one core. Anything else goes through httptools.
"""

from __future__ import annotations

import asyncio
import gzip
from collections import deque
from collections.abc import Coroutine
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, cast

import httptools

from ethrex_node.rpc import heads

if TYPE_CHECKING:
    from ethrex_node.rpc.server import Server

HELD_MOST = 4096  # requests in one read: a read is at most 256 kB, a request at least 60 bytes
LINGER_SECONDS = 2


class Phase(Enum):
    """What the connection waits for, and so which time limit holds."""

    IDLE = auto()  # a request
    HEAD = auto()  # the rest of a head
    BODY = auto()  # the rest of a body
    ANSWER = auto()  # our own work
    WRITE = auto()  # the client to read
    LINGER = auto()  # the client to see that we are gone


class Connection(asyncio.Protocol):
    """Lives from accept to close. `server` holds the rules, the cache of heads, the dispatcher."""

    __slots__ = (
        "_answer",
        "_body",
        "_body_size",
        "_candidate",
        "_deaf",
        "_fed",
        "_fields",
        "_head",
        "_heads",
        "_held",
        "_midway",
        "_parser",
        "_server",
        "_target",
        "_task",
        "_transport",
        "_write",
        "_write_paused",
        "phase",
        "since",
    )

    def __init__(self, server: Server) -> None:
        self._server = server
        self._answer = server.dispatcher.answer
        self._heads = server.cache.get
        self._parser: httptools.HttpRequestParser | None = None
        self._midway = False
        self._candidate: bytes | None = None
        self._target = b""
        self._fields: list[tuple[bytes, bytes]] = []
        self._fed = 0
        self._head: heads.Head | None = None
        self._body: list[bytes] = []
        self._body_size = 0
        self._held: deque[tuple[heads.Head, bytes]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._write_paused = False
        self._deaf = False
        self.phase = Phase.IDLE
        self.since = server.now

    # the transport's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._write = self._transport.write
        if not self._server.admit(self):
            self._write(heads.refusal(503, "too many connections"))
            self._linger()

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.left(self)
        self._held.clear()
        if self._task is not None:
            self._task.cancel()

    def pause_writing(self) -> None:
        self._write_paused = True
        self._transport.pause_reading()
        self._enter(Phase.WRITE)

    def resume_writing(self) -> None:
        self._write_paused = False
        self._go_on()

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        start = 0 if self._midway else self._quick(data)
        if start < len(data):
            self._feed(data[start:] if start else data)
        if self._held and not self._transport.is_closing():
            self._transport.pause_reading()

    # whole requests with a known head

    def _quick(self, data: bytes) -> int:
        """Take whole requests with known heads off the front; give the position of what remains."""
        start, size = 0, len(data)
        self.since = self._server.now
        while start < size:
            end = data.find(b"\r\n\r\n", start) + 4
            if end == 3:
                self._candidate = None
                break
            text = data[start:end]
            head = self._heads(text)
            if head is None:
                self._candidate = text
                break
            stop = end + (head.length or 0)
            if stop > size:
                self._candidate = None
                break
            self._take(head, data[end:stop])
            start = stop
        return start

    # everything else, through the parser

    def _feed(self, data: bytes) -> None:
        while data:
            if self._parser is None:
                self._parser = httptools.HttpRequestParser(self)
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                if self._deaf:
                    return
                rest = data[upgrade.args[0] :]
                if self._head is not None:
                    self._hand_over(self._head, rest)
                    return
                data = self._without_upgrade() + rest
                self._parser, self._midway = None, False
                continue
            except httptools.HttpParserError:
                self._refuse(400, "malformed request")
            break
        if self._midway and not self._deaf and self.phase not in (Phase.ANSWER, Phase.WRITE):
            self._count(len(data))

    def _hand_over(self, head: heads.Head, rest: bytes) -> None:
        """From here on the connection speaks WebSocket, or is told why not."""
        if head.ready is not None:
            self._refuse_with(head.ready)
        elif self._held or self._task is not None:
            self._refuse(400, "upgrade behind requests that are not answered yet")
        else:
            self._server.connections.discard(self)
            self._server.upgrade(self._transport, head, rest)

    def _without_upgrade(self) -> bytes:
        """The head in hand again, with the wish that we do not grant (h2c) left out: the parser skipped its body."""
        assert self._parser is not None
        kept = [field for field in self._fields if field[0] not in (b"upgrade", b"connection")]
        lines = b"".join(b"%b: %b\r\n" % field for field in kept)
        return b"%b %b HTTP/1.1\r\n%b\r\n" % (self._parser.get_method(), self._target, lines)

    def _count(self, size: int) -> None:
        """A request is incomplete after `size` more bytes: bound its head, start its clock."""
        if self._head is not None:
            self._enter_if(Phase.BODY)
            return
        self._enter_if(Phase.HEAD)
        self._fed += size
        if self._fed > self._server.rules.limits.head_bytes:
            self._refuse(431, "request head too large")

    def on_message_begin(self) -> None:
        self._midway = True
        self._fed = 0
        self._head = None
        self._target = b""
        self._fields = []
        self._body = []
        self._body_size = 0

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        assert self._parser is not None
        if self._deaf:
            return
        raw = heads.Raw(
            self._parser.get_method(),
            self._target,
            self._parser.get_http_version(),
            self._parser.should_keep_alive(),
            self._fields,
        )
        if (
            sum(len(name) + len(value) for name, value in self._fields) + len(self._target)
            > self._server.rules.limits.head_bytes
        ):
            self._refuse(431, "request head too large")
            return
        self._head = head = self._server.judge(raw)
        if self._parser.should_upgrade():
            if not head.upgrade:
                self._head = None
            self._candidate = None
            return
        if self._candidate is not None:
            self._server.remember(self._candidate, head)
            self._candidate = None
        if head.ready is not None and not head.keep_alive and head.length != 0:
            self._refuse_with(head.ready)
        elif head.expect and not self._held and self._task is None:
            self._write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, chunk: bytes) -> None:
        if self._deaf:
            return
        self._body_size += len(chunk)
        limit = self._server.rules.limits.body_bytes
        if self._body_size > limit:
            self._refuse(413, f"content length too large (>{limit})")
            return
        self._body.append(chunk)

    def on_message_complete(self) -> None:
        self._midway = False
        if self.phase in (Phase.HEAD, Phase.BODY):
            self._enter(Phase.IDLE)
        head = self._head
        if head is None or head.upgrade or self._deaf:
            return
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self._body = []
        self._take(head, body)

    # requests to answers

    def _take(self, head: heads.Head, body: bytes) -> None:
        if self._held or self._task is not None or self._write_paused:
            self._held.append((head, body))
            if len(self._held) > HELD_MOST:
                self._refuse(400, "too many pipelined requests")
        else:
            self._serve(head, body)

    def _serve(self, head: heads.Head, body: bytes) -> None:
        if self._transport.is_closing() or self.phase is Phase.LINGER:
            return
        if head.ready is not None:
            self._write(head.ready)
            if not head.keep_alive:
                self._linger()
            return
        if head.page:
            self._wait(self._server.page(head, body), head, whole=True)
            return
        answer = self._answer(body)
        if type(answer) is bytes:
            self._send(head, answer)
        else:
            self._wait(cast("Coroutine[Any, Any, bytes]", answer), head)

    def _send(self, head: heads.Head, answer: bytes) -> None:
        size = len(answer)
        limits = self._server.rules.limits
        if head.gzip and size > limits.gzip_bytes:
            if size > limits.gzip_inline_bytes:
                self._wait(asyncio.to_thread(_compressed, head, answer), head, whole=True)
                return
            self._write(_compressed(head, answer))
        else:
            self._write(b"%b%d\r\n\r\n%b" % (head.prefix, size, answer))
        if not head.keep_alive or self._server.closing:
            self._transport.close()

    def _wait(self, work: Coroutine[Any, Any, bytes], head: heads.Head, *, whole: bool = False) -> None:
        """Answer later. `whole`: the work gives a response, not only its body."""
        self._enter(Phase.ANSWER)
        self._task = self._server.loop.create_task(self._finish(work, head, whole))
        self._task.add_done_callback(lambda _: work.close())  # where the task ended before its first step

    async def _finish(self, work: Coroutine[Any, Any, bytes], head: heads.Head, whole: bool) -> None:
        try:
            answer = await work
        finally:
            self._task = None
        if self._transport.is_closing():
            return
        self._enter(Phase.IDLE)
        if whole:
            self._write(answer)
            if not head.keep_alive or self._server.closing:
                self._transport.close()
        else:
            self._send(head, answer)
        self._go_on()

    def _go_on(self) -> None:
        """Serve what was held, until something must be waited for again."""
        while self._held and self._task is None and not self._write_paused and not self._transport.is_closing():
            self._serve(*self._held.popleft())
        if self._held or self._task is not None or self._write_paused or self._transport.is_closing():
            return
        if self.phase is not Phase.LINGER:
            self._enter(Phase.HEAD if self._midway else Phase.IDLE)
        self._transport.resume_reading()

    # ends

    def _refuse(self, status: int, reason: str) -> None:
        self._refuse_with(heads.refusal(status, reason))

    def _refuse_with(self, response: bytes) -> None:
        """Say why, after the answers that are still owed, and go. Nothing more is read."""
        if not self._deaf:
            self._deaf = True
            self._take(heads.Head(b"", b"", 0, False, False, b"", ready=response), b"")

    def _linger(self) -> None:
        """Half-close and swallow what still comes: a close on unread bytes is a reset and loses the answer."""
        self._deaf = True
        self._enter(Phase.LINGER)
        if self._transport.is_closing():
            return
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self._transport.resume_reading()

    def _enter(self, phase: Phase) -> None:
        self.phase, self.since = phase, self._server.now

    def _enter_if(self, phase: Phase) -> None:
        if self.phase is not phase:
            self._enter(phase)

    def sweep(self, now: float) -> None:
        """Called each second: is the other side too slow?"""
        limits = self._server.rules.limits
        age = now - self.since
        if self.phase is Phase.IDLE and age > limits.idle_seconds:
            self._transport.close()
        elif self.phase is Phase.HEAD and age > limits.head_seconds:
            self._refuse(408, "request head took too long")
        elif self.phase is Phase.BODY and age > limits.body_seconds:
            self._refuse(408, "request body took too long")
        elif (self.phase is Phase.WRITE and age > limits.write_seconds) or (
            self.phase is Phase.LINGER and age > LINGER_SECONDS
        ):
            self._transport.abort()

    def stop(self) -> bool:
        """End now if nothing is owed; else after the answer in hand. True: ended."""
        if self.phase in (Phase.ANSWER, Phase.WRITE):
            return False
        self._transport.close()
        return True

    def abort(self) -> None:
        self._transport.abort()


def _compressed(head: heads.Head, answer: bytes) -> bytes:
    """A whole response with a gzip body. Level 1: a tenth of the time of level 6 for four fifths of its gain."""
    packed = gzip.compress(answer, compresslevel=1, mtime=0)
    prefix = head.prefix.removesuffix(b"content-length: ")
    return b"%bcontent-encoding: gzip\r\nvary: accept-encoding\r\ncontent-length: %d\r\n\r\n%b" % (
        prefix,
        len(packed),
        packed,
    )
