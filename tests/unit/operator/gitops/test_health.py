"""
What Argo CD, Flux and `kubectl wait` make of a resource, for every state that a reconcile reports: one table for all of them.

The states are written down here, and played once more on objects that a cluster has had (`recorded/`, by `tests/e2e/test_fleet.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from ethrex_operator.api import KINDS
from ethrex_operator.kube import conditions
from ethrex_operator.kube.conditions import Condition
from unit.operator.gitops import recorded
from unit.operator.gitops.judging import argocd, kstatus, waited

Object = dict[str, Any]


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
        *("paused", conditions.summary([], paused=True), "Suspended"),
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


@pytest.mark.parametrize("file", recorded.files(), ids=lambda file: file.stem)
def test_what_a_cluster_has_had_is_judged_as_what_it_was(file: Path) -> None:
    state, given = recorded.read(file)
    wanted = recorded.STATES[state]

    assert (argocd(given)[0], kstatus(given), waited(given)) == (wanted.argocd, wanted.kstatus, wanted.waited)
    assert argocd(given)[1], "it says why"


def test_every_state_and_every_kind_was_recorded() -> None:
    every = [recorded.read(file) for file in recorded.files()]

    assert {state for state, _ in every} == set(recorded.STATES)
    assert {given["kind"] for _, given in every} == set(KINDS)
