"""L1's fees as a batch names them: the lowest of late, through an outage of L1 too."""

from __future__ import annotations

from ethrex_node.node.roles import PRICES_SECONDS, Prices
from ethrex_node.rollup.l1.answers import Market


def market(base_fee: int, blob_base_fee: int = 3) -> Market:
    return Market(base_fee, 1, blob_base_fee)


def test_the_lowest_of_late_counts() -> None:
    prices = Prices(has_blobs=True)
    prices.note(market(20, 9), 0.0)
    prices.note(market(10, 12), 1.0)

    assert prices() == (10, 9)


def test_an_outage_longer_than_its_memory_leaves_the_last_price_and_then_the_new_one() -> None:
    prices = Prices(has_blobs=True)
    prices.note(market(10), 0.0)
    assert prices() == (10, 3)  # however long ago: blocks go on while L1 is away

    prices.note(market(50), PRICES_SECONDS + 1.0)

    assert prices() == (50, 3)


def test_who_publishes_nothing_pays_for_no_blobs() -> None:
    prices = Prices(has_blobs=False)
    prices.note(market(10), 0.0)

    assert prices() == (10, 0)
