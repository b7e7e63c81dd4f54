"""
How far things have come on their way between the chains: batches, messages to L1, deposits from it.

Out of the store, as functions of a transaction, but for what only L1 knows.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ethrex_node import _native
from ethrex_node.rollup.l1.abi import Function
from ethrex_node.rollup.l1.client import L1Client
from ethrex_node.rollup.sequencer import sealed
from ethrex_node.rollup.settlement import committer, contracts, settler
from ethrex_node.rollup.store import Txn, schema, started
from ethrex_node.rollup.store import batches as stored
from ethrex_node.rollup.store.environment import key
from ethrex_node.rollup.store.schema import Batch, Message, OutboxEntry, OutboxStatus, QueueItem

MESSAGES_ROOT: Final = Function("messagesRoot(uint256,uint64)", "(bytes32,uint64)")
IS_CLAIMED: Final = Function("isClaimed(uint256,uint256)", "(bool)")


class Stage(enum.StrEnum):
    """In order: each includes those before it. A message is claimable or claimed, a batch ends as final."""

    QUEUED = "queued"
    SEALED = "sealed"
    COMMITTED = "committed"
    VERIFIED = "verified"
    FINAL = "final"
    CLAIMABLE = "claimable"
    CLAIMED = "claimed"


@dataclass(frozen=True, slots=True)
class OnL1:
    """The last batches that L1 has committed, verified, and verified in a final block, whoever did it."""

    committed: int = 0
    verified: int = 0
    final: int = 0

    def stage(self, number: int) -> Stage:
        if number <= self.final:
            return Stage.FINAL
        if number <= self.verified:
            return Stage.VERIFIED
        return Stage.COMMITTED if number <= self.committed else Stage.SEALED


@dataclass(frozen=True, slots=True)
class BatchProgress:
    """A batch with what this sequencer did for it on L1: None where it did nothing."""

    batch: Batch
    stage: Stage
    commit: OutboxEntry | None
    verification: OutboxEntry | None


NOTHING: Final = OnL1()


def of_batch(batch: Batch, find: Callable[[str], OutboxEntry | None], on_l1: OnL1 = NOTHING) -> BatchProgress:
    """`find` gives the newest action on L1 for a purpose. What another sequencer did is known by `on_l1`."""
    commit = find(committer.purpose_of(batch.number))
    found = (find(purpose) for purpose in settler.purposes_with(batch.number))
    verification = next((entry for entry in found if entry is not None and _succeeded(entry)), None)
    stage = Stage.SEALED
    if verification is not None:
        stage = Stage.FINAL if verification.status is OutboxStatus.FINAL else Stage.VERIFIED
    elif commit is not None and _succeeded(commit):
        stage = Stage.COMMITTED
    others = on_l1.stage(batch.number)
    stage = max(stage, others, key=list(Stage).index)
    return BatchProgress(batch, stage, commit, verification)


def _succeeded(entry: OutboxEntry) -> bool:
    return entry.mined is not None and entry.mined.succeeded


def batch_with_block(txn: Txn, block: int) -> Batch | None:
    """The batch that a block is in; None while it is in none."""
    newest = stored.newest(txn)
    first = next((row for _, row in txn.scan(schema.BATCHES)), None)
    if newest is None or first is None or not first.first_block <= block <= newest.last_block:
        return None
    low, high = first.number, newest.number
    while low < high:
        middle = (low + high) // 2
        batch = stored.find(txn, middle)
        assert batch is not None, "batches have no gaps"
        if batch.last_block < block:
            low = middle + 1
        else:
            high = middle
    return stored.find(txn, low)


def proofs_of(txn: Txn, batch: int) -> dict[str, str]:
    """How far each proof is that the chain's policy asks for, by kind; nothing once the batch is verified for good."""
    jobs = [job for _, job in txn.scan(schema.JOBS, prefix=key(batch)) if job.state is not schema.JobState.WITHDRAWN]
    return {job.kind: job.state.value for job in jobs}


@dataclass(frozen=True, slots=True)
class DepositProgress:
    """An item of L1's queue; `block` is the one of L2 that holds it, None while it waits."""

    item: QueueItem
    block: int | None
    is_from_before: bool = False  # in a verified batch that this data does not have

    @property
    def transaction_hash(self) -> bytes:
        return _native.keccak256(self.item.raw)


def deposits_of(txn: Txn, l1_transaction: bytes) -> list[DepositProgress]:
    """Items that a transaction on L1 has queued, of those that are known here."""
    found = [pointer.index for _, pointer in txn.scan(schema.QUEUE_OF_TRANSACTION, prefix=l1_transaction)]
    return [one for index in found if (one := deposit(txn, index)) is not None]


def deposit(txn: Txn, index: int) -> DepositProgress | None:
    item = txn.get(schema.QUEUE, key(index))
    if item is None:
        return None
    begun = started.found(txn)
    if begun is not None and index < begun.queue_index:
        return DepositProgress(item, None, is_from_before=True)
    return DepositProgress(item, sealed.block_with_item(txn, index))


async def of_message(
    client: L1Client, addresses: contracts.Addresses, message: Message, batch: BatchProgress
) -> tuple[Stage, int | None]:
    """Where a message is, and from when on it can be claimed (L1's time), once its batch is verified."""
    if batch.stage not in (Stage.VERIFIED, Stage.FINAL):
        return batch.stage, None
    head = await client.head()
    asked = MESSAGES_ROOT.call(addresses.chain_id, message.batch)
    _, claimable_at = MESSAGES_ROOT.result(await client.call(addresses.proposer, asked, head.number))
    asked = IS_CLAIMED.call(addresses.chain_id, message.message_id)
    if IS_CLAIMED.result(await client.call(addresses.bridge, asked, head.number)) == (True,):
        return Stage.CLAIMED, claimable_at
    return (Stage.CLAIMABLE if head.timestamp >= claimable_at else Stage.VERIFIED), claimable_at
