"""Which fields of a resource say something only of a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pydantic import BaseModel

from ..api.base import Resource
from ..api.running import Image, Metrics, Placement, Resources, Storage, VolumeDeletion

WHOLLY: Final = (
    VolumeDeletion,
    Image,
    Placement,
    Resources,
    Storage,
)  # these describe pods, their volumes, and their end
ONLY_THERE: Final = ("paused", "cache_volume_claim")


def only_in_clusters(resource: Resource) -> list[str]:
    """Paths of those that were written, from ``spec`` on."""
    spec = getattr(resource, "spec", None)
    return list(_found(spec, "spec")) if isinstance(spec, BaseModel) else []


def _found(value: BaseModel, path: str) -> Iterator[str]:
    for name in sorted(value.model_fields_set):
        inner = getattr(value, name)
        here = f"{path}.{type(value).model_fields[name].alias or name}"
        if isinstance(inner, WHOLLY):
            yield here
        elif isinstance(inner, BaseModel):
            yield from _found(inner, here)
        elif inner and (name in ONLY_THERE or (isinstance(value, Metrics) and name == "pod_monitor")):
            yield here
