"""Who names whom, and who signs with what, among the resources that are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ethrex_operator.api import loading
from ethrex_operator.reconcile.signers import Signers
from ethrex_operator.reconcile.store import Key, Store
from ethrex_operator.topology.facts import L1

EXAMPLE = Path(__file__).parents[4] / "examples" / "rollup.yaml"
ROLLUP, OTHER = Key("EthrexRollup", "team", "rollup"), Key("EthrexRollup", "team", "other")
L1_NODE, POOL = Key("EthrexL1Node", "team", "l1"), Key("ProverPool", "team", "provers")
DEV = L1(urls=("http://l1",), beacon=None, dev=True)

Object = dict[str, Any]


def body(name: str = "rollup", **spec: Any) -> Object:
    given = next(one for one in yaml.safe_load_all(EXAMPLE.read_text()) if one["kind"] == "EthrexRollup")
    given["metadata"] = {"name": name, "namespace": "team", "uid": name, "generation": 1}
    given["spec"] |= spec
    found: Object = given
    return found


def versioned(version: int, **spec: Any) -> Object:
    found = body(**spec)
    found["metadata"]["resourceVersion"] = str(version)
    return found


def test_who_names_a_pool_or_an_l1_is_looked_up() -> None:
    store = Store({ROLLUP: body(), OTHER: body("other", proving={"pools": []})})

    assert store.naming(POOL) == (ROLLUP,)
    assert store.naming(L1_NODE) == (ROLLUP, OTHER) == store.neighbours(ROLLUP)


def test_a_rollup_that_names_another_pool_is_listed_there() -> None:
    store = Store({ROLLUP: body()})
    store.put(ROLLUP, body(proving={"pools": [{"ref": {"name": "far", "namespace": "gpu"}}]}))

    assert store.naming(POOL) == ()
    assert store.naming(Key("ProverPool", "gpu", "far")) == (ROLLUP,)


def test_a_rollup_that_is_gone_names_nobody() -> None:
    store = Store({ROLLUP: body()})
    store.remove(ROLLUP)

    assert store.naming(POOL) == store.naming(L1_NODE) == ()
    assert store.get(ROLLUP) is None


def test_rollups_on_the_same_addresses_are_neighbours() -> None:
    urls = {"urls": ["http://a", "http://b"]}
    store = Store({ROLLUP: body(l1=urls), OTHER: body("other", l1=urls)})

    assert store.neighbours(ROLLUP) == (ROLLUP, OTHER)


def test_who_changes_a_body_that_it_got_changes_nobody_elses() -> None:
    store = Store({ROLLUP: body()})
    got = store.get(ROLLUP)
    assert got is not None
    got["spec"]["proving"]["pools"] = []

    assert store.naming(POOL) == (ROLLUP,)
    assert store.get(ROLLUP) == body()


def test_whose_the_fields_are_is_not_kept() -> None:
    given = body()
    given["metadata"]["managedFields"] = [{"manager": "kubectl"}]

    assert Store({ROLLUP: given}).get(ROLLUP) == body()


def test_an_answer_does_not_take_back_what_the_watch_has_brought_since() -> None:
    store = Store({ROLLUP: versioned(3, chainId=3)})

    assert not store.answered(ROLLUP, versioned(2, chainId=2))
    assert store.get(ROLLUP) == versioned(3, chainId=3)
    assert store.answered(ROLLUP, versioned(4, chainId=4))
    assert store.get(ROLLUP) == versioned(4, chainId=4)


def test_an_answer_does_not_bring_back_what_is_gone() -> None:
    store = Store({ROLLUP: versioned(3)})
    store.remove(ROLLUP)

    assert not store.answered(ROLLUP, versioned(4))
    assert ROLLUP not in store
    assert len(store) == 0


def test_signers_of_neighbours_are_read_once_for_each_manifest(monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[str] = []
    read = loading.read

    def counted(given: Object) -> Any:
        reads.append(given["metadata"]["name"])
        return read(given)

    monkeypatch.setattr(loading, "read", counted)
    store, signers = Store({ROLLUP: body(), OTHER: body("other")}), Signers()

    first = signers.others(store, ROLLUP, DEV)
    again = signers.others(store, ROLLUP, DEV)

    assert reads == ["other"]
    assert first == again
    assert len(first[OTHER]) == 2

    changed = body("other", keys={"committer": {"devAccount": 7}, "settler": {"devAccount": 7}})
    changed["metadata"]["generation"] = 2
    store.put(OTHER, changed)

    assert len(signers.others(store, ROLLUP, DEV)[OTHER]) == 1
    store.remove(OTHER)
    assert signers.others(store, ROLLUP, DEV) == {}
