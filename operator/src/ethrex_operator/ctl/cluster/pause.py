"""``pause`` and ``resume`` in a cluster: `spec.paused` of one resource."""

from __future__ import annotations

from typing import Any, Final

from ...kube import errors, kinds
from ...kube.kinds import Kind
from .access import Access
from .observe import NotThere

MANAGER: Final = "ethrexctl"
SHORT: Final[dict[str, Kind]] = {
    "rollup": kinds.ROLLUP,
    "l1": kinds.L1_NODE,
    "settlement": kinds.SETTLEMENT,
    "pool": kinds.POOL,
}


async def put(access: Access, what: str, *, paused: bool) -> dict[str, Any]:
    """`what` is a rollup's name, or ``pool/NAME``, ``l1/NAME``, ``settlement/NAME``. Raises `NotThere`, `KubeError`."""
    word, _, name = what.rpartition("/")
    kind = SHORT.get(word or "rollup")
    if kind is None or not name:
        raise NotThere(f"{what!r} is neither a rollup's name nor one of {', '.join(f'{one}/NAME' for one in SHORT)}")
    path = kind.path(access.namespace, name)
    patch = {"spec": {"paused": paused}}
    try:
        before = await access.kube.get(kind, access.namespace, name)
        content = "application/merge-patch+json"
        await access.kube.request("PATCH", path, patch, {"fieldManager": MANAGER}, content=content)
    except errors.NotFound as error:
        raise NotThere(f"there is no {kind.name} {name} in {access}") from error
    changed = bool((before.get("spec") or {}).get("paused")) != paused
    return {"kind": kind.name, "namespace": access.namespace, "name": name, "paused": paused, "changed": changed}


def told(found: dict[str, Any]) -> str:
    state = (
        "is paused: nothing of it is changed until it is resumed; what runs goes on" if found["paused"] else "goes on"
    )
    before = "" if found["changed"] else ", and was before"
    return f"{found['kind']} {found['namespace']}/{found['name']} {state}{before}"
