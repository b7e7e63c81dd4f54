"""The way into a cluster, as the user at the terminal."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ...kube import errors
from ...kube.client import Kube
from ..where import Elsewhere


@dataclass(frozen=True, slots=True)
class Access:
    kube: Kube
    context: str
    namespace: str

    def __str__(self) -> str:
        return f"namespace {self.namespace} of context {self.context}"


@contextlib.asynccontextmanager
async def opened(where: Elsewhere) -> AsyncIterator[Access]:
    """Raises `KubeError`."""
    context, namespace = named(where)
    kube = await Kube.of_user(where.kubeconfig, context)
    try:
        yield Access(kube, context, where.namespace or namespace)
    finally:
        await kube.close()


def named(where: Elsewhere) -> tuple[str, str]:
    """The context and its namespace. Of several files the first that knows a name has it. Raises `KubeError`."""
    current: str | None = None
    known: dict[str, dict[str, Any]] = {}
    for name in filter(None, where.kubeconfig.split(os.pathsep)):
        try:
            given = yaml.safe_load(Path(name).read_text()) or {}
            current = current or given.get("current-context")
            known = {str(one["name"]): one.get("context") or {} for one in given.get("contexts") or ()} | known
        except FileNotFoundError:
            continue
        except (OSError, ValueError, yaml.YAMLError, LookupError, TypeError, AttributeError) as error:
            raise errors.Refused(f"{name} is no kubeconfig: {' '.join(str(error).split())}") from error
    wanted = where.context or current
    if wanted is None or wanted not in known:
        there = ", ".join(sorted(known)) or "none"
        what = f"no context {wanted!r}" if wanted else "no current context"
        raise errors.Refused(f"{where.kubeconfig} has {what}; there is {there}")
    return wanted, str(known[wanted].get("namespace") or "default")
