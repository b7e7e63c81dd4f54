"""When a rollup that is to go is no longer waited for, and what is told of it."""

from __future__ import annotations

import asyncio
import copy
from dataclasses import dataclass, field
from dataclasses import replace as changed
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from ethrex_operator.api import loading
from ethrex_operator.api.running import Deletion
from ethrex_operator.chain import coordinator, rpc
from ethrex_operator.chain.coordinator import Drained
from ethrex_operator.chain.errors import Unreachable
from ethrex_operator.kube import conditions
from ethrex_operator.reconcile import settling, teardown
from ethrex_operator.reconcile.scaling_state import Scaling
from ethrex_operator.reconcile.settling import Facts
from ethrex_operator.reconcile.world import Key, Store, World
from ethrex_operator.topology.workload import Program

EXAMPLE = (Path(__file__).parents[4] / "examples" / "rollup.yaml").read_text()
ROLLUP, L1, POOL = (
    Key("EthrexRollup", "team", "rollup"),
    Key("EthrexL1Node", "team", "l1"),
    Key("ProverPool", "team", "provers"),
)
SHARED = Key("EthrexSettlement", "team", "shared")
ADDRESS = "0x" + "11" * 20
CONTRACTS = dict.fromkeys(("proposer", "bridge", "registry", "attestedVerifier"), ADDRESS) | {"deployedAtBlock": 1}

BUSY = Drained(drained=False, pool=4, open_transactions=9, made=7, committed=6, verified=5)
SEALED = Drained(drained=True, pool=0, open_transactions=0, made=8, committed=6, verified=5)
PUBLISHED = changed(SEALED, committed=8)
ALL = changed(SEALED, committed=8, verified=8)
WAITS = Facts(Deletion(), since_seconds=5.0)

Object = dict[str, Any]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (WAITS, (False, "SequencerSilent")),
        (changed(WAITS, seen=BUSY), (False, "Draining")),
        (changed(WAITS, seen=SEALED), (False, "Committing")),
        (changed(WAITS, seen=PUBLISHED), (False, "Verifying")),
        (changed(WAITS, seen=ALL), (True, "Settled")),
        (changed(WAITS, seen=changed(ALL, open_transactions=1)), (False, "Verifying")),
        (changed(WAITS, asked=Deletion(settle="Abandon")), (True, "Abandoned")),
        (changed(WAITS, seen=SEALED, namespace_ends=True), (True, "Abandoned")),
        (changed(WAITS, seen=SEALED, parts_end=True), (True, "Abandoned")),
        (changed(WAITS, seen=SEALED, l1_ends=True), (True, "Abandoned")),
        (changed(WAITS, seen=SEALED, l1_away_seconds=0.0), (False, "Committing")),
        (changed(WAITS, seen=SEALED, l1_away_seconds=settling.L1_AWAY_SECONDS), (True, "Abandoned")),
        (changed(WAITS, seen=PUBLISHED, provers_end=True), (True, "Abandoned")),
        (changed(WAITS, seen=ALL, provers_end=True, l1_ends=True), (True, "Settled")),
        (changed(WAITS, seen=SEALED, since_seconds=599.0), (False, "Committing")),
        (changed(WAITS, seen=SEALED, since_seconds=600.0), (True, "Abandoned")),
        (changed(WAITS, since_seconds=600.0), (True, "Abandoned")),
    ],
)
def test_a_rollup_is_waited_for_until_it_is_settled_or_cannot_be(facts: Facts, expected: tuple[bool, str]) -> None:
    found = settling.verdict(facts)

    assert (found.go, found.reason) == expected


@dataclass
class ServerStandIn:
    """An API server as far as a resource that goes is concerned."""

    namespace_ends: bool = False
    claims_of: list[str] = field(default_factory=lambda: ["rollup-sequencer-data"])
    finalizers: dict[str, list[str]] = field(default_factory=dict)
    events: list[Object] = field(default_factory=list)
    statuses: list[Object] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)

    async def request(self, verb: str, path: str, body: Object | None = None, **_: str) -> Object:
        if verb == "GET":
            assert path == "/api/v1/namespaces/team"
            ends = {"deletionTimestamp": "2026-01-01T00:00:00Z"} if self.namespace_ends else {}
            return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team", "uid": "n"} | ends}
        assert body is not None
        self.finalizers[path.rsplit("/", 1)[1]] = body["metadata"]["finalizers"]
        return {"metadata": {"finalizers": body["metadata"]["finalizers"], "resourceVersion": "2"}}

    async def create(self, wanted: Object) -> Object:
        self.events.append(wanted)
        return wanted

    async def apply(self, wanted: Object, *, status: bool) -> Object:
        assert status
        self.statuses.append(wanted["status"])
        return wanted

    async def delete(self, _: object, __: str, name: str) -> None:
        self.deleted.append(name)

    def claims(self, _: object) -> list[str]:
        return self.claims_of


