"""What experience leaves behind, and that it survives a restart."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given

from ethrex_operator.scaling import checkpoint, planner
from ethrex_operator.scaling.learned import DAY, Learned, learn, start_up_p95
from ethrex_operator.scaling.observation import Observation, Proof, ProverState
from ethrex_operator.scaling.settings import Settings

from . import scenes
from .scenes import KIND, NOW


def proof(seconds: float, at: float, gas: int = 60_000_000) -> Proof:
    return Proof(pool="gpu", kind=KIND, gas=gas, seconds=seconds, proven_at=at)


def seen(**changes: object) -> Observation:
    plain = Observation(rollups=(scenes.rollup(),), pools=(scenes.pool(),))
    return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]


def test_a_rate_is_learned_from_proofs_and_none_counts_twice() -> None:
    told = seen(proofs=(proof(30.0, NOW - 5), proof(30.0, NOW - 4)))

    once = learn(Learned(), told, NOW)
    again = learn(once, told, NOW + 15)

    assert once.rates["gpu", KIND].mean == pytest.approx(2e6)
    assert again.rates == once.rates


def test_doubt_falls_with_every_proof() -> None:
    few = learn(Learned(), seen(proofs=(proof(60.0, NOW),)), NOW)
    many = learn(Learned(), seen(proofs=tuple(proof(60.0, NOW + n) for n in range(20))), NOW)

    assert many.rates["gpu", KIND].doubt < few.rates["gpu", KIND].doubt / 4


def test_a_start_up_is_learned_when_the_prover_is_up() -> None:
    first = learn(Learned(), seen(), NOW)
    told = seen(provers=(scenes.prover(0, started_at=NOW - 300, ready_at=NOW + 10),))

    after = learn(first, told, NOW + 15)

    assert after.start_ups == {"gpu": (310.0,)}
    assert start_up_p95(after, scenes.pool(start_up_hint=50.0)) == 310.0
    assert learn(after, told, NOW + 30).start_ups == after.start_ups


def test_spend_adds_up_by_what_is_billed_and_ends_with_the_day() -> None:
    pool = scenes.pool(billed_by=60.0)
    told = seen(pools=(pool,), provers=(scenes.prover(0, started_at=NOW - 10, placed_at=NOW - 10),))

    first = learn(Learned(), told, NOW)
    same_minute = learn(first, told, NOW + 45)
    next_minute = learn(same_minute, told, NOW + 60)
    tomorrow = learn(next_minute, dataclasses.replace(told, provers=()), NOW + DAY)

    spends = [one.ledgers["gpu"].spent for one in (first, same_minute, next_minute, tomorrow)]
    assert spends == pytest.approx([2 / 60, 2 / 60, 4 / 60, 0.0])


def test_a_prover_without_a_machine_costs_nothing() -> None:
    waiting = scenes.prover(0, ProverState.STARTING, placed_at=None)

    assert learn(Learned(), seen(provers=(waiting,)), NOW).ledgers["gpu"].spent == 0.0


@given(scenes.observations())
def test_a_checkpoint_gives_back_what_was_kept(told: Observation) -> None:
    proofs = (proof(61.0, NOW), proof(59.0, NOW))
    learned = planner.plan(dataclasses.replace(told, proofs=proofs), Learned(), Settings(), NOW).learned

    assert checkpoint.decoded(checkpoint.encoded(learned)) == learned


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{", b'{"version": 2}', checkpoint.encoded(Learned())[:-20], b" " * (checkpoint.MOST_BYTES + 1)],
)
def test_a_damaged_checkpoint_is_refused(content: bytes) -> None:
    with pytest.raises(checkpoint.Damaged):
        checkpoint.decoded(content)


def test_a_restart_forgets_no_spend() -> None:
    pool = scenes.pool(budget_per_day=1.0)
    told = seen(pools=(pool,), jobs=(scenes.job(1, due_in=220.0),), provers=())
    hour = dataclasses.replace(
        told, provers=(scenes.prover(0, ProverState.CORDONED, started_at=NOW - 1800, placed_at=NOW - 1800),)
    )
    kept = checkpoint.encoded(planner.plan(hour, scenes.measured(), Settings(), NOW).learned)

    decision = planner.plan(told, checkpoint.decoded(kept), Settings(), NOW + 15).pools[0]

    assert decision.start == 0
    assert "1.00 of 1.00 are spent today" in decision.message
