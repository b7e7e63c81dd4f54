"""
Withdrawals from before a loss, claimed with what `ethrex l2 reconstruct` left: hashes, and their proofs.

Nobody has the transaction any more, so whoever claims says what was withdrawn. The file has every message of every verified
batch in order, and ids are given in order from 1: so each has its id, and its hash shows whether it is the withdrawal.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from ethrex_node import _native
from ethrex_node.rollup.l1 import abi
from ethrex_node.rollup.progress import IS_CLAIMED
from ethrex_node.rollup.wallet import account, bridge
from ethrex_node.rollup.wallet.account import Account, WalletError
from ethrex_node.rollup.wallet.bridge import BRIDGE_L2, Rollup, Withdrawal

FILE: Final = "claims.json"
AMOUNT_BYTES: Final = 32
HASH_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Provable:
    """A message of a verified batch, as the file has it."""

    message_id: int
    batch: int
    leaf: bytes
    proof: tuple[bytes, ...]


def load(path: Path) -> list[Provable]:
    """The file, or the folder that has it. Raises `WalletError`."""
    file = path / FILE if path.is_dir() else path
    try:
        entries = json.loads(file.read_bytes())
    except OSError as error:
        raise WalletError(f"{error.filename}: {error.strerror}: is this what `ethrex l2 reconstruct` wrote?") from error
    except ValueError as error:
        raise WalletError(f"{file} is not JSON: {error}") from error
    try:
        return [_read(number, one) for number, one in enumerate(entries, 1)]
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise WalletError(f"{file} does not hold claims as `ethrex l2 reconstruct` writes them: {error}") from error


def _read(number: int, one: Any) -> Provable:
    leaf, *proof = (bytes.fromhex(text.removeprefix("0x")) for text in (one["leaf"], *one["proof"]))
    if any(len(each) != HASH_BYTES for each in (leaf, *proof)):
        raise ValueError(f"entry {number} has a hash that is not of {HASH_BYTES} bytes")
    return Provable(number, int(one["batch"]), leaf, tuple(proof))


def leaf_of(wanted: Withdrawal) -> bytes:
    """As the contracts hash it (`L2.withdrawalData`, `L2.messageLeaf`)."""
    amount = wanted.amount.to_bytes(AMOUNT_BYTES, "big")
    data = _native.keccak256(wanted.token_l1 + wanted.token_l2 + wanted.receiver + amount)
    words = abi.encode(("address", "bytes32", "uint256"), ("0x" + BRIDGE_L2.hex(), data, wanted.message_id))
    return _native.keccak256(_native.keccak256(words))


def matching(known: Sequence[Provable], wanted: Withdrawal) -> list[tuple[Withdrawal, Provable]]:
    """Those that withdrew just this, whatever id `wanted` has."""
    named = [(replace(wanted, message_id=one.message_id), one) for one in known]
    return [(withdrawal, one) for withdrawal, one in named if leaf_of(withdrawal) == one.leaf]


async def claim(rollup: Rollup, sender: Account, found: Sequence[tuple[Withdrawal, Provable]]) -> list[dict[str, Any]]:
    """Claim those that nobody has claimed. Gives the receipts on L1. Raises `WalletError`."""
    receipts = []
    for one, proven in found:
        (is_claimed,) = await account.read(rollup.l1, rollup.bridge, IS_CLAIMED, rollup.chain_id, one.message_id)
        if is_claimed:
            continue
        receipts.append(await bridge.take(rollup, sender, one, proven.batch, proven.proof))
    return receipts
