"""
The rollup's own data of a chain that begins at the end of a batch: where that is, found or written.

The chain's folder says by itself which block it begins with; this says of which batch. The chain is written first, in one
commit: a crash between the two is mended by starting once more in the same way.
"""

from __future__ import annotations

from ethrex_node import _native
from ethrex_node.rollup.recovery.start import Start
from ethrex_node.rollup.sequencer import sealed
from ethrex_node.rollup.settlement import contracts
from ethrex_node.rollup.store import Store, Txn, started
from ethrex_node.rollup.store.environment import key
from ethrex_node.rollup.store.schema import SEALED, SealedBlock, Started

TIMESTAMP, EXTRA_DATA = 11, 12  # in a header; the latter has place in the second (1 byte), L1's two prices (8 each)


class CannotBegin(Exception):
    """The rollup's data does not say where its chain begins, and nobody else does."""


def ensure(store: Store, native: _native.Chain, start: Start | None) -> Started | None:
    """Where the data begins, which `start` says the first time. Raises `CannotBegin`."""
    if native.canonical_hash(0) is not None:
        return None
    with store.read() as txn:
        known = started.found(txn)
    if known is not None:
        return known
    head = native.head()
    if start is None:
        raise CannotBegin(
            f"the chain of this data folder does not begin with its genesis, and {store.folder} does not say where it does: "
            "start once more with --reconstructed and the folder that it was begun with"
        )
    if (head.number, head.hash) != (start.block, start.block_hash):
        raise CannotBegin(
            f"the chain stands at block {head.number}, the reconstructed state at {start.block}, and {store.folder} has "
            "nothing of the blocks in between: it was exchanged or lost"
        )
    queue_index = contracts.number_of(start.statement, "queueIndex")
    row = Started(start.statement, start.number, start.block, queue_index)
    store.write_now(lambda txn: write(txn, row, _last_block(start)))
    return row


def write(txn: Txn, row: Started, last_block: SealedBlock) -> None:
    """`last_block` is that of the batch."""
    started.put(txn, row)
    sealed.put(txn, last_block)


def found(store: Store) -> tuple[Started, SealedBlock] | None:
    """What was written; None: the data begins with the genesis. Raises `CannotBegin`."""
    with store.read() as txn:
        row = started.found(txn)
        block = None if row is None else txn.get(SEALED, key(row.last_block))
    if row is None:
        return None
    if block is None:
        raise CannotBegin(
            f"{store.folder} says that it begins behind block {row.last_block}, and has nothing of that block"
        )
    return row, block


def _last_block(start: Start) -> SealedBlock:
    """As if it had been sealed here, as far as that matters for what comes after it."""
    fields = _native.rlp_decode(start.header)
    extra, timestamp = bytes(fields[EXTRA_DATA]), int.from_bytes(fields[TIMESTAMP], "big")
    return SealedBlock(
        number=start.block,
        hash=start.block_hash,
        timestamp=timestamp,
        gas_used=0,
        data_bytes=0,
        transactions=0,
        queue_index=contracts.number_of(start.statement, "queueIndex"),
        l1_base_fee=int.from_bytes(extra[1:9], "big"),
        l1_blob_base_fee=int.from_bytes(extra[9:17], "big"),
        sealed_at_ms=timestamp * 1000,
        ends_batch=True,
    )
