"""What an operator may tune of the planner, for all pools alike. What belongs to a pool is in its manifest."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    period: float = 15.0  # how often the planner is asked
    stale_after: float = 60.0  # news older than that is none
    patience: float = 1.0  # of the time that deadlines leave, how much may pass to gather work; 0: start at once
    margin: float = 0.02  # of the time a job has, what is kept free before its deadline
    caution: float = 0.5  # deviations by which provers are reckoned slower than they are on average
    starved_after: float = 300.0  # seconds of unschedulable provers until capacity counts as missing
    recover_within: float = 0.25  # of verifyWithin: how soon what is too late already shall be done
