"""Where a batch ends, and what its next block may hold."""

import pytest

from ethrex_node.rollup.sequencer import policy
from ethrex_node.rollup.sequencer.policy import Limits, OpenBatch
from ethrex_node.rollup.store.schema import Batch, QueueItem, SealedBlock

LIMITS = Limits(seconds=60, idle_seconds=600, gas=1_000_000, blobs=1, least_room_bytes=10_000)


def block(number: int = 1, **other: int) -> SealedBlock:
    facts = {"gas_used": 21_000, "data_bytes": 100, "transactions": 1, "sealed_at_ms": 5_000} | other
    return SealedBlock(number, bytes(32), 7, queue_index=0, l1_base_fee=11, l1_blob_base_fee=13, **facts)  # type: ignore[arg-type]


def item(index: int, gas: int) -> QueueItem:
    return QueueItem(index, bytes([index]), gas, 0, bytes(32), 1, bytes(32))


def test_a_batch_without_blocks_does_not_end() -> None:
    assert policy.end_reason(OpenBatch(), LIMITS, 10**9) is None


@pytest.mark.parametrize(
    ("blocks", "now_ms", "reason"),
    [
        ([block()], 64_999, None),
        ([block()], 65_000, "time"),
        ([block(transactions=0)], 65_000, None),
        ([block(transactions=0)], 605_000, "time"),
        ([block(transactions=0), block(transactions=1)], 65_000, "time"),
        ([block(gas_used=999_999)], 5_000, None),
        ([block(gas_used=600_000), block(gas_used=400_000)], 5_000, "gas"),
        ([block(data_bytes=LIMITS.data_bytes - 10_000)], 5_000, None),
        ([block(data_bytes=LIMITS.data_bytes - 9_999)], 5_000, "data"),
    ],
)
def test_a_batch_ends_by_time_gas_or_data(blocks: list[SealedBlock], now_ms: int, reason: str | None) -> None:
    assert policy.end_reason(OpenBatch.of(blocks), LIMITS, now_ms) == reason


def test_the_first_block_gives_the_batch_its_prices_and_its_age() -> None:
    batch = OpenBatch.of([block(sealed_at_ms=3), block(sealed_at_ms=9)])

    assert (batch.prices, batch.begun_at_ms, batch.blocks) == ((11, 13), 3, 2)


def test_items_are_offered_in_order_as_far_as_their_gas_goes() -> None:
    queued = [item(0, 4_000_000), item(1, 3_000_000), item(2, 1_000_000), item(3, 1)]

    plan = policy.plan_block(OpenBatch(), queued, LIMITS)

    assert plan.items == (b"\0", b"\1")
    assert plan.max_data_bytes == LIMITS.data_bytes


def test_no_more_items_are_offered_than_can_fill_the_room() -> None:
    nearly_full = OpenBatch(blocks=1, data_bytes=LIMITS.data_bytes - 10_000)

    plan = policy.plan_block(nearly_full, [item(0, 999_999), item(1, 2)], LIMITS)

    assert plan.items == (b"\0",)
    assert plan.max_data_bytes == 10_000


@pytest.mark.parametrize("wrong", [{"blobs": 0}, {"blobs": 7}, {"blobs": 1, "least_room_bytes": 100_000}])
def test_limits_that_cannot_hold_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="blob"):
        Limits(**wrong)


def batch(number: int, blobs: int, gas: int) -> Batch:
    return Batch(number, bytes(32), b"", 1, number, number, gas, (bytes(32),) * blobs, bytes(32), 0)


@pytest.mark.parametrize(
    ("committed", "proven", "told"),
    [
        (3, {1, 2, 3}, None),
        (2, {1, 2, 3}, None),
        (1, {1, 2, 3}, "5 blobs are not on L1"),
        (3, {1, 2}, None),
        (3, {1}, "300 gas is not proven"),
        (0, set(), "7 blobs"),
    ],
)
def test_building_waits_for_l1_and_for_provers(committed: int, proven: set[int], told: str | None) -> None:
    patience = policy.Patience(uncommitted_blobs=3, unproven_gas=200)
    batches = [batch(1, 2, 100), batch(2, 2, 100), batch(3, 3, 200)]

    found = policy.pressure(policy.Backlog.of(batches, committed, proven.__contains__), patience)

    assert found is None if told is None else found is not None and told in found


def test_what_is_not_made_yet_counts_too() -> None:
    patience = policy.Patience(uncommitted_blobs=3, unproven_gas=200)
    backlog = policy.Backlog.of([batch(1, 2, 100)], 0, {1}.__contains__)

    assert policy.pressure(backlog.and_more(1, 200), patience) is None
    assert "4 blobs" in (policy.pressure(backlog.and_more(2, 0), patience) or "")
    assert "201 gas" in (policy.pressure(backlog.and_more(0, 201), patience) or "")
