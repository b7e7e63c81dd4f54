"""Nothing is written by a process that no longer leads, and nothing is sent by one that has ended."""

from __future__ import annotations

import asyncio
import socket

import pytest
from aiohttp import web
from kubernetes.aio import client as official

from ethrex_operator.kube import errors, kinds
from ethrex_operator.kube.client import Kube


class AskedStandIn:
    """An API server that answers everything and remembers the verbs."""

    def __init__(self) -> None:
        self.verbs: list[str] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.verbs.append(request.method)
        return web.json_response({"kind": "Status", "metadata": {}})

    async def start(self) -> tuple[web.AppRunner, str]:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.answer)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return runner, f"http://127.0.0.1:{runner.addresses[0][1]}"


async def test_a_process_that_leads_no_more_reads_and_writes_nothing() -> None:
    server, left = AskedStandIn(), [10.0]
    runner, url = await server.start()
    kube = Kube(official.Configuration(host=url), lambda: left[0])
    wanted = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a", "namespace": "b"}}
    try:
        await kube.apply(wanted)
        left[0] = 0.0
        await kube.get(kinds.SERVICE, "b", "a")
        for write in (kube.apply(wanted), kube.create(wanted), kube.replace(wanted), kube.delete(kinds.POD, "b", "a")):
            with pytest.raises(errors.Fenced):
                await write
    finally:
        await kube.close()
        await runner.cleanup()

    assert server.verbs == ["PATCH", "GET"]


async def test_what_is_not_sent_when_a_connection_is_closed_is_never_sent() -> None:
    """A server that reads only when the one who wrote is gone: with a plain socket it would get all of it."""
    gone, read = asyncio.Event(), asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await gone.wait()
        try:
            read.set_result(len(await reader.read(-1)))
        except ConnectionResetError:
            read.set_result("reset")
        writer.close()

    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    narrow.bind(("127.0.0.1", 0))
    server = await asyncio.start_server(serve, sock=narrow)
    kube = Kube(official.Configuration(host=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"), lambda: 0.5)
    wanted = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "a", "namespace": "b"},
        "data": "x" * 900_000,
    }
    with pytest.raises(errors.Away):
        await kube.apply(wanted)
    await kube.close()
    gone.set()

    assert await asyncio.wait_for(read, 10) == "reset"
    server.close()
