"""
The three questions of an orchestrator, answered from functions that the parts bring.

*startup*: is the node still preparing (migration, recovery, import)? *live*: does the event loop turn? The answer itself
is the proof. *ready*: may traffic come: head fresh enough, listeners up, not leaving.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import orjson

Check = Callable[[], str | None]  # why not, or None

STARTING: Final = "starting"


class Answer(NamedTuple):
    """`status` is 200 or 503; `body` is JSON with the reasons."""

    status: int
    body: bytes


class Health:
    """Lives as long as the process. `phase` says what the start is at, None once it is over."""

    def __init__(self) -> None:
        self.phase: str | None = STARTING
        self.leaving = False
        self._checks: dict[str, Check] = {}

    def add(self, name: str, check: Check) -> None:
        """Ask `check` for readiness."""
        self._checks[name] = check

    def live(self) -> Answer:
        return _answer({})

    def started(self) -> Answer:
        return _answer({"startup": self.phase} if self.phase else {})

    def ready(self) -> Answer:
        reasons = {"startup": self.phase} if self.phase else {}
        if self.leaving:
            reasons["shutdown"] = "the node is leaving"
        for name, check in self._checks.items():
            reason = check()
            if reason is not None:
                reasons[name] = reason
        return _answer(reasons)


def stale(age_seconds: float, most_seconds: float) -> str | None:
    """Why a head of this age is none to serve from."""
    return f"the head is {age_seconds:.0f} s old, more than {most_seconds:g}" if age_seconds > most_seconds else None


def _answer(reasons: dict[str, str]) -> Answer:
    status = "failing" if reasons else "ok"
    return Answer(503 if reasons else 200, orjson.dumps({"status": status, "reasons": reasons}))
