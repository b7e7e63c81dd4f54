from __future__ import annotations


class Unmet(Exception):
    """A resource that cannot run as it is written: somebody has to change it, or something else has to be there first."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason  # CamelCase, for a condition
