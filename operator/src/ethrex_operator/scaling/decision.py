"""What the planner answers: for each pool how many provers, which steps lead there, and why, in words with numbers."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from .learned import Learned


class Reason(enum.StrEnum):
    """For a condition's `reason`."""

    NO_WORK = "NoWork"
    ENOUGH = "EnoughForDeadlines"
    MORE = "MoreForDeadlines"
    LATE = "DeadlinesAtRisk"  # not even all that may run meet them
    PATIENT = "WaitingIsCheaper"  # the deadlines leave time to gather work before a prover is started
    CONFIRMING = "ScaleUpDelay"
    FLOOR = "Floor"
    LEAVING = "LessWork"
    OVER = "AboveLimit"  # more run than may: idle ones leave
    STALE = "StaleData"


class Bound(enum.StrEnum):
    """What keeps a pool from growing."""

    MAX = "Maximum"
    QUOTA = "Quota"
    BUDGET = "BudgetSpent"
    STARVED = "CapacityMissing"
    PAUSED = "Paused"


@dataclass(frozen=True, slots=True)
class Limit:
    """`starts`: so many more may be started, and what keeps it from being more."""

    starts: int
    bound: Bound
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolDecision:
    """
    `desired` provers, by starting some, cordoning idle ones and taking back starting ones that are not needed any more.

    Busy provers are never ended. `retire` names busy ones that shall finish the job in hand and take no other: only
    where the day's budget would be overdrawn else.
    """

    pool: str
    desired: int
    start: int = 0
    cordon: tuple[str, ...] = ()
    cancel: tuple[str, ...] = ()
    retire: tuple[str, ...] = ()
    reason: Reason
    message: str
    bound: Bound | None = None  # it binds: what is wanted is more
    is_starved: bool = False
    work_gas: int = 0
    work_seconds: float = 0.0  # of one prover
    rate: float = 0.0  # gas per second that was reckoned with
    next_due_at: float | None = None
    spent_today: float = 0.0
    cost_per_hour: float = 0.0  # of `desired`
    shares: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))  # provers by rollup


@dataclass(frozen=True, slots=True)
class Decision:
    pools: tuple[PoolDecision, ...]
    learned: Learned  # for the next time

    def of(self, pool: str) -> PoolDecision:
        return next(one for one in self.pools if one.pool == pool)
