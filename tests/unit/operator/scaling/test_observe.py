"""What a real coordinator answers, as the planner sees it."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from ethrex_operator.scaling import observe
from ethrex_operator.scaling.observation import ProverState
from ethrex_operator.scaling.observe import Placed, Told, Unreadable
from unit.rollup.coordinator import served as coordinators


def row(**changes: object) -> dict[str, object]:
    plain: dict[str, object] = {
        "job": "1-attested-1",
        "batch": 1,
        "kind": "attested",
        "programVersion": 1,
        "gas": 5,
        "created": 1000,
        "dueAt": 9000,
        "state": "leased",
        "prover": "gpu.0",
        "leasedAt": 2000,
        "provenAt": None,
    }
    return plain | changes


def page(*rows: object, **more: object) -> bytes:
    return orjson.dumps({"jobs": rows, "next": None, **more})


async def test_jobs_and_provers_of_a_real_coordinator(tmp_path: Path) -> None:
    async with coordinators.serving(tmp_path) as served:
        for batch in (1, 2, 3):
            await served.add(batch)
        proven = await served.granted()
        served.ms += 2500
        assert (await served.prove(proven)).status == 200
        await served.granted()
        jobs = await served.call("GET", "/v1/jobs", token=coordinators.OBSERVER)
        provers = await served.call("GET", "/v1/provers", token=coordinators.OBSERVER)

    found = observe.jobs(jobs.body, "mine")
    told, after = observe.provers(provers.body)

    assert [(one.rollup, one.gas, one.prover, one.leased_at) for one in found.open] == [
        ("mine", 1000, coordinators.ME, served.ms / 1000),
        ("mine", 1000, "", None),
    ]
    (proof,) = observe.proofs({}, told, {"gpu": "attested"}, 7.0)
    assert (proof.pool, proof.kind, proof.gas, proof.seconds) == ("gpu", "attested", 1000, 2.5)
    assert [(one.prover_id, one.state) for one in told] == [(coordinators.ME, ProverState.BUSY)]
    assert after is None


def test_jobs_that_are_proven_are_no_work() -> None:
    found = observe.jobs(page(row(state="proven", provenAt=5500), row(), next="ab"), "one")

    assert found.next == "ab"
    assert [one.job_id for one in found.open] == ["1-attested-1"]


def test_what_provers_did_between_two_looks_teaches_their_rate() -> None:
    before = {"gpu.0": Told("gpu.0", "gpu", ProverState.IDLE, 1.0, proofs=2, proven_gas=100, proving_seconds=1.0)}
    told = [
        Told("gpu.0", "gpu", ProverState.IDLE, 9.0, proofs=4, proven_gas=700, proving_seconds=5.0),
        Told("gpu.1", "gpu", ProverState.IDLE, 9.0, proofs=1, proven_gas=50, proving_seconds=0.5),
        Told("cpu.0", "unknown", ProverState.IDLE, 9.0, proofs=1, proven_gas=50, proving_seconds=0.5),
    ]

    found = observe.proofs(before, told, {"gpu": "attested"}, 10.0)

    assert [(one.gas, one.seconds) for one in found] == [(300, 2.0), (300, 2.0), (50, 0.5)]
    assert {one.proven_at for one in found} == {10.0}
    assert observe.proofs({one.prover_id: one for one in told}, told, {"gpu": "attested"}, 11.0) == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<html>", "not JSON"),
        (b"[]", "without a list jobs"),
        (orjson.dumps({"jobs": [1]}), "without a list jobs"),
        (page(row(gas=-1)), "gas: -1 is not a number from 0"),
        (page(row(gas=True)), "gas: True is not a number from 0"),
        (page(row(state=None)), "state: None is not a string"),
        (page(row(dueAt=None)), "without created or dueAt"),
        (page(row(prover=None)), "prover: None is not a string"),
        (page(next=7), "next: 7 is not a string"),
    ],
)
def test_what_is_not_a_list_of_jobs_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        observe.jobs(content, "one")


def test_a_state_that_nobody_knows_is_refused() -> None:
    body = orjson.dumps({"provers": [{"prover": "p", "pool": "gpu", "state": "asleep", "lastSeen": 1}]})

    with pytest.raises(Unreadable, match="asleep"):
        observe.provers(body)


def test_what_several_coordinators_say_of_a_prover_is_taken_together() -> None:
    placed = [Placed(f"gpu.{number}", "gpu", 100.0, 100.0, 150.0) for number in range(4)]
    told = [
        Told("gpu.0", "gpu", ProverState.IDLE, 200.0),
        Told("gpu.0", "gpu", ProverState.BUSY, 200.0),
        Told("gpu.1", "gpu", ProverState.BUSY, 200.0),
        Told("gpu.1", "gpu", ProverState.CORDONED, 200.0),
        Told("gpu.2", "gpu", ProverState.IDLE, 50.0),  # an earlier one of that name
        Told("gone", "gpu", ProverState.IDLE, 200.0),
    ]

    found = observe.merged(placed, told)

    assert [one.state for one in found] == ["busy", "cordoned", "starting", "starting"]
    assert [one.ready_at for one in found] == [150.0, 150.0, None, None]
