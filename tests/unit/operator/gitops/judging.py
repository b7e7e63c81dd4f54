"""
What others make of a resource. Argo CD's script runs in the Lua that Argo CD has (5.1). kstatus is the algorithm of Flux and
`helm --wait`, as sigs.k8s.io/cli-utils/pkg/kstatus writes it for kinds that it does not know.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import lupa.lua51 as lua  # type: ignore[import-untyped]
import yaml

Object = dict[str, Any]
EXAMPLES: Final = Path(__file__).parents[4] / "examples"
CONFIG: Final = yaml.safe_load((EXAMPLES / "argocd" / "argocd-cm.yaml").read_text())["data"]


def argocd(given: Object) -> tuple[str, str]:
    """Status and message, by the script that Argo CD would find for it."""
    group = given["apiVersion"].partition("/")[0]
    runtime = lua.LuaRuntime(register_eval=False, unpack_returned_tuples=True)
    runtime.globals()["obj"] = runtime.table_from(given, recursive=True)
    found = runtime.execute(CONFIG[f"resource.customizations.health.{group}_{given['kind']}"])
    return found["status"], found["message"]


def kstatus(given: Object) -> str:
    status = given.get("status") or {}
    every = {one["type"]: one["status"] for one in status.get("conditions") or ()}
    if "deletionTimestamp" in given["metadata"]:
        return "Terminating"
    if status.get("observedGeneration", given["metadata"]["generation"]) != given["metadata"]["generation"]:
        return "InProgress"
    if every.get("Reconciling") == "True":
        return "InProgress"
    if every.get("Stalled") == "True":
        return "Failed"
    return "Current" if every.get("Ready", "True") == "True" else "InProgress"


def waited(given: Object) -> bool:
    """`kubectl wait --for=condition=Ready`: a condition that an older generation earned does not count."""
    (ready,) = (one for one in given["status"]["conditions"] if one["type"] == "Ready")
    return bool(ready["status"] == "True" and ready["observedGeneration"] >= given["metadata"]["generation"])
