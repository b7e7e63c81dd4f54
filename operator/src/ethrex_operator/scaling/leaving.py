"""Who goes: idle provers that are not needed, starting ones that came too late, and all of them when money is out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from . import work
from .case import Case, gathering
from .observation import Prover
from .schedule import fewest

IDLE_PART: Final = 0.25  # of a start-up, of idleness, that is worth another start


def leaving(case: Case) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Idle provers to cordon, starting ones to take back, and busy ones to retire when the budget is spent."""
    broke = case.purse.left < 0
    hands = case.hands
    if broke:
        return _names(hands.idle), _names((*hands.coming, *hands.stuck)), _names(hands.busy)
    if case.silent or case.pool.pause_scale_down:
        return (), (), ()
    over = max(0, hands.staying - case.pool.max)
    spare = max(0, hands.staying - case.floor)
    waited = [one for one in hands.idle if over or _has_waited(case, one)]
    idle = sorted(waited, key=lambda one: (case.learned.idle_since[one.prover_id], one.prover_id))
    needed = fewest(
        case.pieces, work.free_at(hands, case.pool, case.learned, case.now, idle=False), case.now, len(hands.idle)
    )
    unneeded = len(hands.idle) - needed if needed is not None else 0
    leave = idle[: max(over, min(spare, unneeded, _worth_a_start(case)))]
    back: Sequence[Prover] = ()
    if not case.pieces or over:
        late = sorted((*hands.coming, *hands.stuck), key=lambda one: (-one.started_at, one.prover_id))
        back = late[
            : max(0, hands.staying + len(hands.stuck) - len(leave) - (case.pool.max if case.pieces else case.floor))
        ]
    return _names(leave), _names(back), ()


def _has_waited(case: Case, prover: Prover) -> bool:
    """Long enough without a job, and the time that is paid already is used up."""
    if case.now - case.learned.idle_since[prover.prover_id] < case.pool.scale_down_delay:
        return False
    if prover.placed_at is None:
        return True
    age = case.now - prover.placed_at
    paid_for = math.ceil(age / case.pool.billed_by) * case.pool.billed_by
    return paid_for - age <= 2 * case.settings.period


def _worth_a_start(case: Case) -> int:
    """
    How many may go by what idleness has cost so far, since one came or went.

    To go and come again costs a start. Where work can gather meanwhile that saves more, and all may go. Else one goes for
    each `IDLE_PART` of a start-up that the pool stood idle: all its provers together, since the next job may go to the one
    that has waited longest, and each then seems to be needed.
    """
    if case.start_up <= 0 or all(gathering(case, one) >= case.start_up for one in case.rollups):
        return len(case.hands.idle)
    return int(case.learned.idled[case.pool.name] / (IDLE_PART * case.start_up))


def _names(provers: Sequence[Prover]) -> tuple[str, ...]:
    return tuple(sorted(one.prover_id for one in provers))
