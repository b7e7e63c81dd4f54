"""Fees: pools' replacement rules, caps, room for the base fee."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ethrex_node.rollup.l1 import answers, fees

MARKET = answers.Market(base_fee=10 * fees.GWEI, tip=2 * fees.GWEI, blob_base_fee=3)
POLICY = fees.Policy()
AMOUNTS = st.integers(0, 10**14)


def test_the_base_fees_may_double() -> None:
    offered = fees.first(MARKET, POLICY, has_blobs=True)

    assert offered == fees.Fees(22 * fees.GWEI, 2 * fees.GWEI, 6)


def test_without_blobs_there_is_no_blob_fee() -> None:
    assert fees.first(MARKET, POLICY, has_blobs=False).max_fee_per_blob_gas == 0


def test_a_market_above_the_cap_gets_the_cap() -> None:
    policy = fees.Policy(most_per_gas=5 * fees.GWEI, most_per_blob_gas=2)

    assert fees.first(MARKET, policy, has_blobs=True) == fees.Fees(5 * fees.GWEI, 2 * fees.GWEI, 2)


@given(AMOUNTS, AMOUNTS, AMOUNTS, AMOUNTS, AMOUNTS, st.booleans())
def test_a_replacement_is_one_that_pools_take_and_caps_allow(
    base_fee: int, tip: int, blob_fee: int, old_fee: int, old_blob_fee: int, has_blobs: bool
) -> None:
    old = fees.Fees(max(old_fee, tip), tip, old_blob_fee if has_blobs else 0)
    policy = fees.Policy(most_per_gas=10**13, most_per_blob_gas=10**13)
    new = fees.replacement(old, answers.Market(base_fee, tip, blob_fee), policy, has_blobs=has_blobs)

    if new is None:
        return
    percent = 200 if has_blobs else 110
    assert new.max_fee_per_gas * 100 >= old.max_fee_per_gas * percent
    assert new.max_priority_fee_per_gas * 100 >= old.max_priority_fee_per_gas * percent
    assert new.max_fee_per_blob_gas * 100 >= old.max_fee_per_blob_gas * percent
    assert new.max_priority_fee_per_gas <= new.max_fee_per_gas <= policy.most_per_gas
    assert new.max_fee_per_blob_gas <= policy.most_per_blob_gas


def test_beyond_the_cap_nothing_is_replaced() -> None:
    old = fees.Fees(300 * fees.GWEI, fees.GWEI, 1)

    assert fees.replacement(old, MARKET, POLICY, has_blobs=True) is None
    assert fees.replacement(old, MARKET, POLICY, has_blobs=False) is not None


def test_a_policy_that_pools_would_refuse_is_refused() -> None:
    with pytest.raises(ValueError, match="pools refuse"):
        fees.Policy(blob_bump_percent=50)
