"""
Equality of two JSON answers, as the suite defines it.

Same keys, same values, numbers by value. Where both sides have an ``error`` object its ``message`` is ignored, at any
depth: the wording is free, ``code`` and ``data`` are not.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from conformance.case import show


def load(text: str | bytes) -> Any:
    """JSON with numbers of any size kept exactly."""
    return json.loads(text, parse_float=Decimal)


def difference(got: Any, expected: Any, path: str = "") -> str | None:
    """Where and how the two differ first; None where they do not."""
    if isinstance(got, dict) and isinstance(expected, dict):
        return _of_objects(got, expected, path)
    if isinstance(got, list) and isinstance(expected, list):
        return _of_lists(got, expected, path)
    same_kind = _kind(got) == _kind(expected)
    if same_kind and got == expected:
        return None
    return f"{path or 'answer'}: got {show(_text(got))}, expected {show(_text(expected))}"


def _of_objects(got: dict[str, Any], expected: dict[str, Any], path: str) -> str | None:
    if isinstance(got.get("error"), dict) and isinstance(expected.get("error"), dict):
        got, expected = got | {"error": _silent(got["error"])}, expected | {"error": _silent(expected["error"])}
    if missing := sorted(expected.keys() - got.keys()):
        return f"{path or 'answer'}: lacks {', '.join(missing)}{_hint(got)}"
    if extra := sorted(got.keys() - expected.keys()):
        return f"{path or 'answer'}: has {', '.join(extra)}, which is not expected{_hint(got)}"
    return _first(difference(got[key], value, f"{path}.{key}".lstrip(".")) for key, value in expected.items())


def _of_lists(got: list[Any], expected: list[Any], path: str) -> str | None:
    if len(got) != len(expected):
        return f"{path or 'answer'}: {len(got)} elements, expected {len(expected)}"
    pairs = enumerate(zip(got, expected, strict=True))
    return _first(difference(mine, theirs, f"{path}[{index}]") for index, (mine, theirs) in pairs)


def _first(differences: Any) -> str | None:
    return next((found for found in differences if found is not None), None)


def _hint(got: dict[str, Any]) -> str:
    return f" ({show(_text(got['error']))})" if "error" in got else ""


def _silent(error: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in error.items() if key != "message"}


def _kind(value: Any) -> str:
    """True is 1 in Python and not in JSON."""
    return "number" if isinstance(value, int | Decimal) and not isinstance(value, bool) else type(value).__name__


def _text(value: Any) -> str:
    return json.dumps(value, default=str)
