"""
``plan`` in a cluster: what `kubectl apply -f` of a manifest would change, asked of the API server itself, which changes nothing.

An object that `kubectl apply` made carries the manifest that it was made of, so that what a new one leaves out is taken away, by
the same patch that kubectl would send. Any other is applied by the server, under kubectl's name.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from ...api.loading import Manifest
from ...kube import errors
from ...kube.client import Object
from ...kube.kinds import CONFIG_MAP, OURS, Kind
from .access import Access

LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
KUBECTL: Final = "kubectl"
SECRET: Final = Kind("v1", "Secret", "secrets")
KINDS: Final = {**OURS, CONFIG_MAP.name: CONFIG_MAP, SECRET.name: SECRET}
OTHERS: Final = frozenset(("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp"))
CREATED: Final = "create"
CHANGED: Final = "change"
KEPT: Final = "keep"
REFUSED: Final = "refuse"


async def plan(access: Access, manifest: Manifest) -> dict[str, Any]:
    """Raises `KubeError` where the API server is away."""
    steps = [await _step(access, _placed(one, access.namespace)) for one in manifest.documents if one["kind"] in KINDS]
    return {"context": access.context, "objects": steps}


async def _step(access: Access, wanted: Object) -> dict[str, Any]:
    kind, metadata = KINDS[wanted["kind"]], wanted["metadata"]
    step: dict[str, Any] = {"object": f"{kind.name} {metadata['namespace']}/{metadata['name']}"}
    try:
        before = await access.kube.find(kind, metadata["namespace"], metadata["name"])
        after = await _tried(access, kind, before, wanted)
    except errors.Away:
        raise
    except errors.KubeError as error:
        return step | {"action": REFUSED, "why": str(error), "changes": []}
    if before is None:
        return step | {"action": CREATED, "changes": []}
    found = list(differences(_plain(before), _plain(after), secret=kind is SECRET))
    return step | {"action": CHANGED if found else KEPT, "changes": found}


async def _tried(access: Access, kind: Kind, before: Object | None, wanted: Object) -> Object:
    """The object as it would be."""
    path = kind.path(wanted["metadata"]["namespace"], wanted["metadata"]["name"])
    last = ((before or {}).get("metadata", {}).get("annotations") or {}).get(LAST_APPLIED)
    asked = {"dryRun": "All", "fieldManager": KUBECTL}
    if last is None:
        force = {"force": "true"}
        return await access.kube.request("PATCH", path, wanted, asked | force, content="application/apply-patch+yaml")
    patch = merge(json.loads(last), wanted)
    return await access.kube.request("PATCH", path, patch, asked, content="application/merge-patch+json")


def merge(last: Any, wanted: Object) -> Object:
    """A merge patch: what is wanted, and null for what was wanted last and no more."""
    patch: Object = {}
    for name, value in wanted.items():
        earlier = last.get(name) if isinstance(last, dict) else None
        patch[name] = merge(earlier, value) if isinstance(value, dict) else value
    if isinstance(last, dict):
        patch |= {name: None for name in last if name not in wanted}
    return patch


def differences(before: Any, after: Any, path: str = "", *, secret: bool = False) -> Iterator[dict[str, Any]]:
    """A row for each field, with the old and the new value. Values of a Secret are not told."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in sorted({*before, *after}):
            yield from differences(before.get(name), after.get(name), f"{path}.{name}" if path else name, secret=secret)
    elif before != after:
        hidden = secret and path.partition(".")[0] in ("data", "stringData")
        yield {
            "field": path,
            "before": _hidden(before) if hidden else before,
            "after": _hidden(after) if hidden else after,
        }


def told(found: dict[str, Any]) -> Iterator[str]:
    """For people."""
    for one in found["objects"]:
        yield f"{one['action']:<8} {one['object']}" + (f": {one['why']}" if "why" in one else "")
        for change in one["changes"]:
            yield f"         {change['field']}: {_short(change['before'])} -> {_short(change['after'])}"


def refused(found: dict[str, Any]) -> bool:
    return any(one["action"] == REFUSED for one in found["objects"])


def _placed(wanted: Object, namespace: str) -> Object:
    metadata = wanted["metadata"]
    return wanted | {"metadata": metadata | {"namespace": metadata.get("namespace") or namespace}}


def _plain(given: Object) -> Object:
    """Without what nobody wrote."""
    metadata = {name: value for name, value in given["metadata"].items() if name not in OTHERS}
    annotations = {name: value for name, value in (metadata.get("annotations") or {}).items() if name != LAST_APPLIED}
    return {
        **{name: value for name, value in given.items() if name not in ("status", "metadata")},
        "metadata": metadata | {"annotations": annotations},
    }


def _hidden(value: Any) -> str | None:
    return None if value is None else "(secret)"


def _short(value: Any) -> str:
    return "-" if value is None else json.dumps(value)
