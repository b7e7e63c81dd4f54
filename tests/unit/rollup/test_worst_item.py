"""
The worst items that L1's queue lets through, each as far as its gas goes with all of the data that it may have: executed,
put into a batch, handed out by the coordinator, executed again from the witness and signed by the prover's process.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from ethrex_node.rollup.coordinator import NewJob
from unit.prover.test_process import COMMAND, arguments
from unit.rollup.coordinator.served import PROVER, VERSION, serving
from unit.rollup.rollups import RULES, Rollup

# As `Queue.sol` has it.
MOST_DATA: Final = 32 * 1024
MOST_GAS: Final = min(1 << 24, RULES["gasLimit"] // 4)
# What the coordinator's answer may be for the prover to take it: `ethrex_prover.coordinator.INPUT_MOST_BYTES` is 4 GiB; a
# sixteenth of it is what a proving machine of 8 GiB holds several times over.
MOST_INPUT: Final = 256 << 20
HEAVY: Final = b"\x77" * 20
FIRST: Final = 0x10000  # of the accounts that are looked at
CODE_BYTES: Final = 24_576
LIMIT_SECONDS: Final = 100.0

COLD_GAS: Final = 2_600
LOOKED_AT: Final = MOST_GAS // COLD_GAS
SLOTS: Final = MOST_GAS // 2_100


def code(text: str) -> str:
    return "0x" + text.replace(" ", "")


# i = first; for (;;) { look at i; ++i }
READS_SLOTS: Final = code("62 010000 5b 80 54 50 6001 01 6004 56")
READS_BALANCES: Final = code("62 010000 5b 80 31 50 6001 01 6004 56")
READS_CODES: Final = code("62 010000 5b 80 3b 50 6001 01 6004 56")
# while (gas left > 32,768) { slot[i] = i; ++i }
FILLS_SLOTS: Final = code("62 010000 5b 80 80 55 6001 01 5a 618000 10 6004 57 00")
# memory = call data; while (gas left > 4,096) { memory[0..32] = keccak(memory) } log it
HASHES: Final = code("36 5f 5f 37 5b 36 5f 20 5f 52 5a 611000 10 6004 57 00")


def calls(precompile: int, data_bytes: int) -> str:
    """memory = call data; for (;;) { precompile(memory[0..data_bytes]) }"""
    return code(f"36 5f 5f 37 5b 5f 5f 61{data_bytes:04x} 5f 61{precompile:04x} 5a fa 50 6004 56")


def words(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(32, "big") for number in numbers)


# The generators of BN254's two groups, the second with the imaginary parts first.
PAIR: Final = words(
    *(1, 2),
    0x198E9393920D483A7260BFB731FB5D25F1AA493335A9E71297E485B7AEF312C2,
    0x1800DEEF121F1E76426A00665E5C4479674322D4F75EDADD46DEBD5CD992F6ED,
    0x090689D0585FF075EC9E99AD690C3395BC4B313370B38EF355ACDADCD122975B,
    0x12C85EA5DB8C6DEB4AAB71808DCB408FE3D1E7690C43D37B4CE6CC0166FA7DAA,
)
PAIRS: Final = MOST_DATA // 192
MODULUS: Final = 192
MODEXP: Final = words(MODULUS, MODULUS, MODULUS) + b"\xff" * (3 * MODULUS)
# Of the polynomial zero: commitment and proof are the point at infinity.
INFINITY: Final = b"\xc0" + bytes(47)


def point_evaluation() -> bytes:
    return b"\x01" + hashlib.sha256(INFINITY).digest()[1:] + words(7, 0) + INFINITY + INFINITY


@dataclass(frozen=True)
class Worst:
    code: str
    data: bytes = b""
    storage: Mapping[str, str] = field(default_factory=dict)
    accounts: Mapping[str, Any] = field(default_factory=dict)


def numbered(count: int, make: Any) -> dict[str, Any]:
    return {f"{FIRST + number:040x}": make(number) for number in range(count)}


def worst(what: str) -> Worst:
    match what:
        case "codes":
            return Worst(
                READS_CODES,
                accounts=numbered(
                    LOOKED_AT,
                    lambda number: {
                        "balance": "0x1",
                        "code": "0x00" + number.to_bytes(4, "big").hex() + "5b" * (CODE_BYTES - 5),
                    },
                ),
            )
        case "balances":
            return Worst(READS_BALANCES, accounts=numbered(LOOKED_AT, lambda number: {"balance": hex(number + 1)}))
        case "slots":
            return Worst(READS_SLOTS, storage={hex(FIRST + number): hex(number + 1) for number in range(SLOTS)})
        case "new slots":
            return Worst(FILLS_SLOTS)
        case "hashes":
            return Worst(HASHES)
        case "ecrecover":
            return Worst(calls(1, 128), words(7, 27, 9, 9))
        case "modexp":
            return Worst(calls(5, len(MODEXP)), MODEXP)
        case "pairing":
            return Worst(calls(8, 192 * PAIRS), PAIR * PAIRS)
        case "point evaluation":
            return Worst(calls(10, 192), point_evaluation())
        case "p256":
            return Worst(calls(0x100, 160), bytes(range(160)))
    raise AssertionError(what)


EVERY: Final = (
    *("codes", "balances", "slots", "new slots", "hashes"),
    *("ecrecover", "modexp", "pairing", "point evaluation", "p256"),
)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("what", EVERY)
async def test_the_worst_item_is_executed_and_proven(what: str, tmp_path: Path) -> None:
    heavy = worst(what)
    account = {"balance": "0x0", "nonce": "0x1", "code": heavy.code, "storage": dict(heavy.storage)}
    rollup = Rollup.open(tmp_path, {HEAVY.hex(): account, **heavy.accounts})
    item = rollup.item(HEAVY, data=heavy.data.ljust(MOST_DATA, b"\xff"), gas=MOST_GAS)
    began = time.monotonic()
    built = rollup.seal(items=(item,))
    made = rollup.batch()
    print(f"{what}: {built.gas_used} gas, input of {len(made.input)} bytes, {time.monotonic() - began:.1f} s to make")

    assert built.privileged == 1
    assert built.gas_used > MOST_GAS * 0.99
    assert len(made.input) < MOST_INPUT

    async with serving(tmp_path, is_real_time=True) as served:
        (tmp_path / "token").write_text(PROVER)
        new = NewJob(
            batch=made.number, kind="attested", program_version=VERSION, batch_hash=made.hash, input=made.input,
            gas=built.gas_used, due_ms=0,
        )  # fmt: skip
        await served.coordinator.add(new)
        environment = {"KEY": (b"\1" * 32).hex()}
        prover = await asyncio.create_subprocess_exec(COMMAND, *arguments(served), env=environment)
        try:
            async with asyncio.timeout(LIMIT_SECONDS):
                while not served.coordinator.proofs(made.number):
                    await asyncio.sleep(0.05)
        finally:
            prover.terminate()
            await prover.wait()
    print(f"{what}: proven {time.monotonic() - began:.1f} s after it was begun")
