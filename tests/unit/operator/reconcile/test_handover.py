"""A sequencer hands over before its pod is rolled, and is not waited for without end."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from dataclasses import replace as changed
from pathlib import Path
from typing import Any

import pytest
import yaml

from ethrex_operator.api import loading
from ethrex_operator.api.rollup import EthrexRollup
from ethrex_operator.chain import coordinator
from ethrex_operator.chain.coordinator import Drained
from ethrex_operator.chain.errors import Unreachable
from ethrex_operator.kube.children import Change
from ethrex_operator.reconcile import handover
from ethrex_operator.reconcile.running import Instance
from ethrex_operator.reconcile.scaling_state import Scaling
from ethrex_operator.reconcile.world import Key, Store, World
from ethrex_operator.topology.workload import Program

EXAMPLE = (Path(__file__).parents[4] / "examples" / "rollup.yaml").read_text()
KEY = Key("EthrexRollup", "default", "rollup")
OLD = Instance(ready=True, outdated=True, pod="rollup-sequencer-0")
BUSY = Drained(drained=False, pool=4, open_transactions=9, made=7, committed=6, verified=5)


@dataclass
class ServerStandIn:
    """Pods that can be deleted, tokens that can be had."""

    deleted: list[str] = field(default_factory=list)

    async def delete(self, _: object, __: str, name: str) -> None:
        self.deleted.append(name)

    async def of(self, _: str) -> str:
        return "token"


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch) -> dict[str, Drained | None]:
    """What the sequencer says to a drain."""
    said: dict[str, Drained | None] = {"": BUSY}

    async def drain(_: object, __: object, *, end_batch: bool) -> Drained:
        assert not end_batch, "a batch more on L1 for each roll"
        if (found := said[""]) is None:
            raise Unreachable("the sequencer")
        return found

    monkeypatch.setattr(coordinator, "drain", drain)
    return said


def world(server: ServerStandIn) -> World:
    like: Any = server
    nothing: Any = None
    images = {Program.NODE: "node", Program.PROVER: "prover"}
    return World(
        *(like, like, Store(), nothing, "https://issuer", "system", "operator", None, "me", images),
        *(like, Scaling()),
    )


def step(found: World, instance: Instance = OLD) -> tuple[str, list[Change]]:
    rollup = next(one for one in map(loading.read, yaml.safe_load_all(EXAMPLE)) if isinstance(one, EthrexRollup))
    changes: list[Change] = []
    condition = asyncio.run(handover.step(found, rollup, instance, changes))
    assert condition.status == "False"
    return condition.reason, changes


def test_a_pod_is_rolled_when_it_has_sealed_what_it_took(says: dict[str, Drained | None]) -> None:
    server = ServerStandIn()
    found = world(server)

    waits, nothing = step(found)
    before = list(server.deleted)
    says[""] = changed(BUSY, drained=True)
    rolls, changes = step(found)

    assert (waits, rolls) == ("HandingOver", "Rolling")
    assert nothing == []
    assert before == []
    assert server.deleted == ["rollup-sequencer-0"]
    assert [one.reason for one in changes] == ["HandedOver", "Rolled"]
    assert "has sealed all that it took" in changes[0].note
    assert KEY not in found.handing


def test_what_cannot_be_sealed_holds_up_a_roll_for_a_while_only(says: dict[str, Drained | None]) -> None:
    server = ServerStandIn()
    found = world(server)
    step(found)
    found.handing[KEY] -= handover.MOST_SECONDS

    reason, changes = step(found)

    assert reason == "Rolling"
    assert server.deleted == ["rollup-sequencer-0"]
    assert "was not waited for: 4 transactions wait" in changes[0].note


def test_a_silent_sequencer_is_asked_for_a_while(says: dict[str, Drained | None]) -> None:
    server = ServerStandIn()
    says[""] = None

    assert step(world(server))[0] == "HandingOver"
    assert server.deleted == []


def test_one_that_does_not_run_has_nothing_to_hand_over(says: dict[str, Drained | None]) -> None:
    server = ServerStandIn()

    reason, _ = step(world(server), changed(OLD, ready=False, reason="ImagePullBackOff"))

    assert reason == "Rolling"
    assert server.deleted == ["rollup-sequencer-0"]
