"""Where the data begins, as functions of a transaction."""

from __future__ import annotations

from typing import Final

from ethrex_node.rollup.store.environment import Txn
from ethrex_node.rollup.store.schema import STARTED, Started

ONLY_ROW: Final = b"-"


def found(txn: Txn) -> Started | None:
    """None: with the genesis."""
    return txn.get(STARTED, ONLY_ROW)


def put(txn: Txn, row: Started) -> None:
    txn.put(STARTED, ONLY_ROW, row)
