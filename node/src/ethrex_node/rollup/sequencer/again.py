"""
Blocks that L1 made void, sealed again: each with the transactions of its users, in their order, and the queue as it is now.

A block keeps its number, time, prices and place in its batch. What does not fit beside the new items goes on to the next
block, before that one's own; what is not valid any more is tried again in each block after it and is dropped at the end. What
is done is found again from chain and store after a crash.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ethrex_node import _native
from ethrex_node.rollup.store.schema import SealedBlock

# A block with less room for data than this may have left something out for want of it.
NEARLY_FULL_BYTES: Final = 32 << 10


def left_out(native: _native.Chain, rows: Sequence[SealedBlock]) -> list[_native.Transaction]:
    """
    Users' transactions of taken back blocks (`rows`, ascending) that no block from the first of these numbers on holds.
    """
    if not rows:
        return []
    there: set[bytes] = set()
    for number in range(rows[0].number, native.head().number + 1):
        block = native.canonical_hash(number)
        there.update(native.transaction_hashes(block) if block is not None else ())
    every = [one for row in rows for one in native.pooled_transactions(row.hash)]
    return [one for one in every if one.hash not in there]


def cut_at(
    candidates: Sequence[_native.Transaction], built: _native.Built, gas_limit: int, max_data_bytes: int
) -> int | None:
    """
    Where the candidates have to end so that none overtakes one that had no room. None: the block is as it should be.

    A block without items of the queue has room for what was in one: what it leaves out is left out for another reason.
    """
    if not built.privileged:
        return None
    included = {one.hash for one in built.included}
    out = set(built.impossible)
    has_no_data = max_data_bytes - built.data_bytes < NEARLY_FULL_BYTES
    for at, one in enumerate(candidates):
        if one.hash in included or one.hash in out:
            continue
        has_no_room = has_no_data or built.gas_used + one.gas_limit > gas_limit
        if has_no_room and any(later.hash in included for later in candidates[at:]):
            return at
    return None
