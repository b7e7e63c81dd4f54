"""
The shape that EIP-2537 and EIP-7951 share: a list of ``Input``, ``Expected`` or ``ExpectedError``, ``Gas``, ``Name``.

Input and output are hex without 0x. An ``ExpectedError`` only says that the call must fail: its text is one client's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conformance import fixture
from conformance.case import Mismatch, equal, show
from ethrex_node import _native


def vectors(data: bytes) -> Iterator[dict[str, Any]]:
    for vector in fixture.listed(data):
        if "Input" in vector and ("Expected" in vector or "ExpectedError" in vector):
            yield vector


def check(vector: dict[str, Any], fork: str, address: int, gas: int | None) -> None:
    """Calls the precompile at `address`; `gas` is what it must cost, None where the vector does not say."""
    try:
        output, used = _native.run_precompile(fork, address.to_bytes(20, "big"), fixture.unhex(vector["Input"]))
    except ValueError as error:
        if "ExpectedError" not in vector:
            raise Mismatch(f"refused: {error}") from error
        return
    if "ExpectedError" in vector:
        raise Mismatch(f"gave {show(output)}, expected the error {vector['ExpectedError']!r}")
    equal("output", output, fixture.unhex(vector["Expected"]))
    if gas is not None:
        equal("gas", used, gas)
