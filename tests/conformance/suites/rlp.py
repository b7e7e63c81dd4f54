"""
RLPTests: ``in`` and its encoding ``out``.

``in`` is a string, a number, ``#`` and decimal digits, or a list of these. ``INVALID`` means that ``out`` must not
decode, ``VALID`` that it must and that encoding gives it back.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from conformance import fixture
from conformance.case import Case, Mismatch, Suite, equal, show
from ethrex_node import _native


def cases(_file: str, data: bytes) -> Iterator[Case]:
    for name, case in fixture.named(data):
        if {"in", "out"} <= case.keys() and isinstance(case["out"], str):
            yield Case(name, case)


def check(case: Case) -> None:
    given, encoded = case.data["in"], fixture.unhex(case.data["out"])
    if given == "INVALID":
        _must_fail(encoded)
    elif given == "VALID":
        equal("encoding of what was decoded", _native.rlp_encode(_native.rlp_decode(encoded)), encoded)
    else:
        item = _item(given)
        equal("encoding", _native.rlp_encode(item), encoded)
        equal("decoding", _native.rlp_decode(encoded), item)


def _must_fail(encoded: bytes) -> None:
    try:
        item = _native.rlp_decode(encoded)
    except ValueError:
        return
    raise Mismatch(f"decoded to {show(item)}, expected an error")


def _item(value: Any) -> bytes | list[Any]:
    if isinstance(value, list):
        return [_item(element) for element in value]
    if isinstance(value, str) and not value.startswith("#"):
        return fixture.unhex(value) if value.startswith("0x") else value.encode("latin-1")
    whole = int(value[1:]) if isinstance(value, str) else int(value)
    return whole.to_bytes((whole.bit_length() + 7) // 8, "big")


SUITE: Final = Suite((".json",), cases, check)
