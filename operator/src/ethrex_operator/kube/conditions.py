"""
Conditions of a status: every type there is from the start, the time of a transition moves only when the answer changes.

`Ready`, `Reconciling` and `Stalled` go together as kstatus reads them: what is ready reconciles nothing, and what is stalled
waits for somebody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

TRUE: Final = "True"
FALSE: Final = "False"
UNKNOWN: Final = "Unknown"
MESSAGE_CHARACTERS: Final = 1024
SUMMARY: Final = ("Ready", "Reconciling", "Stalled", "Paused")


@dataclass(frozen=True, slots=True)
class Condition:
    type: str
    status: str
    reason: str  # CamelCase
    message: str = ""


def yes(type: str, reason: str, message: str = "") -> Condition:
    return Condition(type, TRUE, reason, message)


def no(type: str, reason: str, message: str = "") -> Condition:
    return Condition(type, FALSE, reason, message)


def unknown(type: str, reason: str = "NotLookedYet", message: str = "") -> Condition:
    return Condition(type, UNKNOWN, reason, message)


def read(status: Mapping[str, Any]) -> list[Condition]:
    """What stands in a status."""
    told = status.get("conditions") or ()
    return [Condition(one["type"], one["status"], one["reason"], one.get("message", "")) for one in told]


def merged(
    before: Iterable[Mapping[str, Any]], now: Iterable[Condition], generation: int, time: datetime | None = None
) -> list[dict[str, Any]]:
    """The list for a status, sorted by type. `before` is what stands in it."""
    known = {one["type"]: one for one in before}
    stamp = (time or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")
    found = []
    for one in sorted(now, key=lambda condition: condition.type):
        old = known.get(one.type, {})
        found.append(
            {
                "type": one.type,
                "status": one.status,
                "reason": one.reason,
                "message": one.message[:MESSAGE_CHARACTERS],
                "observedGeneration": generation,
                "lastTransitionTime": old["lastTransitionTime"] if old.get("status") == one.status else stamp,
            }
        )
    return found


def summary(parts: Iterable[Condition], *, paused: bool = False, stalled: Condition | None = None) -> list[Condition]:
    """`Ready`, `Reconciling`, `Stalled`, `Paused` over the conditions that have to hold. `stalled` waits for somebody."""
    if paused:
        note = "nothing is looked at or changed until it is taken back"
        rest = (no("Reconciling", "Paused"), no("Stalled", "Paused"), yes("Paused", "Asked"))
        return [no("Ready", "Paused", note), *rest]
    paused_one = no("Paused", "NotAsked")
    if stalled is not None:
        return [
            no("Ready", stalled.reason, stalled.message),
            no("Reconciling", stalled.reason),
            yes("Stalled", stalled.reason, stalled.message),
            paused_one,
        ]
    waits = next((one for one in parts if one.status != TRUE), None)
    if waits is None:
        return [yes("Ready", "AllHold"), no("Reconciling", "Done"), no("Stalled", "Done"), paused_one]
    return [
        no("Ready", waits.reason, f"{waits.type}: {waits.message or waits.reason}"),
        yes("Reconciling", waits.reason, waits.message),
        no("Stalled", "GoesOn"),
        paused_one,
    ]
