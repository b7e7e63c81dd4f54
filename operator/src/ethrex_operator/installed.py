"""What the chart asks of an installation: whether an operator leads (`helm test`), and what it would leave alone (`helm uninstall`)."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Final

from .kube import errors, kinds
from .kube.client import Kube
from .kube.lease import DURATION_SECONDS, Name

LOOK_SECONDS: Final = 1.0


async def leader(kube: Kube, lease: Name, seconds: float) -> str | None:
    """Who holds the lease and renews it, within `seconds`; None where nobody does. Raises `KubeError`."""
    end = time.monotonic() + seconds
    while True:
        found = await kube.find(kinds.LEASE, lease.namespace, lease.name)
        spec = (found or {}).get("spec") or {}
        holder, renewed = spec.get("holderIdentity"), spec.get("renewTime")
        if holder and renewed and _age_seconds(renewed) < DURATION_SECONDS:
            return str(holder)
        if time.monotonic() > end:
            return None
        await asyncio.sleep(LOOK_SECONDS)


async def resources(kube: Kube, namespace: str | None) -> list[str]:
    """All of our kinds, as Kind namespace/name. A kind without a CRD has none. Raises `KubeError`."""
    found = []
    for kind in kinds.OURS.values():
        try:
            every, _ = await kube.list(kind, namespace)
        except errors.NotFound:
            continue
        found += [f"{kind.name} {one['metadata']['namespace']}/{one['metadata']['name']}" for one in every]
    return found


def _age_seconds(stamp: str) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(stamp)).total_seconds()
