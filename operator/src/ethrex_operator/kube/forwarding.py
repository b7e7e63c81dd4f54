"""
A port of a pod as a port of this machine, as `kubectl port-forward` does it: through the API server and the kubelet, so that it
needs no way to the pod's network, and no NetworkPolicy stands in between.

Each connection is a WebSocket of its own (``v4.channel.k8s.io``): channel 0 carries the bytes, channel 1 what went wrong; the
first message of each is the port's number.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Final

import aiohttp

from . import errors
from .client import Kube
from .kinds import POD

log = logging.getLogger(__name__)

PROTOCOL: Final = "v4.channel.k8s.io"
DATA: Final = 0
GREETINGS: Final = 2  # the first messages, which only say the number of the port
CHUNK: Final = 64 << 10
LOOPBACK: Final = "127.0.0.1"


@contextlib.asynccontextmanager
async def forward(kube: Kube, namespace: str, pod: str, port: int) -> AsyncIterator[str]:
    """The URL here by which it is reached. Raises `KubeError` where the API server does not let us."""
    path = f"{POD.path(namespace, pod)}/portforward"
    asked = {"ports": str(port)}
    async with kube.socket(path, asked, PROTOCOL):
        pass  # whoever may not, hears it here and not as a connection that is closed
    busy: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        busy.add(task)
        try:
            async with kube.socket(path, asked, PROTOCOL) as opened:
                await _joined(opened, reader, writer)
        except errors.KubeError as error:
            log.warning("%s", error)
        finally:
            busy.discard(task)
            writer.close()

    server = await asyncio.start_server(connected, LOOPBACK, 0)
    try:
        yield f"http://{LOOPBACK}:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in busy:
            task.cancel()
        await asyncio.gather(*busy, return_exceptions=True)


async def _joined(
    opened: aiohttp.ClientWebSocketResponse, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Until one of both sides has closed."""
    ways = {asyncio.create_task(_out(opened, reader)), asyncio.create_task(_in(opened, writer))}
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)


async def _out(opened: aiohttp.ClientWebSocketResponse, reader: asyncio.StreamReader) -> None:
    while chunk := await reader.read(CHUNK):
        await opened.send_bytes(bytes((DATA,)) + chunk)


async def _in(opened: aiohttp.ClientWebSocketResponse, writer: asyncio.StreamWriter) -> None:
    greetings = 0
    async for message in opened:
        if message.type is not aiohttp.WSMsgType.BINARY or not message.data:
            continue
        channel, content = message.data[0], message.data[1:]
        if greetings < GREETINGS:
            greetings += 1
        elif channel == DATA:
            writer.write(content)
            await writer.drain()
        elif content:
            log.warning("%s", content.decode(errors="replace").strip())
