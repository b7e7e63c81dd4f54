"""
The labels of namespaces, for those who let others in by a selector. Only where all namespaces are served: whoever has a Role in one
sees no other.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, MutableMapping
from typing import Final

from . import errors
from .client import Kube, Object
from .kinds import Kind

log = logging.getLogger(__name__)

NAMESPACE: Final = Kind("v1", "Namespace", "namespaces")
AGAIN_SECONDS: Final = 1.0


class Namespaces:
    """`watch` runs as long as the operator. `known` is the caller's, and nobody else changes it."""

    def __init__(self, kube: Kube, known: MutableMapping[str, dict[str, str]], told: Callable[[str], None]) -> None:
        """`told` hears the name of one whose labels changed, that came or that went."""
        self._kube, self._known, self._told = kube, known, told
        self.ready = asyncio.Event()

    async def watch(self) -> None:
        while True:
            try:
                version = await self._list()
                while True:
                    async for event, given in self._kube.watch(NAMESPACE, None, version):
                        version = given["metadata"]["resourceVersion"]
                        if event != "BOOKMARK":
                            self._note(event, given)
            except errors.Gone:
                continue
            except errors.KubeError as error:
                log.warning("the watch of namespaces begins again", extra={"reason": str(error)})
                await asyncio.sleep(AGAIN_SECONDS)

    async def _list(self) -> str:
        there: set[str] = set()
        version = ""
        async for page, newest in self._kube.pages(NAMESPACE, None, metadata=True):
            version = newest
            for one in page:
                there.add(one["metadata"]["name"])
                self._note("ADDED", one)
        for name in self._known.keys() - there:
            del self._known[name]
            self._told(name)
        self.ready.set()
        return version

    def _note(self, event: str, given: Object) -> None:
        name, labels = given["metadata"]["name"], given["metadata"].get("labels") or {}
        before = self._known.get(name)
        if event == "DELETED":
            self._known.pop(name, None)
        else:
            self._known[name] = labels
        if self._known.get(name) != before:
            self._told(name)
