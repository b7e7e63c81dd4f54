"""
Cases in which py-evm (0.12.1b1) is wrong, with the proof.

In each of them this node comes to the header that the fixture holds (the ``blockchain`` suite says so), and the EIP with the
line of py-evm that breaks it says why py-evm does not. A listed case that agrees is a failure: it is to be struck off.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Fault:
    name: str
    cases: re.Pattern[str]
    proof: str


FAULTS: Final = (
    Fault(
        "py-evm-collision-with-storage",
        re.compile(
            r"test_init_collision_create_opcode.*-opcode_(CREATE-non-empty-balance-correct|CREATE2-non-empty-balance-(correct|oog|revert))-"
            r"|test_init_collision_create_tx.*-non-empty-balance-(correct|revert)-"
            r"|test_collision_with_create2_revert_in_initcode"
            r"|test_create2_collision_storage.*-(empty-initcode|initcode-with-deploy)\]"
        ),
        "EIP-7610 forbids to create where there is storage; `AccountDB.account_has_code_or_nonce` does not look at it",
    ),
    Fault(
        "py-evm-modexp-of-nothing",
        re.compile(r"ModExpInput_base_0x-exponent_0x-modulus_0x(00)?02-"),
        "EIP-198 has 0**0 = 1, so an empty base and exponent give 1 modulo 2; `precompiles.modexp._modexp` gives 0 for an empty base",
    ),
    Fault(
        "py-evm-large-init-code-without-funds",
        re.compile(r"test_create2_oversized_initcode_with_insufficient_balance.*-initcode_oversize"),
        "EIP-3860 makes init code above the limit an exceptional abort before anything else; py-evm looks at the balance first",
    ),
    Fault(
        "py-evm-init-code-paid-twice",
        re.compile(r"test_creating_tx_to_contract_creator"),
        "EIP-3860's 2 gas a word are paid by CREATE; `BaseComputation.apply_computation` takes them again where the creator is the "
        "transaction's origin, which since EIP-7702 an account with code can be",
    ),
)


def fault(case: str) -> Fault | None:
    return next((one for one in FAULTS if one.cases.search(case)), None)
