"""What the operator looks at again when a watch, or it itself, changes something."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from ethrex_operator.kube.client import Kube, Object
from ethrex_operator.main import Operator, Settings
from ethrex_operator.reconcile import report, scaling
from ethrex_operator.reconcile.report import Report
from ethrex_operator.reconcile.world import Key
from ethrex_operator.topology.workload import Program

EXAMPLE = Path(__file__).parents[3] / "examples" / "rollup.yaml"
ROLLUP, POOL = Key("EthrexRollup", "team", "rollup"), Key("ProverPool", "team", "provers")
ADDRESS = "0x" + "11" * 20
CONTRACTS = {"l1ChainId": 1, "deployedAtBlock": 1} | dict.fromkeys(
    ("proposer", "bridge", "registry", "attestedVerifier"), ADDRESS
)


class StatusStandIn:
    """An API server that takes a status."""

    def __init__(self) -> None:
        self.bodies: dict[str, Object] = {}

    async def apply(self, wanted: Object, *, status: bool) -> Object:
        assert status
        before = self.bodies[wanted["kind"]]
        version = str(int(before["metadata"]["resourceVersion"]) + 1)
        done: Object = before | wanted | {"metadata": before["metadata"] | {"resourceVersion": version}}
        self.bodies[wanted["kind"]] = done
        return done


@pytest.fixture
def server() -> StatusStandIn:
    return StatusStandIn()


@pytest.fixture
def operator(server: StatusStandIn, monkeypatch: pytest.MonkeyPatch) -> Operator:
    images = {Program.NODE: "node", Program.PROVER: "prover"}
    nothing: Any = None
    settings = Settings(None, "system", "operator", None, 0, "127.0.0.1", "me", images)
    found = Operator(settings, cast("Kube", server), nothing, "https://issuer")
    for one in yaml.safe_load_all(EXAMPLE.read_text()):
        one["metadata"] |= {"namespace": "team", "uid": one["kind"], "generation": 1, "resourceVersion": "1"}
        server.bodies[one["kind"]] = one
        found.event(one["kind"], None, one)
    return found


def told(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> list[Key]:
    keys: list[Key] = []
    monkeypatch.setattr(operator.queue, "add", lambda key, **_: keys.append(key))
    return keys


def write(operator: Operator, fields: dict[str, Any]) -> None:
    body = operator.store.get(ROLLUP)
    assert body is not None
    asyncio.run(report.write(operator.world, ROLLUP, body, Report(fields=fields)))


def test_recorded_contracts_wake_the_pool_and_the_planner_at_once(
    operator: Operator, server: StatusStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = told(operator, monkeypatch)

    write(operator, {"chainId": 65536999, "contracts": CONTRACTS})
    assert keys == [POOL, scaling.PLANNER]

    keys.clear()
    operator.event("EthrexRollup", "MODIFIED", server.bodies["EthrexRollup"])  # the watch tells the same
    assert keys == []


def test_a_status_without_news_for_others_wakes_nobody(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = told(operator, monkeypatch)

    write(operator, {"chainId": 65536999})

    assert keys == []


def test_an_event_from_before_a_status_that_was_written_is_not_believed(
    operator: Operator, server: StatusStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = server.bodies["EthrexRollup"]
    write(operator, {"chainId": 65536999, "contracts": CONTRACTS})

    operator.event("EthrexRollup", "MODIFIED", earlier)

    assert operator.store.status(ROLLUP)["contracts"] == CONTRACTS


def test_new_labels_of_a_namespace_wake_its_rollups_that_a_selector_judges(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = told(operator, monkeypatch)
    operator.namespaces._told("team")
    before = list(keys)
    pool = operator.store.get(POOL)
    assert pool is not None
    spec = pool["spec"] | {"allowedRollups": {"namespaces": {"from": "Selector", "matchLabels": {"team": "red"}}}}
    operator.store.put(POOL, pool | {"spec": spec})
    operator.namespaces._told("others")
    elsewhere = list(keys)
    operator.namespaces._told("team")

    assert (before, elsewhere) == ([], [])
    assert keys == [ROLLUP, POOL, scaling.PLANNER]
