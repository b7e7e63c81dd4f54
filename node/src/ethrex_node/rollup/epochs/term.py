"""In which epoch the sequencer of a data folder seals: kept in the store, so that a restart is in the same one."""

from __future__ import annotations

from typing import Final

from ethrex_node.rollup.store import Store, Txn
from ethrex_node.rollup.store.environment import ONLY_ROW
from ethrex_node.rollup.store.schema import TERM, Term

FIRST_EPOCH: Final = 1


async def begin(store: Store) -> Term:
    """The term that goes on here; the chain's first where there was none."""

    def change(txn: Txn) -> Term:
        term = txn.get(TERM, ONLY_ROW)
        if term is None:
            term = Term(FIRST_EPOCH)
            txn.put(TERM, ONLY_ROW, term)
        return term

    return await store.write(change)
