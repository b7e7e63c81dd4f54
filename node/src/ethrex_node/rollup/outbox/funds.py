"""When an account on L1 has too little. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

ACTIONS_AHEAD: Final = 50  # so many more at what the dearest of late did cost: half an hour to days of warning
REMEMBERED: Final = 16  # actions whose cost is looked at
LOOK_MS: Final = 60_000  # between two looks at an account that has nothing to do


def warned_below(low_balance_wei: int, costs_wei: Iterable[int]) -> int:
    """The balance below which somebody is told: the setting, or more where L1 has become dear."""
    return max(low_balance_wei, ACTIONS_AHEAD * max(costs_wei, default=0))
