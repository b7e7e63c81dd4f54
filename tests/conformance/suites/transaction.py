"""
Transaction tests: ``txbytes``, and per fork either hash, sender and intrinsic gas, or an ``exception``.

A case is one fork of one test. Which exception it is stays open: the fixture's names are those of other clients.
One kind of valid transaction is out of this client's reach, see ``_fee_beyond_128_bits``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import orjson

from conformance import fixture, networks
from conformance.case import Case, Mismatch, Skip, Suite, equal
from ethrex_node import _native

FEE_FIELDS: Final = {0: (1,), 1: (2,), 2: (2, 3), 3: (2, 3, 9), 4: (2, 3)}


def cases(_file: str, data: bytes) -> Iterator[Case]:
    for name, case in fixture.named(data):
        if isinstance(case.get("txbytes"), str) and isinstance(case.get("result"), dict):
            for fork, expected in case["result"].items():
                yield Case(f"{name}[{fork}]", (case, fork, expected))


def check(case: Case) -> None:
    test, fork, expected = case.data
    if networks.is_unscheduled(fork):
        raise Skip("unscheduled-fork")
    config = orjson.dumps(networks.from_fixture(test, fork))
    try:
        got = _native.check_transaction(config, fixture.unhex(test["txbytes"]))
    except ValueError as error:
        if "exception" not in expected:
            if _fee_beyond_128_bits(fixture.unhex(test["txbytes"])):
                raise Skip("fee-beyond-128-bits") from error
            raise Mismatch(f"refused: {error}") from error
        return
    _accepted(expected, got)


def _fee_beyond_128_bits(raw: bytes) -> bool:
    """Whether one of the fees of a well-formed transaction does not fit the type that the core has for them."""
    kind = raw[0] if raw[0] < 0x80 else 0
    fields = _native.rlp_decode(raw[1:] if kind else raw)
    return any(len(fields[index]) > 16 for index in FEE_FIELDS[kind])


def _accepted(expected: dict[str, Any], got: dict[str, Any]) -> None:
    if "exception" in expected:
        raise Mismatch(f"accepted, expected {expected['exception']}")
    equal("hash", got["hash"], fixture.unhex(expected["hash"]))
    equal("sender", got["sender"], fixture.unhex(expected["sender"]))
    equal("intrinsic gas", got["intrinsic_gas"], fixture.number(expected["intrinsicGas"]))


SUITE: Final = Suite((".json",), cases, check)
