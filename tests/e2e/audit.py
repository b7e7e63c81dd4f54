"""The API server's audit log: who asked what, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from e2e.whole_cluster import Cluster

WRITES: Final = frozenset(("create", "update", "patch", "delete", "deletecollection"))
POD: Final = "authentication.kubernetes.io/pod-name"


@dataclass(frozen=True, slots=True)
class Asked:
    """Times are in seconds since 1970: when the API server had the request, and when it had answered."""

    received: float
    answered: float
    verb: str
    user: str
    pod: str  # of a service account whose token is bound to one
    resource: str
    namespace: str
    name: str
    code: int

    @property
    def is_write(self) -> bool:
        return self.verb in WRITES

    @property
    def is_done(self) -> bool:
        return self.code < 300


def of_account(cluster: Cluster, namespace: str, account: str) -> list[Asked]:
    """In the order of the answers."""
    user = f"system:serviceaccount:{namespace}:{account}"
    assert cluster.audit is not None
    return [one for one in _read(cluster.audit) if one.user == user]


def _read(path: Path) -> Iterator[Asked]:
    with path.open() as lines:
        for line in lines:
            if not line.endswith("\n"):
                return  # is being written
            event = json.loads(line)
            if event["stage"] != "ResponseComplete":
                continue
            about, user = event.get("objectRef") or {}, event["user"]
            yield Asked(
                received=datetime.fromisoformat(event["requestReceivedTimestamp"]).timestamp(),
                answered=datetime.fromisoformat(event["stageTimestamp"]).timestamp(),
                verb=event["verb"],
                user=user["username"],
                pod=next(iter((user.get("extra") or {}).get(POD, ())), ""),
                resource=about.get("resource", ""),
                namespace=about.get("namespace", ""),
                name=about.get("name", ""),
                code=int(event["responseStatus"].get("code", 0)),
            )
