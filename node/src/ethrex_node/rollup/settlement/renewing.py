"""
Batches that L1 holds no more, or would not take any more, are made again of the same blocks.

L1 lets go of commitments that nobody proved, that its guardian or the chain's admin reverts, or whose version of the program is
revoked; and takes none of a version that has ended. Blocks and their transactions are as good as before: what was made of them
goes in one transaction of the store (`taking_back.let_go`), and is made again, of the version that L1 takes now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ethrex_node.rollup.settlement.versions import Version, chosen
from ethrex_node.rollup.store import Txn, schema
from ethrex_node.rollup.store.environment import key


@dataclass(frozen=True, slots=True)
class OnL1:
    """The last batch that L1 holds, at its head and in its final block, its time at the head, and the final block's number."""

    committed: int
    committed_final: int
    seconds: int
    final_block: int


@dataclass(frozen=True, slots=True)
class Told:
    """The last batch whose commit was final on L1, by block `at`."""

    final: int = 0
    at: int = 0


def first_lost(txn: Txn, told: Told, on_l1: OnL1, versions: Sequence[Version]) -> int | None:
    """
    The first batch to make again; None: all are as they should be.

    Right after a reorg L1's new chain may be shorter than the old one was, and so may be what is final of it: what was told in
    blocks above that is not gone.
    """
    if on_l1.final_block >= told.at and on_l1.committed_final < told.final:
        return on_l1.committed_final + 1
    by_number = {one.number: one for one in versions}
    for _, batch in txn.scan(schema.BATCHES, start=key(on_l1.committed + 1)):
        version = by_number.get(batch.program_version, Version(batch.program_version))
        is_refused = version.refusal(batch.number, on_l1.seconds) is not None
        if is_refused and chosen(versions, batch.number, on_l1.seconds) is not None:
            return batch.number
    return None
