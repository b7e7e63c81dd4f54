"""When a batch is committed: at once where blobs are cheap, else when it has waited for as long as it may."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from ethrex_node.rollup.l1.answers import Market
from ethrex_node.rollup.settlement.committer import Settings, is_time
from ethrex_node.rollup.store.schema import Batch

SEALED_MS = 1_000_000
WAITS = Settings(wait_seconds=600.0, cheap_blob_fee_wei=10)


@pytest.mark.parametrize(
    ("blob_fee", "after_seconds", "settings", "goes"),
    [
        (10, 0, WAITS, True),
        (11, 0, WAITS, False),
        (11, 599, WAITS, False),
        (11, 600, WAITS, True),
        (10**12, 0, Settings(), True),
    ],
    ids=["cheap", "dear", "dear, nearly due", "due", "nobody asked to wait"],
)
def test_it_waits_for_cheap_blobs_as_long_as_it_may(
    blob_fee: int, after_seconds: int, settings: Settings, goes: bool
) -> None:
    batch: Any = SimpleNamespace(sealed_at_ms=SEALED_MS)

    found = is_time(cast("Batch", batch), Market(1, 1, blob_fee), settings, SEALED_MS + after_seconds * 1000)

    assert found is goes
