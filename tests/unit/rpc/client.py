"""
A blunt HTTP client: sends the bytes it is told to, reads one response after the other.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

TIMEOUT_SECONDS = 10


@dataclass
class Response:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return orjson.loads(self.body)


@dataclass
class Http:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def connect(cls, port: int) -> Http:
        http = cls(*await asyncio.open_connection("127.0.0.1", port, limit=1 << 26))
        OPEN.append(http)
        return http

    def send(self, raw: bytes) -> None:
        self.writer.write(raw)

    async def receive(self, *, head: bool = False) -> Response:
        text = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), TIMEOUT_SECONDS)
        first, *lines = text.decode("latin-1").strip().split("\r\n")
        headers = {key.lower(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
        size = 0 if head else int(headers.get("content-length", 0))
        body = await asyncio.wait_for(self.reader.readexactly(size), TIMEOUT_SECONDS)
        if headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        return Response(int(first.split()[1]), headers, body)

    async def post(self, body: bytes, **headers: str) -> Response:
        self.send(request(body, **headers))
        return await self.receive()

    async def call(self, method: str, *params: Any) -> Any:
        """The whole answer."""
        return (await self.post(rpc(method, *params))).json()

    async def result(self, method: str, *params: Any) -> Any:
        answer = await self.call(method, *params)
        assert "result" in answer, answer
        return answer["result"]

    async def closed(self) -> bytes:
        """What comes before the server closes."""
        return await asyncio.wait_for(self.reader.read(-1), TIMEOUT_SECONDS)

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()


OPEN: list[Http] = []  # what a test opened and its fixture closes


async def close_all() -> None:
    while OPEN:
        await OPEN.pop().close()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition that has no event of its own."""
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while not condition():
            await asyncio.sleep(0.01)


def rpc(method: str, *params: Any, id: Any = 1) -> bytes:
    return orjson.dumps({"jsonrpc": "2.0", "id": id, "method": method, "params": list(params)})


def request(body: bytes, method: str = "POST", path: str = "/", **headers: str) -> bytes:
    """A whole request; header names with _ for -."""
    lines = {"host": "localhost", "content-type": "application/json", "content-length": str(len(body))}
    lines.update({key.replace("_", "-").lower(): value for key, value in headers.items()})
    text = "".join(f"{key}: {value}\r\n" for key, value in lines.items() if value)
    return f"{method} {path} HTTP/1.1\r\n{text}\r\n".encode() + body
