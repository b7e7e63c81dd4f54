"""Names, labels and owners of what is built."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from ...api.base import API_VERSION, GROUP
from ...topology.workload import Workload

Object = dict[str, Any]

MANAGER: Final = "ethrex-operator"
WORKLOAD: Final = f"{GROUP}/workload"
ROLE: Final = f"{GROUP}/role"
OWNER_KIND: Final = f"{GROUP}/owner-kind"
OWNER: Final = f"{GROUP}/owner"
DIGEST: Final = f"{GROUP}/digest"  # of what was applied: another one has to be applied


@dataclass(frozen=True, slots=True)
class Owner:
    """The resource that a workload runs for."""

    kind: str
    name: str
    namespace: str
    uid: str

    @property
    def reference(self) -> Object:
        return {
            "apiVersion": API_VERSION,
            "kind": self.kind,
            "name": self.name,
            "uid": self.uid,
            "controller": True,
            "blockOwnerDeletion": True,
        }

    @property
    def labels(self) -> dict[str, str]:
        """All children of the owner have these."""
        return {"app.kubernetes.io/managed-by": MANAGER, OWNER_KIND: self.kind, OWNER: self.name}


def labels(workload: Workload, owner: Owner) -> dict[str, str]:
    return {
        **workload.labels,
        "app.kubernetes.io/name": "ethrex",
        "app.kubernetes.io/instance": owner.name,
        "app.kubernetes.io/component": workload.role,
        ROLE: workload.role,
        WORKLOAD: workload.name,
        **owner.labels,
    }


def selector(workload: Workload) -> dict[str, str]:
    return {WORKLOAD: workload.name}


def metadata(name: str, workload: Workload, owner: Owner, *, owned: bool = True) -> Object:
    """What is not `owned` outlives its owner."""
    found: Object = {"name": name, "namespace": owner.namespace, "labels": labels(workload, owner)}
    if owned:
        found["ownerReferences"] = [owner.reference]
    return found


def digest(value: Any) -> str:
    """Names of Jobs and roll-outs hang on it: other bytes for the same value would make every pod anew."""
    written = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    if not written.isascii():  # the other one escapes it
        written = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    return hashlib.sha256(written).hexdigest()[:16]


def without_empty(value: Mapping[str, Any]) -> Object:
    """Leaves out what says nothing, so that a field that nobody set is nobody's."""
    return {key: one for key, one in value.items() if one not in (None, {}, [], "", ())}
