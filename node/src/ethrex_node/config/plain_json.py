"""
JSON files of people: numbers of any size stay exact, and what is no JSON is told with its place.

Faster parsers make floats of amounts in wei.
"""

from __future__ import annotations

import json
from typing import Any, Final

# What we read is a few levels deep. The limit is counted here, since libraries raise Python's recursion limit to where the
# parser's own recursion overruns the stack.
MAX_DEPTH: Final = 64
OPENING: Final = frozenset(b"[{")
CLOSING: Final = frozenset(b"]}")


def decode(raw: bytes) -> Any:
    """Raises ValueError, with a message that goes on after the file's name."""

    def refuse(text: str) -> Any:
        raise ValueError(f"{text} is not a JSON number")

    if _depth(raw) > MAX_DEPTH:
        raise ValueError("is nested too deeply")
    try:
        return json.loads(raw.decode("utf-8-sig"), parse_constant=refuse)
    except json.JSONDecodeError as error:
        raise ValueError(f"is not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except ValueError as error:  # not UTF-8, a number of thousands of digits
        raise ValueError(f"is not JSON: {error}") from None


def _depth(raw: bytes) -> int:
    """Brackets that are open at once, at most; those inside texts count too, which only errs on the safe side."""
    deepest = depth = 0
    for byte in raw:
        if byte in OPENING:
            depth += 1
            deepest = max(deepest, depth)
        elif byte in CLOSING:
            depth -= 1
    return deepest
