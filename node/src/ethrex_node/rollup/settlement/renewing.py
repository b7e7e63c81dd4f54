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
    """The last batch that L1 holds, at its head and in a final block, and its time at the head."""

    committed: int
    committed_final: int
    seconds: int


def first_lost(txn: Txn, told_final: int, on_l1: OnL1, versions: Sequence[Version]) -> int | None:
    """
    The first batch to make again; None: all are as they should be. `told_final` is the last whose commit was final on L1.
    """
    if on_l1.committed_final < told_final:
        return on_l1.committed_final + 1
    by_number = {one.number: one for one in versions}
    for _, batch in txn.scan(schema.BATCHES, start=key(on_l1.committed + 1)):
        version = by_number.get(batch.program_version, Version(batch.program_version))
        is_refused = version.refusal(batch.number, on_l1.seconds) is not None
        if is_refused and chosen(versions, batch.number, on_l1.seconds) is not None:
            return batch.number
    return None
