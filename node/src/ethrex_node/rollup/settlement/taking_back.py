"""
L1 took an item of the queue back that blocks of ours hold: they are void, and so is all that was made of them.

One transaction of the store takes back blocks, batches, jobs and actions on L1 together, and puts L1's new queue there; the
sequencer goes on from it, after a crash too. Batches that L1 still holds end before the first void block: a commit names the
queue's hash, so with another queue it would have reverted.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

from ethrex_node.rollup.coordinator import coordinator
from ethrex_node.rollup.l1.client import L1Client
from ethrex_node.rollup.outbox import record
from ethrex_node.rollup.sequencer import sealed
from ethrex_node.rollup.settlement import committer, contracts, settler
from ethrex_node.rollup.settlement.watcher import Exchange, QueueBroken, replace_from
from ethrex_node.rollup.store import Txn, schema, started
from ethrex_node.rollup.store import batches as stored
from ethrex_node.rollup.store.environment import key
from ethrex_node.rollup.store.schema import OutboxEntry, OutboxStatus, QueueReorg

log = logging.getLogger(__name__)


async def may_be(client: L1Client, addresses: contracts.Addresses, first_batch: int) -> bool:
    """Whether L1 holds none of the void batches. Nodes of L1 that are between two chains may say otherwise for a while."""
    head = await client.head()
    status = await settler.status_at(client, addresses, head.number)
    if status.last_committed < first_batch:
        return True
    facts = {"batch": first_batch, "committed": status.last_committed, "l1_block": head.number}
    log.critical(
        "L1 has another queue than a batch that it holds: nothing is done until it is of one mind", extra=facts
    )
    return False


def first_void(txn: Txn, index: int) -> tuple[int, int]:
    """The first block that holds the item, and its batch, which may not be made yet."""
    block = sealed.block_with_item(txn, index)
    assert block is not None, "a block holds it"
    newest, begun = stored.newest(txn), started.found(txn)
    base = 0 if begun is None else begun.number
    if begun is not None and block <= begun.last_block:
        return block, base
    number = 1 + (base if newest is None else newest.number)
    while (before := stored.find(txn, number - 1)) is not None and before.last_block >= block:
        number -= 1
    return block, number


def take_back(txn: Txn, found: Exchange, now_ms: int) -> QueueReorg:
    """Raises `QueueBroken` where a void batch is on L1 for good."""
    block, batch = first_void(txn, found.index)
    for entry in _actions(txn, batch):
        if entry.status is OutboxStatus.FINAL and entry.mined is not None and entry.mined.succeeded:
            raise QueueBroken(f"item {found.index} of the queue is gone from L1, where {entry.purpose} is final")
    let_go(txn, batch)
    last = sealed.take_back(txn, block)
    replace_from(txn, found.index, found.items, found.watched)
    previous = txn.last(schema.QUEUE_REORGS)
    number = 1 if previous is None else previous[1].number + 1
    reorg = QueueReorg(number, now_ms, found.index, block, last, batch)
    txn.put(schema.QUEUE_REORGS, key(number), reorg)
    return reorg


def let_go(txn: Txn, batch: int) -> int:
    """Of this batch and all after it, and of what was made of them, but not of their blocks; gives how many there were."""
    for entry in list(_actions(txn, batch)):
        record.withdraw(txn, entry)
    newest = stored.newest(txn)
    for number in range(batch, batch if newest is None else newest.number + 1):
        coordinator.withdraw(txn, number)
        for at, _ in list(txn.scan(schema.OPENINGS, prefix=key(number))):
            txn.delete(schema.OPENINGS, at)
        txn.delete(schema.PAYLOADS, key(number))
    return len(stored.drop_from(txn, batch))


def _actions(txn: Txn, batch: int) -> Iterator[OutboxEntry]:
    """What was recorded on L1 for a batch or one after it: commits, and verifications that reach that far."""
    number = batch
    while (entry := record.by_purpose(txn, committer.purpose_of(number))) is not None:
        yield entry
        number += 1
    for at, _ in txn.scan(schema.OUTBOX_OPEN):
        found = txn.get(schema.OUTBOX, at)
        if found is not None and settler.last_of(found.purpose) >= batch:
            yield found
