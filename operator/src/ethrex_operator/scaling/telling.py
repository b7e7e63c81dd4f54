"""A decision in a sentence with its numbers: for a status, an event, a log line."""

from __future__ import annotations

from .decision import Limit, PoolDecision, Reason
from .observation import Pool


def sentence(
    decision: PoolDecision,
    *,
    pool: Pool,
    limit: Limit,
    waiting: int,
    late: int,
    wanted: int,
    start_up: float,
    silent: tuple[str, ...],
    now: float,
) -> str:
    """`wanted`: provers that deadlines ask for besides those there are; `silent`: rollups that give no news."""
    if decision.reason is Reason.STALE:
        whose = f"the coordinators of {', '.join(silent)} give" if silent else "the provers' list gives"
        return f"{whose} no fresh news: {_provers(decision.desired)} stay as they are"
    parts = [_work(decision, waiting, late, now), _step(decision, wanted, start_up, limit)]
    if decision.bound is not None and limit.bound is decision.bound:
        parts.append(limit.sentence)
    if silent:
        parts.append(f"no news of {', '.join(silent)}, so nobody leaves")
    if pool.price_per_hour:
        parts.append(f"{decision.cost_per_hour:.2f} an hour, {decision.spent_today:.2f} today")
    return "; ".join(parts)


def _work(decision: PoolDecision, waiting: int, late: int, now: float) -> str:
    if not waiting:
        return "no job waits"
    due = "" if decision.next_due_at is None else f", the first due {_when(decision.next_due_at - now)}"
    missed = f", {late} of them too late already" if late else ""
    return (
        f"{waiting} job{'s' if waiting > 1 else ''} of {_gas(decision.work_gas)}gas wait{'' if waiting > 1 else 's'}: "
        f"{_time(decision.work_seconds)} of one prover at {_gas(round(decision.rate))}gas/s{due}{missed}"
    )


def _step(decision: PoolDecision, wanted: int, start_up: float, limit: Limit) -> str:
    count = _provers(decision.desired)
    if decision.start:
        held = f" of {wanted} wanted" if wanted > decision.start else ""
        return f"{count}, {decision.start}{held} started now and ready in {_time(start_up)}"
    if decision.retire:
        return f"{len(decision.retire)} finish the job in hand and leave"
    if decision.cordon or decision.cancel:
        return f"{count}: {len(decision.cordon)} idle leave" + (
            f", {len(decision.cancel)} that start are taken back" if decision.cancel else ""
        )
    if decision.reason is Reason.PATIENT:
        return f"{count}: {wanted} more can still start later and meet every deadline"
    if decision.reason is Reason.CONFIRMING:
        return f"{count}: {wanted} more when the wish has lasted for the delay"
    if decision.reason is Reason.LATE:
        return f"{count}: not all deadlines can be met"
    return f"{count} {'are' if decision.desired != 1 else 'is'} enough"


def _provers(count: int) -> str:
    return f"{count} prover{'' if count == 1 else 's'}"


def _gas(gas: float) -> str:
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if gas >= size:
            return f"{gas / size:.1f} {unit}"
    return f"{gas:.0f} "


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _when(seconds: float) -> str:
    return f"in {_time(seconds)}" if seconds >= 0 else f"{_time(-seconds)} ago"
