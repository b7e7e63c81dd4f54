"""No field of a resource is taken and then read by nobody."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, get_args

import pytest
import yaml
from pydantic import BaseModel

import ethrex_operator
from ethrex_operator.api import KINDS, loading
from ethrex_operator.api.base import Model, Resource
from ethrex_operator.kube import objects
from ethrex_operator.topology import l1 as l1s
from ethrex_operator.topology import whole
from ethrex_operator.topology.facts import Contracts
from ethrex_operator.topology.workload import Program
from unit.operator.api.manifests import TAKEN, Case

SOURCE: Final = Path(ethrex_operator.__file__).parent
EXAMPLES: Final = Path(__file__).parents[4] / "examples"
KNOWN: Final = Contracts(31_337, "0xp", "0xb", "0xr", "0xverifier", None, 2, 1)

# What is asked while it runs and not when it is rendered, and where.
ASKED: Final = {
    "Alarms.forced_inclusion_seconds": "reconcile/rollup.py",
    "Namespaces.match_labels": "topology/attachment.py",
    "RollupSpec.mode": "api/rollup.py",  # the committee says the same: a rule keeps both together
    "PoolRef.fallback_order": "reconcile/scaling.py",
    "PoolSpec.replicas": "reconcile/pool.py",
    "PoolSpec.scaling": "reconcile/scaling.py",
    "PoolSpec.cost": "reconcile/scaling.py",
    "PoolSpec.fairness": "reconcile/scaling.py",
    "Cost.budget_per_day": "reconcile/scaling.py",
    "Cost.price_per_hour": "reconcile/scaling.py",
    "Fairness.default_weight": "reconcile/scaling.py",
    "Fairness.max_share_percent": "reconcile/scaling.py",
    "Scaling.max": "reconcile/scaling.py",
    "Scaling.min": "reconcile/scaling.py",
    "Scaling.mode": "reconcile/pool.py",
    "Scaling.pause_scale_down": "reconcile/scaling.py",
    "Scaling.pause_scale_up": "reconcile/scaling.py",
    "Scaling.scale_down_delay_seconds": "reconcile/scaling.py",
    "Scaling.scale_up_delay_seconds": "reconcile/scaling.py",
    "Scaling.warm_floor": "reconcile/scaling.py",
    "L1NodeSpec.paused": "reconcile/steps.py",
    "SettlementSpec.paused": "reconcile/steps.py",
    "RollupSpec.paused": "reconcile/steps.py",
    "PoolSpec.paused": "reconcile/steps.py",
    "L1NodeSpec.deletion": "reconcile/teardown.py",
    "RollupSpec.deletion": "reconcile/settling.py",
    "VolumeDeletion.policy": "reconcile/teardown.py",
    "Deletion.policy": "reconcile/teardown.py",
    "Deletion.settle": "reconcile/settling.py",
    "Deletion.timeout_seconds": "reconcile/settling.py",
}


class Tracked:
    """Which fields of which models are read while it is on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.read: set[str] = set()
        plain = Model.__getattribute__

        def noting(model: Model, name: str) -> Any:
            if not name.startswith("_") and name in type(model).model_fields:
                self.read.add(f"{type(model).__name__}.{name}")
            return plain(model, name)

        def dumped(model: Model, **options: Any) -> dict[str, Any]:
            self.read |= {f"{type(model).__name__}.{name}" for name in type(model).model_fields}
            return whole_dump(model, **options)

        whole_dump = Model.model_dump
        monkeypatch.setattr(Model, "__getattribute__", noting)
        monkeypatch.setattr(Model, "model_dump", dumped)


class Everywhere(dict[tuple[str, str], int]):
    """Every port of every service has a number."""

    def __missing__(self, key: tuple[str, str]) -> int:
        return 1


def manifests() -> Iterator[loading.Manifest]:
    """The examples, and each case that is taken with what it names beside it."""
    for name in ("rollup.yaml", "validium.yaml"):
        yield loading.parse((EXAMPLES / name).read_text(), name)
    beside = [
        Case("l1", ()).manifest("l1"),
        Case("settlement", ()).manifest("shared"),
        Case("pool", (("scaling", {"mode": "Fixed"}), ("replicas", 1))).manifest("provers"),
    ]
    for case in TAKEN:
        given = case.manifest()
        if case.kind == "rollup":
            given["spec"].setdefault("proving", {}).setdefault("pools", [{"ref": {"name": "provers"}}])
        every = [given] if case.kind == "l1" else [*beside, given]
        if case.kind == "pool":
            rollup = Case("rollup", (("proving.pools", [{"ref": {"name": "case"}}]),)).manifest("rollup")
            every = [*beside[:2], rollup, given]
        yield loading.parse(yaml.safe_dump_all(every), case.name)


EVERY: Final = tuple(manifests())


def rendered() -> None:
    """All that topology and objects make of them."""
    images = dict.fromkeys(Program, "image")
    cluster = objects.Cluster("default", "https://issuer", images, Everywhere())
    owner = objects.Owner("EthrexRollup", "rollup", "default", "uid")
    for manifest in EVERY:
        contracts = {rollup.name: KNOWN for rollup in manifest.rollups}
        ready = frozenset(one.name for one in manifest.settlements)
        for one in whole.resolve(manifest, contracts, lambda _: (0,), ready).workloads:
            objects.children(one, owner, cluster)
        for node in manifest.l1_nodes:  # also with a sidecar, which no machine runs
            objects.children(l1s.workload(node), owner, cluster)


def fields(model: type[BaseModel]) -> Iterator[str]:
    """Of a model and all below it."""
    for name, field in model.model_fields.items():
        if model is Resource or issubclass(model, Resource):
            if name == "spec":
                for inner in _models(field.annotation):
                    yield from fields(inner)
            continue
        yield f"{model.__name__}.{name}"
        for inner in _models(field.annotation):
            yield from fields(inner)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        yield annotation
    for one in get_args(annotation):
        yield from _models(one)


def test_every_field_is_read_somewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    tracked = Tracked(monkeypatch)
    rendered()

    every = {one for kind in KINDS.values() for one in fields(kind)}
    unread = every - tracked.read - ASKED.keys()

    assert sorted(unread) == []
    assert sorted(ASKED.keys() - every) == []


@pytest.mark.parametrize("field", ASKED)
def test_what_is_asked_while_it_runs_is_asked_there(field: str) -> None:
    assert f".{field.partition('.')[2]}" in (SOURCE / ASKED[field]).read_text()
