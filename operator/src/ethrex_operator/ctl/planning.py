"""``ethrexctl plan``: what `up` would do, without doing it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..api.loading import Manifest
from ..local import library, preview
from ..topology import meaning


def plan(folder: Path, manifest: Manifest, secrets: dict[str, Path]) -> dict[str, Any]:
    """Raises `Missing`, `Unmet`."""
    found = preview.preview(folder, manifest, library.of(manifest.plain, secrets))
    return {
        "name": folder.name,
        "workloads": [{"name": one.name, "action": one.action, "command": list(one.command)} for one in found],
        "withoutMeaning": [
            {"object": f"{resource.kind}/{resource.name}", "field": field}
            for resource in manifest.resources
            for field in meaning.only_in_clusters(resource)
        ],
    }


def told(found: dict[str, Any]) -> Iterator[str]:
    for one in found["workloads"]:
        yield f"{one['action']:<8} {one['name']}"
        yield f"         {' '.join(one['command'])}"
    if found["withoutMeaning"]:
        yield "without meaning on one machine:"
    for one in found["withoutMeaning"]:
        yield f"  {one['object']}: {one['field']}"
