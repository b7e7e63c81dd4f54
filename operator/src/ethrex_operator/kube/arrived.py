"""
Whether a watch that somebody else keeps has brought what is there, and has told of what is gone.

kopf tells of each resource as it comes, and of no end of that: who looked at a rollup before its pool had come would say that
there is none, and write that. And where its watch breaks it lists anew: of what went meanwhile it says nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from . import errors
from .client import Kube
from .kinds import Kind

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 0.1
LIST_SECONDS: Final = 2.0  # what has not come by then may be gone again


async def every(
    kube: Kube, kinds: Iterable[Kind], namespace: str | None, has_come: Callable[[str, str, str], bool]
) -> None:
    """Until all that the API server lists has come: `has_come` is asked by kind, namespace and name."""
    for kind in kinds:
        while not await _came(kube, kind, namespace, has_come):
            pass


async def gone(
    kube: Kube, kind: Kind, namespace: str | None, known: Mapping[tuple[str, str], str | None]
) -> list[tuple[str, str]]:
    """Of `known`, uids by namespace and name from before the call, those that are no more. Raises `KubeError`."""
    there = await _listed(kube, kind, namespace)
    return [place for place, uid in known.items() if there.get(place) != uid]


async def _listed(kube: Kube, kind: Kind, namespace: str | None) -> dict[tuple[str, str], str]:
    return {
        (metadata["namespace"], metadata["name"]): metadata["uid"]
        async for page, _ in kube.pages(kind, namespace, metadata=True)
        for metadata in (one["metadata"] for one in page)
    }


async def _came(kube: Kube, kind: Kind, namespace: str | None, has_come: Callable[[str, str, str], bool]) -> bool:
    """Whether all that is listed now comes within a while."""
    try:
        missing = set(await _listed(kube, kind, namespace))
    except errors.KubeError as error:
        log.warning("resources cannot be listed", extra={"kind": kind.name, "reason": str(error)})
        await asyncio.sleep(LIST_SECONDS)
        return False
    for _ in range(round(LIST_SECONDS / LOOK_SECONDS)):
        missing = {place for place in missing if not has_come(kind.name, *place)}
        if not missing:
            return True
        await asyncio.sleep(LOOK_SECONDS)
    return False
