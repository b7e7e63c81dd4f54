"""Read the JSON of fixtures: named cases, and the hex that all of them are written in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson


def named(data: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    """The cases of a file that maps names to objects. Nothing for a file of another shape."""
    document = orjson.loads(data)
    if isinstance(document, dict):
        for name, case in document.items():
            if isinstance(case, dict):
                yield name, case


def listed(data: bytes) -> Iterator[dict[str, Any]]:
    """The cases of a file that is a list of objects. Nothing for a file of another shape."""
    document = orjson.loads(data)
    if isinstance(document, list):
        for case in document:
            if isinstance(case, dict):
                yield case


def unhex(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def number(value: str | int) -> int:
    """A quantity: JSON number, hex with 0x, or decimal digits."""
    if isinstance(value, int):
        return value
    return int(value, 16) if value.startswith("0x") else int(value)
