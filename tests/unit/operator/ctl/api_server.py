"""
An API server as `ethrexctl` meets it: objects that were put in, logs, dry runs, and ports of pods by WebSocket.

It speaks HTTP as the real one does, but knows no schema and no rights beyond the namespaces that it closes; what the real one says
is asked in ``tests/e2e/test_kubectl_ethrex.py``.
"""

from __future__ import annotations

import asyncio
import copy
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from aiohttp import WSMsgType, web

from ethrex_operator.kube import kinds

Object = dict[str, Any]
PLURALS = {kind.plural: kind for kind in (*kinds.OURS.values(), *kinds.CHILDREN, kinds.POD, kinds.EVENT)}


class ApiServer:
    def __init__(self) -> None:
        self.objects: dict[tuple[str, str, str], Object] = {}  # plural, namespace, name
        self.logs: dict[tuple[str, str], str] = {}  # pod, container
        self.pages: dict[tuple[str, int], bytes] = {}  # what a GET of a pod's port gives
        self.closed: set[str] = set()  # namespaces that the user may not see
        self.changes: list[str] = []  # requests that were no dry run and no reading
        self.url = ""

    def put(self, given: Object) -> None:
        kind = kinds.of(given)
        metadata = {"namespace": "team", "uid": f"uid-{len(self.objects)}", "generation": 1, "labels": {}}
        stored = copy.deepcopy(given) | {"metadata": metadata | {"creationTimestamp": "2026-01-01T00:00:00Z"}}
        stored["metadata"] |= copy.deepcopy(given["metadata"])
        self.objects[kind.plural, stored["metadata"]["namespace"], stored["metadata"]["name"]] = stored

    async def answer(self, request: web.Request) -> web.StreamResponse:
        words = request.path.strip("/").split("/")
        if "namespaces" not in words:
            return _status(404, "not found")
        namespace, plural, *rest = words[words.index("namespaces") + 1 :]
        if namespace in self.closed:
            return _status(403, f"{plural} is forbidden in {namespace}")
        if plural not in PLURALS:
            return _status(403, f"{plural} is forbidden to this test")
        if rest[1:] == ["log"]:
            text = self.logs.get((rest[0], request.query.get("container", "")))
            return _status(400, "no such container") if text is None else web.Response(text=text)
        if rest[1:] == ["portforward"]:
            return await self._forwarded(request, rest[0], int(request.query["ports"]))
        if not rest:
            return web.json_response(
                {"metadata": {"resourceVersion": "1"}, "items": self._listed(request, plural, namespace)}
            )
        return await self._one(request, plural, namespace, rest[0])

    def _listed(self, request: web.Request, plural: str, namespace: str) -> list[Object]:
        asked = dict(one.split("=") for one in request.query.get("labelSelector", "").split(",") if one)
        return [
            {name: value for name, value in one.items() if name not in ("kind", "apiVersion")}
            for (kind, space, _), one in self.objects.items()
            if (kind, space) == (plural, namespace) and asked.items() <= one["metadata"]["labels"].items()
        ]

    async def _one(self, request: web.Request, plural: str, namespace: str, name: str) -> web.Response:
        found = self.objects.get((plural, namespace, name))
        applies = request.content_type == "application/apply-patch+yaml"
        if found is None and not (request.method == "PATCH" and applies):
            return _status(404, f'{plural} "{name}" not found')
        if request.method == "PATCH":
            patch = await request.json()
            if patch.get("spec", {}).get("chainId") == "refused":
                return _status(422, "spec.chainId: Invalid value")
            found = _merged(found or {}, patch)
            if request.query.get("dryRun") != "All":
                self.changes.append(f"{request.method} {request.path}")
                self.objects[plural, namespace, name] = found
        return web.json_response(found)

    async def _forwarded(self, request: web.Request, pod: str, port: int) -> web.WebSocketResponse:
        """As the kubelet does: both channels begin with the number of the port."""
        opened = web.WebSocketResponse(protocols=("v4.channel.k8s.io",))
        await opened.prepare(request)
        number = port.to_bytes(2, "little")
        await opened.send_bytes(b"\0" + number)
        await opened.send_bytes(b"\1" + number)
        page = self.pages.get((pod, port))
        async for message in opened:
            if message.type is not WSMsgType.BINARY or message.data[:1] != b"\0":
                continue
            if page is None:
                await opened.send_bytes(b"\1" + b"connection refused")
            else:
                head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(page)}\r\nConnection: close\r\n\r\n".encode()
                await opened.send_bytes(b"\0" + head + page)
            await opened.close()
        return opened


def _status(code: int, message: str) -> web.Response:
    return web.json_response({"kind": "Status", "code": code, "message": message}, status=code)


def _merged(before: Any, patch: Object) -> Object:
    """A merge patch."""
    found = dict(before) if isinstance(before, dict) else {}
    for name, value in patch.items():
        if value is None:
            found.pop(name, None)
        else:
            found[name] = _merged(found.get(name), value) if isinstance(value, dict) else value
    return found


@contextmanager
def serving() -> Iterator[ApiServer]:
    server, started = ApiServer(), threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", server.answer)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        server.url = site.name if not site.name.endswith(":0") else f"http://127.0.0.1:{runner.addresses[0][1]}"
        started.set()
        await stop.wait()
        await runner.cleanup()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    started.wait()
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


def kubeconfig(path: Path, url: str, *, namespace: str = "team", current: str = "here") -> Path:
    """Of a user without a password."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": current,
        "clusters": [{"name": "stand-in", "cluster": {"server": url}}],
        "users": [{"name": "me", "user": {}}],
        "contexts": [
            {"name": "here", "context": {"cluster": "stand-in", "user": "me", "namespace": namespace}},
            {"name": "plain", "context": {"cluster": "stand-in", "user": "me"}},
        ],
    }
    path.write_text(yaml.safe_dump(config))
    return path
