"""What each recorded action needs next, for every state of the L1 that it can meet."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ethrex_node.rollup.l1 import answers, fees
from ethrex_node.rollup.outbox import plan, record
from ethrex_node.rollup.store.schema import Attempt, OutboxEntry

HASH, OTHER = b"\1" * 32, b"\2" * 32
MARKET = answers.Market(fees.GWEI, fees.GWEI, 1)
ATTEMPT = Attempt(HASH, b"raw", 3 * fees.GWEI, fees.GWEI, 0, sent_at_ms=1000)
SETTINGS = plan.Settings(patience_ms=5000)


def entry(**more: object) -> OutboxEntry:
    plain = OutboxEntry(
        number=1, purpose="commit/1", sender=b"s", to=b"t", data=b"", value_wei=0, gas_limit=1, blob_hashes=(), nonce=5,
        recorded_at_ms=1000, recorded_at_block=10, attempts=(ATTEMPT,),
    )  # fmt: skip
    return dataclasses.replace(plain, **more)  # type: ignore[arg-type]


def receipt(block: int, block_hash: bytes = b"b", transaction: bytes = HASH) -> answers.Receipt:
    return answers.Receipt(transaction, block, block_hash, True, 21_000, 5, 0, 0)


def view(**more: object) -> plan.View:
    plain = plan.View(
        head=20, final=15, mined_nonce=5, final_nonce=5, receipts={}, known=frozenset(), market=MARKET, now_ms=2000
    )
    return dataclasses.replace(plain, **more)  # type: ignore[arg-type]


def step(one: OutboxEntry, seen: plan.View, settings: plan.Settings = SETTINGS) -> plan.Step:
    ((_, decided),) = plan.plan([one], seen, settings)
    return decided


def test_never_sent_is_sent() -> None:
    fresh = entry(attempts=(dataclasses.replace(ATTEMPT, sent_at_ms=0),))

    assert step(fresh, view()) == plan.Send()


def test_in_the_pool_is_left_alone() -> None:
    assert step(entry(), view(known=frozenset({HASH}))) == plan.IN_POOL


def test_what_nobody_knows_any_more_is_sent_again_as_it_is() -> None:
    assert step(entry(), view(now_ms=10**9)) == plan.Send()


def test_late_is_replaced_and_stays_within_the_caps() -> None:
    late = view(known=frozenset({HASH}), now_ms=7000)

    assert isinstance(step(entry(), late), plan.Replace)
    capped = plan.Settings(patience_ms=5000, fees=fees.Policy(most_per_gas=3 * fees.GWEI))
    assert step(entry(), late, capped) == plan.CAPPED


def test_outbid_is_replaced_at_once() -> None:
    spike = view(known=frozenset({HASH}), market=answers.Market(4 * fees.GWEI, fees.GWEI, 1))

    decided = step(entry(), spike)
    assert isinstance(decided, plan.Replace)
    assert decided.fees.max_fee_per_gas == 9 * fees.GWEI


def test_only_the_next_one_is_replaced() -> None:
    late = view(known=frozenset({HASH}), now_ms=7000, mined_nonce=4, final_nonce=4)
    before = entry(number=2, nonce=4)

    assert [type(one) for _, one in plan.plan([entry(), before], late, SETTINGS)] == [plan.Replace, plan.Wait]


def test_underpriced_is_raised_without_being_known() -> None:
    refused = entry(attempts=(dataclasses.replace(ATTEMPT, is_underpriced=True),))

    assert isinstance(step(refused, view()), plan.Replace)


def test_a_receipt_is_noted_then_waited_for_then_final() -> None:
    found = receipt(18)
    seen = view(mined_nonce=6, receipts={HASH: found})

    assert step(entry(), seen) == plan.Note(found)
    assert step(record.as_mined(entry(), found), seen) == plan.UNTIL_FINAL
    assert step(record.as_mined(entry(), found), dataclasses.replace(seen, final=18)) == plan.Finish(found)


def test_a_receipt_of_an_older_attempt_counts() -> None:
    both = entry(attempts=(dataclasses.replace(ATTEMPT, hash=OTHER), ATTEMPT))
    found = receipt(12, transaction=OTHER)

    assert step(both, view(mined_nonce=6, receipts={OTHER: found})) == plan.Finish(found)


def test_mined_again_in_another_block_is_noted_anew() -> None:
    moved = receipt(18, b"c")

    assert step(record.as_mined(entry(), receipt(18)), view(mined_nonce=6, receipts={HASH: moved})) == plan.Note(moved)


def test_taken_back_by_a_reorg_is_forgotten_then_sent_again() -> None:
    mined = record.as_mined(entry(), receipt(18))

    assert step(mined, view()) == plan.Forget()
    assert step(record.as_waiting(mined), view()) == plan.Send()


def test_a_stolen_nonce_waits_for_finality() -> None:
    assert step(entry(), view(mined_nonce=6, final_nonce=5)) == plan.NONCE_TAKEN
    assert step(entry(), view(mined_nonce=6, final_nonce=6)) == plan.Resign()


def test_a_gap_is_filled_when_it_stays() -> None:
    gap = view(mined_nonce=3, known=frozenset({HASH}))

    assert step(entry(), gap) == plan.IN_POOL
    assert step(entry(), dataclasses.replace(gap, now_ms=7000)) == plan.FillGap(3)


def test_pools_get_one_kind_at_a_time() -> None:
    fresh = dataclasses.replace(ATTEMPT, sent_at_ms=0)
    with_blobs = entry(number=2, nonce=6, blob_hashes=(b"h",), attempts=(fresh,))

    steps = plan.plan([with_blobs, entry()], view(known=frozenset({HASH})), SETTINGS)
    assert [one for _, one in steps] == [plan.IN_POOL, plan.AFTER_OTHERS]


def test_no_more_in_flight_than_pools_hold() -> None:
    fresh = (dataclasses.replace(ATTEMPT, sent_at_ms=0),)
    entries = [entry(number=n, nonce=5 + n, attempts=fresh) for n in range(12)]

    steps = [one for _, one in plan.plan(entries, view(), SETTINGS)]
    assert steps == [plan.Send()] * 8 + [plan.AFTER_OTHERS] * 4


@pytest.mark.parametrize(("mined", "nonce"), [(0, 6), (9, 9)])
def test_a_new_action_comes_after_all_others(mined: int, nonce: int) -> None:
    assert plan.next_nonce([entry()], mined) == nonce


@given(
    mined_nonce=st.integers(3, 8), final_nonce=st.integers(3, 8), has_receipt=st.booleans(), was_mined=st.booleans(),
    block=st.integers(1, 20), known=st.booleans(), now_ms=st.integers(1000, 100_000), base_fee=st.integers(0, 10**12),
)  # fmt: skip
def test_another_nonce_is_taken_only_where_the_old_is_used_up_for_good(
    mined_nonce: int,
    final_nonce: int,
    has_receipt: bool,
    was_mined: bool,
    block: int,
    known: bool,
    now_ms: int,
    base_fee: int,
) -> None:
    found = receipt(block)
    seen = view(
        mined_nonce=max(mined_nonce, final_nonce), final_nonce=final_nonce, now_ms=now_ms,
        receipts={HASH: found} if has_receipt else {}, known=frozenset({HASH} if known else ()),
        market=answers.Market(base_fee, 1, 1),
    )  # fmt: skip
    decided = step(record.as_mined(entry(), found) if was_mined else entry(), seen)

    if isinstance(decided, plan.Resign):
        assert final_nonce > 5
        assert not has_receipt
    if isinstance(decided, plan.Send | plan.Replace):
        assert seen.mined_nonce <= 5
        assert not has_receipt
