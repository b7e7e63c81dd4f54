"""Who goes: idle provers that are not needed, starting ones that came too late, and all of them when money is out."""

from __future__ import annotations

import math
from collections.abc import Sequence

from . import work
from .case import Case, gathering
from .observation import Prover
from .schedule import fewest


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
    leave = idle[: max(over, min(spare, unneeded))]
    back: Sequence[Prover] = ()
    if not case.pieces or over:
        late = sorted((*hands.coming, *hands.stuck), key=lambda one: (-one.started_at, one.prover_id))
        back = late[
            : max(0, hands.staying + len(hands.stuck) - len(leave) - (case.pool.max if case.pieces else case.floor))
        ]
    return _names(leave), _names(back), ()


def _has_waited(case: Case, prover: Prover) -> bool:
    """
    Long enough without a job, and the time that is paid already is used up.

    To go and come again costs a start. What work gathers meanwhile saves more, or else the prover stays for as long.
    """
    delay = case.pool.scale_down_delay
    if any(gathering(case, one) < case.start_up for one in case.rollups):
        delay = max(delay, case.start_up / 2)
    if case.now - case.learned.idle_since[prover.prover_id] < delay:
        return False
    if prover.placed_at is None:
        return True
    age = case.now - prover.placed_at
    paid_for = math.ceil(age / case.pool.billed_by) * case.pool.billed_by
    return paid_for - age <= 2 * case.settings.period


def _names(provers: Sequence[Prover]) -> tuple[str, ...]:
    return tuple(sorted(one.prover_id for one in provers))
