"""
The second engine: the canonical blocks of blockchain tests, executed in py-evm from the witness that this node gives.

The fixture says what is right (suite ``blockchain``); here two engines that share no code come to one answer, and a witness
proves to be enough for a foreign engine.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from conformance import py_evm_faults
from conformance.case import Case, Mismatch, Skip, Suite
from conformance.suites import blockchain
from ethrex_node import verify


def cases(file: str, data: bytes) -> Iterator[Case]:
    """Those with a block that is not there to be refused."""
    for case in blockchain.cases(file, data):
        if any(not any(key.startswith("expectException") for key in block) for block in case.data["blocks"]):
            yield case


def check(case: Case) -> None:
    fault = py_evm_faults.fault(case.name)
    verified, differences = 0, []
    with blockchain.imported(case.data) as chain:
        source = verify.Source(chain.reader())
        config = source.config()
        for number in range(1, source.head() + 1):
            try:
                differences += verify.verify(source, number, config)
            except verify.Unverifiable:
                continue
            verified += 1
    if fault is not None and differences:
        raise Skip(fault.name)
    if fault is not None:
        raise Mismatch(f"py-evm agrees, though it is listed as wrong here: strike off {fault.name}")
    if differences:
        raise Mismatch("; ".join(map(str, differences)))
    if verified == 0:
        raise Skip("py-evm-has-none")


SUITE: Final = Suite((".json",), cases, check)
