"""
The API server, as little as is needed of it: server-side apply, get, list, delete, watch; for people also logs and sockets.

Objects are plain dictionaries. Addresses, certificates and tokens come out of a kubeconfig or of the pod, by the official
client's loader, which also renews the pod's token; the requests are our own, over one session of aiohttp.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
import struct
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
import orjson
from kubernetes.aio import client as official
from kubernetes.aio import config

from .. import tracing
from . import errors, kinds
from .kinds import Kind

MANAGER: Final = "ethrex-operator"
AGENT: Final = "ethrex-operator"
SECONDS: Final = 10.0
WATCH_SECONDS: Final = 300  # the server ends a watch by itself then, and it is begun again
SILENCE_SECONDS: Final = 90.0  # bookmarks come each minute: a watch that says less is dead
PAGE: Final = 100
LINE_BYTES: Final = 1 << 20  # an object is a line of a watch, and a pod may be long
METADATA_LIST: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
METADATA: Final = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"

Object = dict[str, Any]


@dataclass(slots=True)
class Counts:
    """Requests by verb, for metrics."""

    requests: dict[str, int] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)


class Kube:
    """From `connect` to `close`. It writes for as long as `may_write` has seconds left, asked at each write."""

    def __init__(
        self, configuration: official.Configuration, may_write: Callable[[], float] = lambda: math.inf
    ) -> None:
        self._configuration, self._may_write = configuration, may_write
        self._api = official.ApiClient(configuration)
        self._session: aiohttp.ClientSession | None = None
        self.counts = Counts()
        self.tracing = tracing.OFF

    @classmethod
    async def connect(
        cls,
        kubeconfig: Path | None = None,
        context: str | None = None,
        *,
        may_write: Callable[[], float] = lambda: math.inf,
    ) -> Kube:
        """By a kubeconfig, or as the pod that this runs in. Raises `KubeError`."""
        configuration = official.Configuration()
        try:
            if kubeconfig is not None:
                await config.load_kube_config(str(kubeconfig), context=context, client_configuration=configuration)
            else:
                config.load_incluster_config(client_configuration=configuration)
        except (config.ConfigException, OSError) as error:
            raise errors.Refused(f"no way to an API server: {error}") from error
        return cls(configuration, may_write)

    @classmethod
    async def of_user(cls, kubeconfig: str, context: str | None = None) -> Kube:
        """As somebody at a terminal, by one or several files (joined by colons) and the context in them. Raises `KubeError`."""
        configuration = official.Configuration()
        try:
            await config.load_kube_config(kubeconfig, context=context, client_configuration=configuration)
        except (config.ConfigException, OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise errors.Refused(f"{kubeconfig}: no way to an API server: {error}") from error
        return cls(configuration)

    @property
    def host(self) -> str:
        return str(self._configuration.host)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
        await self._api.close()

    async def apply(
        self, wanted: Object, *, manager: str = MANAGER, force: bool = True, status: bool = False, dry_run: bool = False
    ) -> Object:
        """Server-side apply of the fields that `wanted` has, and of no others. Raises `KubeError`."""
        path = _path_of(wanted) + ("/status" if status else "")
        asked = {"fieldManager": manager, "force": str(force).lower()} | ({"dryRun": "All"} if dry_run else {})
        return await self.request("PATCH", path, wanted, asked, content="application/apply-patch+yaml")

    async def get(self, kind: Kind, namespace: str, name: str) -> Object:
        """Raises `NotFound` and other `KubeError`s."""
        return await self.request("GET", kind.path(namespace, name))

    async def find(self, kind: Kind, namespace: str, name: str) -> Object | None:
        try:
            return await self.get(kind, namespace, name)
        except errors.NotFound:
            return None

    async def pages(
        self, kind: Kind, namespace: str | None, labels: Mapping[str, str] | None = None, *, metadata: bool = False
    ) -> AsyncIterator[tuple[list[Object], str]]:
        """All of them page by page, of which only one is in memory; and the version to watch from. Raises `KubeError`."""
        asked = {"limit": str(PAGE)} | _selected(labels)
        accept = METADATA_LIST if metadata else "application/json"
        while True:
            page = await self.request("GET", kind.path(namespace), asked=asked, accept=accept)
            proceed, version = page["metadata"].get("continue"), page["metadata"]["resourceVersion"]
            yield page.get("items") or [], version
            if not proceed:
                return
            asked = asked | {"continue": proceed}

    async def list(
        self, kind: Kind, namespace: str | None, labels: Mapping[str, str] | None = None
    ) -> tuple[list[Object], str]:
        """As `pages`, in one."""
        pages = [one async for one in self.pages(kind, namespace, labels)]
        return [each for page, _ in pages for each in page], pages[-1][1]

    async def create(self, wanted: Object) -> Object:
        """Raises `Conflict` where it exists, and other `KubeError`s."""
        kind = kinds.of(wanted)
        return await self.request("POST", kind.path(wanted["metadata"]["namespace"]), wanted, {"fieldManager": MANAGER})

    async def replace(self, wanted: Object) -> Object:
        """With the resource version that was read: raises `Conflict` where somebody was faster."""
        return await self.request("PUT", _path_of(wanted), wanted, {"fieldManager": MANAGER})

    async def delete(self, kind: Kind, namespace: str, name: str, *, uid: str | None = None) -> None:
        """Its children go behind it. Nothing where it is gone already, or another of its name is there."""
        body: Object = {"propagationPolicy": "Background"}
        if uid is not None:
            body["preconditions"] = {"uid": uid}
        try:
            await self.request("DELETE", kind.path(namespace, name), body)
        except (errors.NotFound, errors.Conflict):
            return

    async def watch(
        self,
        kind: Kind,
        namespace: str | None,
        version: str,
        labels: Mapping[str, str] | None = None,
        *,
        whole: bool = False,
    ) -> AsyncIterator[tuple[str, Object]]:
        """
        What happens after `version` to objects, or to their metadata unless `whole`: ADDED, MODIFIED, DELETED, and BOOKMARK.

        Ends when the server ends it, raises `Gone` where `version` is too old, and `Away`, also for silence.
        """
        asked = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(WATCH_SECONDS),
        } | _selected(labels)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=SECONDS, sock_read=SILENCE_SECONDS)
        accept = "application/json" if whole else METADATA
        headers = await self._headers("GET", kind.path(namespace), accept, None)
        try:
            async with self._open().get(
                self.host + kind.path(namespace),
                params=asked,
                headers=headers,
                timeout=timeout,
                read_bufsize=LINE_BYTES,
            ) as answer:
                if answer.status != 200:
                    raise errors.of(answer.status, await answer.text())
                async for line in answer.content:
                    event = orjson.loads(line)
                    if event["type"] == "ERROR":
                        raise errors.of(int(event["object"].get("code", 500)), str(event["object"].get("message")))
                    yield event["type"], event["object"]
        except (TimeoutError, aiohttp.ClientError, OSError, orjson.JSONDecodeError) as error:
            raise errors.Away(f"a watch of {kind.plural} broke: {error or type(error).__name__}") from error

    async def request(
        self,
        verb: str,
        path: str,
        body: Object | None = None,
        asked: Mapping[str, str] | None = None,
        *,
        content: str = "application/json",
        accept: str = "application/json",
        seconds: float = SECONDS,
    ) -> Object:
        """Raises `KubeError`."""
        if verb != "GET":
            seconds = min(seconds, self._may_write())
            if seconds <= 0:
                raise errors.Fenced(f"{verb} {path}: this process no longer leads")
        with self.tracing.call(verb, path):
            return await self._request(verb, path, body, asked, content, accept, seconds)

    async def _request(
        self,
        verb: str,
        path: str,
        body: Object | None,
        asked: Mapping[str, str] | None,
        content: str,
        accept: str,
        seconds: float,
    ) -> Object:
        self.counts.requests[verb] = self.counts.requests.get(verb, 0) + 1
        headers = await self._headers(verb, path, accept, content if body is not None else None)
        data = None if body is None else orjson.dumps(body)
        timeout = aiohttp.ClientTimeout(total=seconds)
        try:
            async with self._open().request(
                verb, self.host + path, params=asked, data=data, headers=headers, timeout=timeout
            ) as answer:
                found = await answer.read()
                if answer.status >= 300:
                    raise errors.of(answer.status, f"{verb} {path}: {_message(found) or answer.reason}")
                return orjson.loads(found) if found.startswith(b"{") else {"text": found.decode()}
        except errors.KubeError as error:
            self._failed(error)
            raise
        except (TimeoutError, aiohttp.ClientError, OSError, asyncio.IncompleteReadError) as error:
            away = errors.Away(f"{verb} {path}: {error or type(error).__name__}")
            self._failed(away)
            raise away from error

    async def chunks(self, path: str, asked: Mapping[str, str]) -> AsyncIterator[bytes]:
        """An answer that is no object, as it comes: logs. Silence is no failure. Raises `KubeError`."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=SECONDS)
        headers = await self._headers("GET", path, "*/*", None)
        try:
            async with self._open().get(self.host + path, params=asked, headers=headers, timeout=timeout) as answer:
                if answer.status != 200:
                    raise errors.of(answer.status, f"GET {path}: {_message(await answer.read()) or answer.reason}")
                async for chunk in answer.content.iter_any():
                    yield chunk
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise errors.Away(f"GET {path}: {error or type(error).__name__}") from error

    @contextlib.asynccontextmanager
    async def socket(
        self, path: str, asked: Mapping[str, str], protocol: str
    ) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """A WebSocket to what stands behind the API server. Raises `KubeError`."""
        headers = await self._headers("GET", path, "*/*", None)
        try:
            async with self._open().ws_connect(
                self.host + path, params=asked, headers=headers, protocols=(protocol,), max_msg_size=0
            ) as opened:
                yield opened
        except aiohttp.WSServerHandshakeError as error:
            raise errors.of(error.status, f"GET {path}: {error.message}") from error
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise errors.Away(f"GET {path}: {error or type(error).__name__}") from error

    def _failed(self, error: errors.KubeError) -> None:
        name = type(error).__name__
        self.counts.failures[name] = self.counts.failures.get(name, 0) + 1

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            ssl = self._api.rest_client.ssl_context
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=ssl, limit=32, socket_factory=_socket)
            )
        return self._session

    async def _headers(self, verb: str, path: str, accept: str, content: str | None) -> dict[str, str]:
        headers = {"Accept": accept, "User-Agent": AGENT}
        if content is not None:
            headers["Content-Type"] = content
        await self._api.update_params_for_auth(headers, [], ["BearerToken"], path, verb, None)
        return headers


def _socket(address: Any) -> socket.socket:
    """
    What was not sent yet when it is closed is never sent.

    The kernel would go on trying for minutes after the process has ended, and bring an old leader's write to an API
    server that comes back when another one leads.
    """
    family, type, protocol, *_ = address
    made = socket.socket(family, type, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return made


def _path_of(given: Object) -> str:
    metadata = given["metadata"]
    return kinds.of(given).path(metadata["namespace"], metadata["name"])


def _selected(labels: Mapping[str, str] | None) -> dict[str, str]:
    return {"labelSelector": ",".join(f"{key}={value}" for key, value in labels.items())} if labels else {}


def _message(body: bytes) -> str:
    try:
        return str(orjson.loads(body).get("message", ""))
    except (orjson.JSONDecodeError, AttributeError):
        return body[:200].decode(errors="replace")
