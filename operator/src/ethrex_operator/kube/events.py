"""Events about a resource, as `kubectl describe` shows them."""

from __future__ import annotations

import logging
import uuid
from datetime import UTC, datetime
from typing import Final

from . import errors
from .client import Kube, Object

log = logging.getLogger(__name__)

CONTROLLER: Final = "ethrex.dev/operator"
CLUSTER: Final = "default"  # where events about what has no namespace are
NOTE_CHARACTERS: Final = 1000


async def tell(kube: Kube, about: Object, reason: str, note: str, *, instance: str, warning: bool = False) -> None:
    """An event that cannot be written is logged: what it tells of has happened all the same."""
    metadata = about["metadata"]
    place = {"namespace": metadata["namespace"]} if "namespace" in metadata else {}
    event = {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {
            "name": f"{metadata['name']}.{uuid.uuid4().hex[:16]}",
            "namespace": metadata.get("namespace", CLUSTER),
        },
        "eventTime": datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "reportingController": CONTROLLER,
        "reportingInstance": instance[:128],
        "action": reason,
        "reason": reason,
        "type": "Warning" if warning else "Normal",
        "note": note[:NOTE_CHARACTERS],
        "regarding": {
            "apiVersion": about["apiVersion"],
            "kind": about["kind"],
            "name": metadata["name"],
            "uid": metadata["uid"],
            **place,
        },
    }
    try:
        await kube.create(event)
    except errors.KubeError as error:
        log.warning("an event was not written", extra={"reason": str(error), "event": reason, "note": note})
