"""Who is looked at again when a resource changes."""

from __future__ import annotations

from typing import Any

from ethrex_operator.reconcile import dependents
from ethrex_operator.reconcile.world import Key, Store

ROLLUP = Key("EthrexRollup", "team", "rollup")
BODY: dict[str, Any] = {
    "metadata": {"namespace": "team", "name": "rollup"},
    "spec": {
        "l1": {"ref": {"name": "l1", "namespace": "chains"}},
        "settlement": {"name": "shared"},
        "proving": {"pools": [{"ref": {"name": "near"}}, {"ref": {"name": "far", "namespace": "gpu"}}]},
    },
}
NAMED = [Key("ProverPool", "team", "near"), Key("ProverPool", "gpu", "far"), Key("EthrexSettlement", "team", "shared")]


def test_a_rollup_concerns_what_it_names() -> None:
    assert list(dependents.of(Store({ROLLUP: BODY}), ROLLUP, BODY)) == NAMED


def test_what_a_rollup_names_concerns_the_rollup() -> None:
    store = Store({ROLLUP: BODY})

    for key in (*NAMED, Key("EthrexL1Node", "chains", "l1")):
        assert next(dependents.of(store, key, {})) == ROLLUP


def test_what_a_plan_is_made_of_concerns_the_settlement_that_registers_it() -> None:
    """A pool signs with another key: its rollup has to be registered anew, by its settlement."""
    store = Store({ROLLUP: BODY})

    assert list(dependents.of(store, NAMED[0], {})) == [ROLLUP, NAMED[2]]
    assert list(dependents.of(store, NAMED[2], {})) == [ROLLUP]


def test_what_no_rollup_names_concerns_nobody() -> None:
    store = Store({ROLLUP: BODY})

    assert not list(dependents.of(store, Key("EthrexL1Node", "team", "l1"), {}))
    assert not list(dependents.of(store, Key("ProverPool", "team", "far"), {}))


def test_a_rollup_that_says_nothing_yet_breaks_nothing() -> None:
    store = Store({ROLLUP: BODY | {"spec": {}}})

    assert not list(dependents.of(store, ROLLUP, {"spec": {}}))
    assert not list(dependents.of(store, NAMED[0], {}))
