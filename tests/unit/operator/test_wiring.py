"""What the operator looks at again when a watch, or it itself, changes something."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from ethrex_operator.kube import errors
from ethrex_operator.kube.client import Kube, Object
from ethrex_operator.kube.kinds import Kind
from ethrex_operator.main import SWEEP_SECONDS, Operator, Settings
from ethrex_operator.reconcile import report, scaling
from ethrex_operator.reconcile.report import Report
from ethrex_operator.reconcile.world import Key
from ethrex_operator.topology.workload import Program
from unit.operator import virtual_time

EXAMPLE = Path(__file__).parents[3] / "examples" / "rollup.yaml"
L1, ROLLUP, POOL = (
    Key("EthrexL1Node", "team", "l1"),
    Key("EthrexRollup", "team", "rollup"),
    Key("ProverPool", "team", "provers"),
)
ADDRESS = "0x" + "11" * 20
CONTRACTS = {"l1ChainId": 1, "deployedAtBlock": 1} | dict.fromkeys(
    ("proposer", "bridge", "registry", "attestedVerifier"), ADDRESS
)
NOBODY = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "nobody",
    "contexts": [{"name": "nobody", "context": {"cluster": "nobody", "user": "nobody"}}],
    "clusters": [{"name": "nobody", "cluster": {"server": "http://127.0.0.1:1"}}],
    "users": [{"name": "nobody", "user": {"token": "none"}}],
}


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


def test_a_change_that_a_status_is_answered_with_is_looked_at(
    operator: Operator, server: StatusStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at = operator.store.get(ROLLUP)
    assert looked_at is not None
    changed = server.bodies["EthrexRollup"] = of_generation(looked_at, 2, "2")
    keys = told(operator, monkeypatch)

    asyncio.run(report.write(operator.world, ROLLUP, looked_at, Report(fields={"chainId": 65536999})))

    assert ROLLUP in keys
    keys.clear()
    operator.event("EthrexRollup", "MODIFIED", changed)
    assert keys == []


def test_a_status_that_is_answered_late_does_not_take_back_a_change(operator: Operator, server: StatusStandIn) -> None:
    looked_at = operator.store.get(ROLLUP)
    assert looked_at is not None
    changed = of_generation(looked_at, 2, "7")

    async def overtaken(wanted: Object, *, status: bool) -> Object:
        done = await StatusStandIn.apply(server, wanted, status=status)
        operator.event("EthrexRollup", "MODIFIED", changed)
        return done

    server.apply = overtaken  # type: ignore[method-assign]
    asyncio.run(report.write(operator.world, ROLLUP, looked_at, Report(fields={"chainId": 65536999})))

    kept = operator.store.get(ROLLUP)
    assert kept is not None
    assert kept["metadata"]["generation"] == 2


def test_nothing_is_looked_at_before_all_resources_have_come(
    operator: Operator, server: StatusStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = server.bodies["ProverPool"]
    operator.store.remove(POOL)
    happened: list[str] = []

    async def pages(kind: Kind, *_: object, metadata: bool) -> AsyncIterator[tuple[list[Object], str]]:
        yield ([server.bodies[kind.name]] if kind.name in server.bodies else []), "1"

    async def resources() -> None:
        await asyncio.sleep(1)
        happened.append("the pool has come")
        operator.event("ProverPool", None, late)
        await asyncio.sleep(1e9)

    async def work() -> None:
        happened.append("work begins")
        raise InterruptedError

    async def forever() -> None:
        await asyncio.sleep(1e9)

    server.pages = pages  # type: ignore[attr-defined]
    monkeypatch.setattr(operator, "_watch_resources", resources)
    monkeypatch.setattr(operator.queue, "work", work)
    for part in (operator.children, operator.namespaces):
        monkeypatch.setattr(part, "watch", forever)
        part.ready.set()

    with pytest.raises(ExceptionGroup):
        virtual_time.run(operator.lead())

    assert happened == ["the pool has come", "work begins"]


def test_what_went_while_no_watch_told_of_it_is_let_go(
    operator: Operator, server: StatusStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists = 0

    async def pages(kind: Kind, *_: object, metadata: bool) -> AsyncIterator[tuple[list[Object], str]]:
        nonlocal lists
        lists += 1
        if lists == 1:
            raise errors.Away("the API server is away")
        if kind.name == "EthrexRollup":  # it came while the list was on its way
            operator.event(kind.name, "ADDED", another(server.bodies[kind.name], "2"))
        yield ([server.bodies[kind.name]] if kind.name == "EthrexL1Node" else []), "1"

    async def played() -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(operator._sweep(), 1.5 * SWEEP_SECONDS)

    server.pages = pages  # type: ignore[attr-defined]
    keys = told(operator, monkeypatch)
    virtual_time.run(played())

    assert POOL not in operator.store
    assert scaling.PLANNER in keys
    assert ROLLUP in operator.store
    assert L1 in operator.store


def test_an_end_that_is_told_late_does_not_end_its_successor(operator: Operator, server: StatusStandIn) -> None:
    old = server.bodies["EthrexRollup"]
    operator.event("EthrexRollup", "ADDED", another(old, "2"))

    operator.event("EthrexRollup", "DELETED", old)
    assert ROLLUP in operator.store

    operator.event("EthrexRollup", "DELETED", another(old, "3"))
    assert ROLLUP not in operator.store


def another(body: Object, version: str) -> Object:
    """Of its name, made after it."""
    return body | {"metadata": body["metadata"] | {"uid": "another", "resourceVersion": version}}


def test_a_signal_ends_the_operator_and_not_only_its_watches(
    operator: Operator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    access = tmp_path / "kubeconfig"
    access.write_text(yaml.safe_dump(NOBODY))
    monkeypatch.setenv("KUBECONFIG", str(access))
    operator.settings = replace(operator.settings, kubeconfig=access)

    async def played() -> bool:
        listening, told = asyncio.Event(), asyncio.Event()

        def listen() -> None:
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
            listening.set()

        operator._listen = listen
        watching = asyncio.create_task(operator._watch_resources())
        await asyncio.wait_for(listening.wait(), 60)
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(told.wait(), 60)
        is_on = not watching.done()
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        return is_on

    assert asyncio.run(played())


def of_generation(body: Object, generation: int, version: str) -> Object:
    spec = body["spec"] | {"batching": {"endAfterSeconds": 11}}
    return body | {
        "spec": spec,
        "metadata": body["metadata"] | {"generation": generation, "resourceVersion": version},
    }


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
