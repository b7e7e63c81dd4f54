"""An L1 node's volume: by its own figures, whether there is room left."""

from __future__ import annotations

import pytest

from ethrex_operator.chain import figures
from ethrex_operator.reconcile.l1node import storage

GIB = 2**30


@pytest.mark.parametrize(
    ("size", "free", "status", "reason"),
    [
        (0, 0, "Unknown", "NotMeasured"),
        (20 * GIB, 2 * GIB, "True", "RoomLeft"),
        (20 * GIB, 2 * GIB - 1, "False", "NearlyFull"),
        (20 * GIB, 0, "False", "NearlyFull"),
    ],
)
def test_a_tenth_has_to_be_free(size: int, free: int, status: str, reason: str) -> None:
    told = storage(figures.Volume(size, free))

    assert (told.status, told.reason) == (status, reason)
    assert ("of 20 GiB are free" in told.message) is (status == "False")