class TokensStandIn:
    async def of(self, _: str) -> str:
        return "token"


def world(server: ServerStandIn, *, deletion: Object | None = None, going: float | None = 1.0) -> World:
    """The example, whose rollup was asked to go so many seconds ago and settles by `shared`."""
    bodies: dict[Key, Object] = {}
    shared = {"kind": SHARED.kind, "metadata": {"name": "shared"}, "spec": {"l1": {"ref": {"name": "l1"}}}}
    for one in (*yaml.safe_load_all(EXAMPLE), shared):
        one["apiVersion"] = "ethrex.dev/v1alpha1"
        one["metadata"] |= {"namespace": "team", "uid": one["kind"], "generation": 1, "resourceVersion": "1"}
        bodies[Key(one["kind"], "team", one["metadata"]["name"])] = one
    rollup = bodies[ROLLUP]
    rollup["spec"] |= {"settlement": {"name": "shared"}, "deletion": deletion or {}}
    rollup["status"] = {"contracts": {"l1ChainId": 31337, **CONTRACTS}, "chainId": 65_536_999}
    if going is not None:
        begun = (datetime.now(UTC) - timedelta(seconds=going)).strftime("%Y-%m-%dT%H:%M:%SZ")
        rollup["metadata"] |= {"deletionTimestamp": begun, "finalizers": [teardown.FINALIZER]}
    like: Any = server
    nothing: Any = None
    tokens: Any = TokensStandIn()
    images = {Program.NODE: "node", Program.PROVER: "prover"}
    return World(
        *(like, like, Store(bodies), nothing, "https://issuer", "system", "operator", None, "me", images),
        *(tokens, Scaling()),
    )


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch) -> dict[str, Drained | None]:
    """What the sequencer says to a drain, and whether L1 answers."""
    said: dict[str, Drained | None] = {"sequencer": BUSY, "l1": BUSY}

    async def drain(_: object, at: object, *, end_batch: bool) -> Drained:
        assert end_batch
        found = said["sequencer"]
        if found is None:
            raise Unreachable("the sequencer")
        return found

    async def call(*_: object) -> str:
        if said["l1"] is None:
            raise Unreachable("L1")
        return "0x7a69"

    monkeypatch.setattr(coordinator, "drain", drain)
    monkeypatch.setattr(rpc, "call", call)
    return said


def step(found: World, key: Key = ROLLUP) -> float | None:
    return asyncio.run(teardown.step(found, key, found.store[key])).seconds


