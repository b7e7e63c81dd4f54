"""Count results and say what failed, shortly on the screen and completely in the failure list."""

from __future__ import annotations

from collections import Counter

from conformance import skips
from conformance.case import Outcome, Result

SHOWN_FAILURES = 30


class Summary:
    def __init__(self, verbose: bool = False) -> None:
        self._counts = Counter[Outcome]()
        self._skips = Counter[str]()
        self._failures: list[Result] = []
        self._verbose = verbose

    def add(self, result: Result) -> None:
        self._counts[result.outcome] += 1
        if result.outcome is Outcome.FAILED:
            self._failures.append(result)
            if len(self._failures) <= SHOWN_FAILURES:
                print(f"FAILED {result.case_id}\n    {result.reason}", flush=True)
        elif result.outcome is Outcome.SKIPPED:
            self._skips[result.reason] += 1
        if self._verbose and result.outcome is not Outcome.FAILED:
            print(f"{result.outcome.value} {result.case_id}", flush=True)

    @property
    def passed_or_skipped_all(self) -> bool:
        return not self._failures and self._counts.total() > 0

    def failure_list(self) -> str:
        return "".join(f"{failure.case_id}\t{_one_line(failure.reason)}\n" for failure in self._failures)

    def text(self) -> str:
        lines = [f"skipped {count}: {name}: {skips.REASONS[name]}" for name, count in sorted(self._skips.items())]
        if len(self._failures) > SHOWN_FAILURES:
            lines.append(f"… and {len(self._failures) - SHOWN_FAILURES} more failures (--list-failures FILE)")
        if not self._counts:
            lines.append("no case of this suite in these paths")
        counts = (f"{self._counts[outcome]} {outcome.value}" for outcome in Outcome)
        return "\n".join([*lines, ", ".join(counts)])


def _one_line(text: str) -> str:
    return " ".join(text.split())
