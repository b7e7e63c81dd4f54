"""
The values that genesis files hold: numbers and bytes as geth reads them.

Each reader takes the JSON value and gives the Python one, or raises `ValueError` with what was found and what is
expected; the caller knows the place. Sources: go-ethereum ``common/math`` (HexOrDecimal), ``common/hexutil``.
"""

from __future__ import annotations

import re
from typing import Any, Final

HEX_NUMBER: Final = re.compile(r"0[xX][0-9a-fA-F]*")
DECIMAL: Final = re.compile(r"[0-9]+")
HEX: Final = re.compile(r"(0[xX])?((?:[0-9a-fA-F]{2})*)")
ODD_HEX: Final = re.compile(r"(0[xX])?([0-9a-fA-F]*)")
SHOWN_CHARACTERS: Final = 40


def show(value: Any) -> str:
    """A value in a message: as JSON has it, cut."""
    names = {True: "true", False: "false", None: "null"}
    if value is None or isinstance(value, bool):
        return names[value]
    kinds: dict[type[Any], str] = {dict: "an object", list: "a list"}
    if type(value) in kinds:
        return kinds[type(value)]
    text = repr(value) if not isinstance(value, int) or value.bit_length() < 512 else "a huge number"
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}..."


def number(value: Any, bits: int = 64) -> int:
    """A whole number: JSON number, decimal text, hex text; empty text is 0."""
    parsed = _integer(value)
    if parsed is None:
        raise ValueError(f"{show(value)} is not a whole number (decimal, or hex with 0x)")
    if parsed < 0 or parsed >> bits:
        raise ValueError(f"{show(value)} does not fit {bits} bits without sign")
    return parsed


def _integer(value: Any) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if not isinstance(value, str) or len(value) > 100:
        return None
    if HEX_NUMBER.fullmatch(value):
        return int(value[2:] or "0", 16)
    if DECIMAL.fullmatch(value) or not value:
        return int(value or "0")
    return None


def data(value: Any, *, at_most: int | None = None) -> bytes:
    """Bytes as hex with 0x; empty text is no bytes."""
    raw = _bytes(value, "0x" if value else "")
    if at_most is not None and len(raw) > at_most:
        raise ValueError(f"{len(raw)} bytes, at most {at_most} are allowed")
    return raw


def fixed(value: Any, size: int, *, prefix: bool = True) -> bytes:
    """Exactly `size` bytes. Without `prefix` the 0x may be missing, as it may in the keys of ``alloc``."""
    raw = _bytes(value, "0x" if prefix else "")
    if len(raw) != size:
        raise ValueError(f"{show(value)} has {len(raw)} bytes, expected {size}")
    return raw


def word(value: Any) -> bytes:
    """A storage key or value: up to 32 bytes of hex, padded on the left."""
    found = ODD_HEX.fullmatch(value) if isinstance(value, str) else None
    if found is None or len(found[2]) > 64:
        raise ValueError(f"{show(value)} is not hex of up to 32 bytes")
    return bytes.fromhex(found[2].rjust(64, "0"))


def _bytes(value: Any, prefix: str) -> bytes:
    found = HEX.fullmatch(value) if isinstance(value, str) else None
    if found is None or (prefix and not found[1]):
        raise ValueError(f"{show(value)} is not hex{' with 0x' if prefix else ''} of whole bytes")
    return bytes.fromhex(found[2])
