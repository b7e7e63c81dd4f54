"""
What Argo CD, Flux and `kubectl wait` make of a resource, for every state that a reconcile reports: one table for all of them.

Argo CD's script runs in the Lua that Argo CD has (5.1). kstatus is the algorithm of Flux and `helm --wait`, as
sigs.k8s.io/cli-utils/pkg/kstatus writes it for kinds that it does not know.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import lupa.lua51 as lua  # type: ignore[import-untyped]
import pytest
import yaml

from ethrex_operator.api import KINDS
from ethrex_operator.kube import conditions
from ethrex_operator.kube.conditions import Condition

Object = dict[str, Any]
EXAMPLES: Final = Path(__file__).parents[4] / "examples"
CONFIG: Final = yaml.safe_load((EXAMPLES / "argocd" / "argocd-cm.yaml").read_text())["data"]


@dataclass(frozen=True, slots=True)
class State:
    """What a reconcile found, and what is made of it."""

    name: str
    summary: list[Condition]
    argocd: str
    kstatus: str
    waited: bool  # whether `kubectl wait --for=condition=Ready` ends
    said: str = ""
    generation: int = 3  # the one that was observed; the object's is 3
    deleted: bool = False


AWAY: Final = conditions.no("L1Reachable", "NoAnswer", "http://l1: nobody answers")
REFUSED: Final = conditions.no("Ready", "PoolNotFound", "there is no ProverPool gpu")
STATES: Final = (
    State("ready", conditions.summary([conditions.yes("Sequencing", "Sealing")]), "Healthy", "Current", waited=True),
    State(
        *("ready once", conditions.summary([]), "Progressing", "InProgress", False, "has not looked"),
        generation=2,
    ),
    State("coming up", conditions.summary([AWAY]), "Progressing", "InProgress", waited=False, said="nobody answers"),
    State(
        *("refused", conditions.summary([], stalled=REFUSED), "Degraded", "Failed", False),
        said="PoolNotFound: there is no ProverPool gpu",
    ),
    State(
        *("paused", conditions.summary([conditions.no("Reconciled", "Paused")], paused=True), "Suspended"),
        *("InProgress", False, "paused"),
    ),
    State("deleted", conditions.summary([]), "Healthy", "Terminating", waited=True, deleted=True),
)


def resource(kind: str, state: State) -> Object:
    told = conditions.merged((), state.summary, state.generation)
    metadata = {"name": "one", "generation": 3} | (
        {"deletionTimestamp": "2026-01-01T00:00:00Z"} if state.deleted else {}
    )
    status = {"observedGeneration": state.generation, "conditions": told}
    return {"apiVersion": "ethrex.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": {}, "status": status}


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


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_every_state_means_the_same_to_everybody(kind: str, state: State) -> None:
    given = resource(kind, state)
    judged, said = argocd(given)

    assert (judged, kstatus(given), waited(given)) == (state.argocd, state.kstatus, state.waited)
    assert state.said in said


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("status", [None, {}, {"conditions": []}])
def test_what_no_operator_has_seen_is_not_healthy(kind: str, status: Object | None) -> None:
    given = {"apiVersion": "ethrex.dev/v1alpha1", "kind": kind, "metadata": {"name": "one", "generation": 1}}
    judged, _ = argocd(given if status is None else given | {"status": status})

    assert judged == "Progressing"