def gone(found: World, key: Key) -> None:
    """It is being deleted too."""
    body = copy.deepcopy(found.store[key])
    body["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    found.store.put(key, body)


def test_a_rollup_drains_and_goes_when_l1_has_verified_its_batches(says: dict[str, Drained | None]) -> None:
    server = ServerStandIn()

    again = step(world(server))
    told = {one["type"]: one for one in server.statuses[-1]["conditions"]}
    says["sequencer"] = ALL
    step(world(server))

    assert again == teardown.SETTLE_SECONDS
    assert (told["Settled"]["status"], told["Settled"]["reason"]) == ("False", "Draining")
    assert server.finalizers == {"rollup": []}
    assert [one["reason"] for one in server.events] == ["Settled"]
    assert "of 8 batches L1 has 8 and has verified 8; kept: rollup-sequencer-data" in server.events[0]["note"]


@pytest.mark.parametrize("key", [L1, POOL])
def test_who_goes_with_what_it_needs_is_not_waited_for(says: dict[str, Drained | None], key: Key) -> None:
    server = ServerStandIn()
    found = world(server)
    gone(found, key)
    says["sequencer"] = SEALED

    assert step(found) is None
    assert [(one["reason"], one["type"]) for one in server.events] == [("Abandoned", "Warning")]
    assert "of 8 batches L1 has 6 and has verified 5" in server.events[0]["note"]
    assert server.finalizers == {"rollup": []}


def test_an_l1_that_stays_away_is_given_up(says: dict[str, Drained | None]) -> None:
    server = ServerStandIn()
    found = world(server)
    says["l1"] = None

    first = step(found)
    long_ago = (datetime.now(UTC) - timedelta(seconds=settling.L1_AWAY_SECONDS + 1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    told = server.statuses[-1]
    for one in told["conditions"]:
        one["lastTransitionTime"] = long_ago
    found.store.put(ROLLUP, world(server).store[ROLLUP] | {"status": told})
    last = step(found)

    assert first == teardown.SETTLE_SECONDS
    assert last is None
    assert "its L1 does not answer" in server.events[0]["note"]


def test_what_a_namespace_takes_with_it_is_told_elsewhere(says: dict[str, Drained | None]) -> None:
    """Nothing can be written into it any more."""
    server = ServerStandIn(namespace_ends=True)

    step(world(server))

    (event,) = server.events
    assert event["metadata"]["namespace"] == "default"
    assert event["regarding"] == {"apiVersion": "v1", "kind": "Namespace", "name": "team", "uid": "n"}
    assert "nothing is kept" in event["note"]
    assert server.finalizers == {"rollup": []}


def test_volumes_go_only_after_it_is_settled(says: dict[str, Drained | None]) -> None:
    server = ServerStandIn()
    found = world(server, deletion={"policy": "Delete"})

    step(found)
    before = list(server.deleted)
    says["sequencer"] = ALL
    step(world(server, deletion={"policy": "Delete"}))

    assert before == []
    assert server.deleted == ["rollup-sequencer-data"]


def test_time_ends_the_wait_for_a_silent_sequencer(says: dict[str, Drained | None]) -> None:
    server = ServerStandIn()
    says["sequencer"] = None

    assert step(world(server, deletion={"timeoutSeconds": 60}, going=30.0)) == teardown.SETTLE_SECONDS
    assert step(world(server, deletion={"timeoutSeconds": 60}, going=61.0)) is None
    assert "not settled within 60 s; what L1 has is not known here" in server.events[0]["note"]


def test_a_settlement_is_held_while_somebody_settles_by_it(says: dict[str, Drained | None]) -> None:
    server = ServerStandIn()
    found = world(server)
    gone(found, SHARED)
    body = found.store[SHARED]
    body["metadata"]["finalizers"] = [teardown.FINALIZER]
    holds = (conditions.yes("Deployed", "Recorded"), conditions.yes("Verified", "ByCode"))
    body["status"] = {"conditions": conditions.merged((), holds, generation=1)}
    found.store.put(SHARED, body)

    held = step(found, SHARED)
    told = {one["type"]: one for one in server.statuses[-1]["conditions"]}
    found.store.put(SHARED, body)
    found.store.remove(ROLLUP)
    step(found, SHARED)

    assert held == teardown.IN_USE_SECONDS
    assert (told["Ready"]["reason"], told["Stalled"]["status"]) == ("InUse", "True")
    assert "team/rollup" in told["Ready"]["message"]
    assert {told[type]["status"] for type in ("Deployed", "Verified")} == {"True"}, "its rollups go on by that"
    assert server.finalizers == {"shared": []}


@pytest.mark.parametrize(
    ("key", "deletion", "deployed", "expected"),
    [
        (ROLLUP, {}, True, True),
        (ROLLUP, {}, False, False),
        (ROLLUP, {"settle": "Abandon"}, True, False),
        (ROLLUP, {"settle": "Abandon", "policy": "Delete"}, True, True),
        (SHARED, {}, True, True),
        (POOL, {}, True, False),
    ],
)
def test_a_finalizer_is_there_while_there_is_something_to_do(
    key: Key, deletion: Object, deployed: bool, expected: bool
) -> None:
    server = ServerStandIn()
    found = world(server, deletion=deletion, going=None)
    body = found.store[key]
    if not deployed:
        body["status"] = {}

    asyncio.run(teardown.guard(found, key, body, loading.read(body)))

    assert server.finalizers.get(key.name, []) == ([teardown.FINALIZER] if expected else [])
