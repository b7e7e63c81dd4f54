"""How long to wait before coming again. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Doubles from `first_seconds` to `most_seconds`; half of it is left to chance, so that a pool does not come as one."""

    first_seconds: float = 0.5
    most_seconds: float = 30.0

    def pause(self, failures: int, chance: float) -> float:
        """Seconds after so many failures in a row (1 or more). `chance` is from 0 to 1."""
        whole = min(self.first_seconds * 2.0 ** min(failures - 1, 30), self.most_seconds)
        return whole * (0.5 + chance / 2)
