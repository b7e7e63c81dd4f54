"""
What a transaction may pay. Pure.

A first attempt offers room for the base fees to double. One that is not mined is replaced by the pools' rules: each of
its fees must rise, by 10 %, with blobs by 100 %; never beyond the caps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ethrex_node.rollup.l1.answers import Market

GWEI: Final = 10**9
HEADROOM: Final = 2  # the base fee grows by an eighth a block: six full blocks
BUMP_PERCENT: Final = 10
BLOB_BUMP_PERCENT: Final = 100


@dataclass(frozen=True, slots=True)
class Fees:
    """Wei per gas. Without blobs `max_fee_per_blob_gas` is 0."""

    max_fee_per_gas: int
    max_priority_fee_per_gas: int
    max_fee_per_blob_gas: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Caps in wei per gas; `least_tip` is offered where the market asks less."""

    most_per_gas: int = 500 * GWEI
    most_per_blob_gas: int = 500 * GWEI
    least_tip: int = GWEI
    bump_percent: int = BUMP_PERCENT
    blob_bump_percent: int = BLOB_BUMP_PERCENT

    def __post_init__(self) -> None:
        if self.bump_percent < BUMP_PERCENT or self.blob_bump_percent < BLOB_BUMP_PERCENT:
            raise ValueError(
                f"pools refuse to replace for less than {BUMP_PERCENT} % ({BLOB_BUMP_PERCENT} % with blobs) more"
            )


def first(market: Market, policy: Policy, *, has_blobs: bool) -> Fees:
    """What the market asks, or the cap where it asks more: then it waits."""
    wanted = _wanted(market, policy, has_blobs)
    per_gas = min(wanted.max_fee_per_gas, policy.most_per_gas)
    return Fees(
        per_gas,
        min(wanted.max_priority_fee_per_gas, per_gas),
        min(wanted.max_fee_per_blob_gas, policy.most_per_blob_gas),
    )


def replacement(old: Fees, market: Market, policy: Policy, *, has_blobs: bool) -> Fees | None:
    """What pools take in the place of `old`, at least what the market asks; None where the caps do not allow it."""
    percent = policy.blob_bump_percent if has_blobs else policy.bump_percent
    wanted = _wanted(market, policy, has_blobs)
    per_gas = max(_raised(old.max_fee_per_gas, percent), min(wanted.max_fee_per_gas, policy.most_per_gas))
    tip = max(_raised(old.max_priority_fee_per_gas, percent), min(wanted.max_priority_fee_per_gas, per_gas))
    per_blob = 0
    if has_blobs:
        blob_wanted = min(wanted.max_fee_per_blob_gas, policy.most_per_blob_gas)
        per_blob = max(_raised(old.max_fee_per_blob_gas, percent), blob_wanted)
    per_gas = max(per_gas, tip)
    if per_gas > policy.most_per_gas or per_blob > policy.most_per_blob_gas:
        return None
    return Fees(per_gas, tip, per_blob)


def is_outbid(fees: Fees, market: Market, *, has_blobs: bool) -> bool:
    """Whether the next block asks more than is offered."""
    return fees.max_fee_per_gas < market.base_fee or (has_blobs and fees.max_fee_per_blob_gas < market.blob_base_fee)


def _wanted(market: Market, policy: Policy, has_blobs: bool) -> Fees:
    tip = max(market.tip, policy.least_tip)
    per_blob = HEADROOM * max(market.blob_base_fee, 1) if has_blobs else 0
    return Fees(HEADROOM * market.base_fee + tip, tip, per_blob)


def _raised(fee: int, percent: int) -> int:
    """Rounded up, and at least by one wei."""
    return max(-(-fee * (100 + percent) // 100), fee + 1)
