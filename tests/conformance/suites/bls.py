"""
EIP-2537: the BLS12-381 precompiles of Prague.

Which precompile a vector is for stands in its name (``bls_g1add_…``) or, where that says nothing, in the name of the
file (``add_G1_bls.json``). ``mul`` is a multi-exponentiation of one point: the final EIP has no own address for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from conformance.case import Case, Suite
from conformance.suites import precompiles

ADDRESSES: Final = {
    "g1add": 0x0B,
    "g1mul": 0x0C,
    "g1msm": 0x0C,
    "g1multiexp": 0x0C,
    "g2add": 0x0D,
    "g2mul": 0x0E,
    "g2msm": 0x0E,
    "g2multiexp": 0x0E,
    "pairing": 0x0F,
    "g1map": 0x10,
    "g2map": 0x11,
}
FROM_FILE: Final = re.compile(r"(add|mul|msm|multiexp)_(g[12])|(pairing)|map_fp2?_to_(g[12])")
FROM_NAME: Final = re.compile(r"bls_(?:(pairing)|map(g[12])|(g[12](?:add|mul|msm|multiexp|map)))")


def cases(file: str, data: bytes) -> Iterator[Case]:
    for vector in precompiles.vectors(data):
        name = operation(vector.get("Name", ""), file)
        if name is not None:
            yield Case(vector.get("Name", name), (ADDRESSES[name], vector))


def check(case: Case) -> None:
    address: int
    vector: dict[str, Any]
    address, vector = case.data
    precompiles.check(vector, "Prague", address, vector.get("Gas"))


def operation(name: str, file: str) -> str | None:
    """Which contract a vector is for; None for a vector of none of them."""
    if match := FROM_NAME.match(name.lower()):
        pairing, mapped, other = match.groups()
        return other or pairing or f"{mapped}map"
    basename = file.rsplit("/", 1)[-1].lower()
    if "bls" in basename and (match := FROM_FILE.search(basename)):
        verb, group, pairing, mapped = match.groups()
        return f"{group}{verb}" if verb else pairing or f"{mapped}map"
    return None


SUITE: Final = Suite((".json",), cases, check)
