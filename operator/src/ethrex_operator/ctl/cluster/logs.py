"""``logs`` in a cluster: what the containers of a rollup's pods wrote, one after the other or as it comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from typing import Final

from ...kube import errors
from ...kube.client import Object
from ...kube.kinds import POD
from ...kube.objects.naming import WORKLOAD
from . import observe
from .access import Access
from .observe import NotThere, Tree

MAIN: Final = "main"
LINE_BYTES: Final = 1 << 20  # a longer line is told in pieces

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Source:
    namespace: str
    pod: str
    container: str

    @property
    def path(self) -> str:
        return f"{POD.path(self.namespace, self.pod)}/log"


async def show(access: Access, name: str, parts: tuple[str, ...], tail: int, say: Say, *, follow: bool) -> None:
    """`parts` are workloads or pods; none: all. Raises `NotThere`, `KubeError`."""
    (tree,) = await observe.trees(access, name, progress=False)
    chosen = [_main(pod) for pod in wanted(tree, parts)]
    width = 0 if len(chosen) == 1 else max((len(one.pod) for one in chosen), default=0)

    async def tell(source: Source) -> None:
        asked = {"tailLines": str(tail)} | ({"follow": "true"} if follow else {})
        try:
            async for line in lines(access, source, asked):
                say(f"{source.pod:<{width}}  {line}" if width else line)
        except errors.KubeError as error:
            say(f"{source.pod:<{width}}  ({error})" if width else f"({error})")

    if follow:
        await asyncio.gather(*(tell(one) for one in chosen))
        return
    for one in chosen:
        await tell(one)


def wanted(tree: Tree, parts: Iterable[str]) -> list[Object]:
    """Pods of the parts that are named. Raises `NotThere`."""
    asked = tuple(parts)
    names = {name for pod in tree.pods for name in _names(pod)}
    unknown = [one for one in asked if one not in names]
    if unknown:
        there = ", ".join(sorted({_names(pod)[0] for pod in tree.pods})) or "none"
        raise NotThere(f"{tree.rollup['metadata']['name']} has no part {unknown[0]}; there is {there}")
    return [pod for pod in tree.pods if not asked or any(name in asked for name in _names(pod))]


def containers(pod: Object) -> list[Source]:
    """All that have begun, the first ones first."""
    status = pod.get("status") or {}
    every = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    metadata = pod["metadata"]
    begun = [one for one in every if "waiting" not in (one.get("state") or {}) or one.get("restartCount")]
    return [Source(metadata["namespace"], metadata["name"], str(one["name"])) for one in begun]


async def lines(access: Access, source: Source, asked: dict[str, str]) -> AsyncIterator[str]:
    """Whole lines, and at the end what there is. Raises `KubeError`."""
    kept = b""
    async for chunk in access.kube.chunks(source.path, {"container": source.container} | asked):
        *whole, kept = (kept + chunk).split(b"\n")
        for line in whole:
            yield line.decode(errors="replace")
        if len(kept) > LINE_BYTES:
            yield kept.decode(errors="replace")
            kept = b""
    if kept:
        yield kept.decode(errors="replace")


def _main(pod: Object) -> Source:
    metadata = pod["metadata"]
    return Source(metadata["namespace"], metadata["name"], MAIN)


def _names(pod: Object) -> tuple[str, str]:
    return pod["metadata"]["labels"].get(WORKLOAD, ""), pod["metadata"]["name"]
