"""
One measurement and how it is told: a JSON line, or a row for people.

A bar is a floor for the ratio ours : peer (speed), or a ceiling where less is better (`lower`).
"""

import json
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Measurement:
    """`ours` and `peer` in `unit`; `peer` is None where the bar is absolute."""

    bench: str
    ours: float
    peer: float | None
    bar: float
    unit: str
    lower: bool = False

    @property
    def ratio(self) -> float | None:
        return None if self.peer is None else self.ours / self.peer

    @property
    def met(self) -> bool:
        value = self.ours if self.ratio is None else self.ratio
        return value <= self.bar if self.lower else value >= self.bar

    def line(self) -> str:
        fields: dict[str, object] = {
            "bench": self.bench,
            "ours": round(self.ours, 3),
            "peer": None if self.peer is None else round(self.peer, 3),
            "ratio": None if self.ratio is None else round(self.ratio, 3),
            "bar": self.bar,
            "unit": self.unit,
            "python": interpreter(),
        }
        if self.lower:
            fields["lower"] = True
        return json.dumps(fields)

    def row(self) -> str:
        peer = "" if self.peer is None else f"  peer {self.peer:,.2f}  ratio {self.ratio:.2f}"
        sign = "<=" if self.lower else ">="
        verdict = "met" if self.met else "MISSED"
        return f"{self.bench:<44} {self.ours:>14,.2f} {self.unit}{peer}  bar {sign} {self.bar}  {verdict}"


def interpreter() -> str:
    """Version and build of this Python, as set-up found them: optimised builds are up to 1.5 times faster."""
    found = Path(sys.prefix) / "build"
    return found.read_text().strip() if found.exists() else f"{sys.version.split()[0]} of an unknown build"


def interleave(rounds: int, ours: Callable[[], float], peer: Callable[[], float]) -> tuple[float, float]:
    """Medians of both, taken in turn so that a slow moment of the machine meets both sides."""
    mine: list[float] = []
    theirs: list[float] = []
    for number in range(rounds):
        first, second = ((mine, ours), (theirs, peer)) if number % 2 == 0 else ((theirs, peer), (mine, ours))
        for values, take in (first, second):
            values.append(take())
    return statistics.median(mine), statistics.median(theirs)


def progress(text: str) -> None:
    """What is going on, away from the results."""
    print(text, file=sys.stderr, flush=True)
