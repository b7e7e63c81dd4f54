"""An L1 node that misbehaves: it passes requests on to a real one and does to them, or to the answers, what a test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web

Change = Callable[[str, list[Any], Any], Any]  # method, params, result -> result


class Proxy:
    """`change` edits results; `silent` methods are passed on and never answered, `deaf` ones not passed on; `down` answers 503."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.change: Change | None = None
        self.silent: set[str] = set()
        self.deaf: set[str] = set()
        self.down = False
        self.raw_answer: bytes | None = None
        self.asked: list[str] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        call = await request.json()
        method, params = call["method"], call["params"]
        self.asked.append(method)
        if self.down or method in self.deaf:
            return web.Response(status=503, text="gone")
        if self.raw_answer is not None:
            return web.Response(body=self.raw_answer)
        async with aiohttp.ClientSession() as session, session.post(self.target, json=call) as response:
            answer = await response.json()
        if method in self.silent:
            await asyncio.Event().wait()
        if self.change is not None and "result" in answer:
            answer["result"] = self.change(method, params, answer["result"])
        return web.json_response(answer)


@asynccontextmanager
async def proxies(target: str, count: int) -> AsyncIterator[list[Proxy]]:
    runners, made = [], []
    for _ in range(count):
        proxy = Proxy(target)
        application = web.Application()
        application.router.add_post("/", proxy.handle)
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        proxy.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        runners.append(runner)
        made.append(proxy)
    yield made
    for runner in runners:
        await runner.cleanup()
