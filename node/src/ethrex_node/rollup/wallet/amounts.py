"""Amounts as people write them. Pure. A number without a unit is refused where a unit would change what it means."""

from __future__ import annotations

import re
from decimal import Decimal, localcontext
from typing import Final

UNITS: Final = {"wei": 0, "kwei": 3, "mwei": 6, "gwei": 9, "szabo": 12, "finney": 15, "eth": 18, "ether": 18}
AMOUNT: Final = re.compile(r"(?P<number>\d+(?:\.\d+)?|\.\d+)\s*(?P<unit>[A-Za-z]*)")
MOST: Final = 2**256 - 1
DIGITS: Final = 100


class AmountInvalid(Exception):
    """The text is no amount of this."""


def coin(text: str) -> int:
    """``1.5eth``, ``10gwei``, ``100wei`` -> wei. Raises `AmountInvalid`."""
    number, unit = _parts(text)
    if not unit:
        raise AmountInvalid(f"{text!r} has no unit: is it {text}eth, {text}gwei or {text}wei?")
    if unit.lower() not in UNITS:
        raise AmountInvalid(f"{text!r}: {unit} is none of {', '.join(UNITS)}")
    return _whole(text, number, UNITS[unit.lower()])


def token(text: str, decimals: int, symbol: str) -> int:
    """``100``, ``0.5`` or ``100 USDC`` -> units of the token. Raises `AmountInvalid`."""
    number, unit = _parts(text)
    if unit and unit.lower() != symbol.lower():
        raise AmountInvalid(f"{text!r}: the token is {symbol}")
    return _whole(text, number, decimals)


def told(units: int, decimals: int, symbol: str) -> str:
    """``1.5 ETH``, without zeros that say nothing."""
    with localcontext() as context:
        context.prec = DIGITS
        value = Decimal(units).scaleb(-decimals)
        return f"{value.normalize():f} {symbol}"


def _parts(text: str) -> tuple[Decimal, str]:
    found = AMOUNT.fullmatch(text.strip())
    if found is None or len(text) > DIGITS:
        raise AmountInvalid(f"{text[:60]!r} is not an amount")
    return Decimal(found["number"]), found["unit"]


def _whole(text: str, number: Decimal, decimals: int) -> int:
    with localcontext() as context:
        context.prec = 2 * DIGITS
        scaled = number.scaleb(decimals)
        if scaled != scaled.to_integral_value():
            raise AmountInvalid(f"{text!r} has more than {decimals} decimals")
        value = int(scaled)
    if not 0 < value <= MOST:
        raise AmountInvalid(f"{text!r} is not above zero and below 2^256 units")
    return value
