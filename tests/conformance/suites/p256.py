"""
EIP-7951: the P256VERIFY precompile of Osaka.

The vectors come from RIP-7212 and carry its price of 3,450 gas; EIP-7951 sets 6,900, and that is what is checked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from conformance.case import Case, Suite
from conformance.suites import bls, precompiles

ADDRESS: Final = 0x100
GAS: Final = 6900
TRUE: Final = f"{1:064x}"


def cases(file: str, data: bytes) -> Iterator[Case]:
    for vector in precompiles.vectors(data):
        if _is_p256(file, vector):
            yield Case(vector.get("Name", ""), vector)


def check(case: Case) -> None:
    precompiles.check(case.data, "Osaka", ADDRESS, GAS)


def _is_p256(file: str, vector: dict[str, Any]) -> bool:
    """The answer is one or empty: of the BLS contracts only the pairing answers so, and its vectors say their name."""
    return vector.get("Expected") in ("", TRUE) and bls.operation(vector.get("Name", ""), file) is None


SUITE: Final = Suite((".json",), cases, check)
