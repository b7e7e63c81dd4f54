"""
Follow the queue on L1: every item ends up in the store, once, in order, as the transaction that L2 executes.

Items are taken at a depth where L1 does not change its mind. If it does all the same, the watcher goes back and reads
again; an item that a block of ours holds already and that is gone from L1 is an alarm, since that block is void.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from prometheus_client.core import Metric

from ethrex_node import _native
from ethrex_node.observe import metrics
from ethrex_node.rollup.l1 import answers, errors
from ethrex_node.rollup.l1.client import L1Client
from ethrex_node.rollup.settlement import contracts
from ethrex_node.rollup.store import Store, Txn, schema
from ethrex_node.rollup.store.environment import ONLY_ROW, key
from ethrex_node.rollup.store.schema import QueueItem, Watched

log = logging.getLogger(__name__)

BLOCKS_AT_ONCE: Final = 5_000


class QueueBroken(Exception):
    """What L1 says of the queue does not fit together: its hashes, or what was taken from it before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`tag`: L1's safe head, or with "latest" so many blocks below it."""

    tag: str = "safe"
    depth: int = 0
    every_seconds: float = 1.0
    rewind_blocks: int = 64


class Watcher:
    def __init__(self, store: Store, client: L1Client, addresses: contracts.Addresses, settings: Settings) -> None:
        self.refusals: Counter[str] = Counter()
        self.rewinds = 0
        self._store = store
        self._client = client
        self._addresses = addresses
        self._settings = settings

    async def run(self) -> None:
        """Until cancelled. What L1 cannot be asked now is asked again."""
        while True:
            try:
                await self.step()
            except errors.L1Error as error:
                self.refusals[type(error).__name__] += 1
                log.warning("the queue could not be read", extra={"reason": str(error)})
            await asyncio.sleep(self._settings.every_seconds)

    async def step(self) -> int:
        """Take in what is new at the depth; gives the number of items. Raises `L1Error`, `QueueBroken`."""
        head = await self._client.head(self._settings.tag)
        newest = head.number - self._settings.depth
        watched = await self._still_there(self.watched())
        first = self._addresses.deployed_at_block if watched is None else watched.l1_block + 1
        taken = 0
        while first <= newest:
            last = min(first + BLOCKS_AT_ONCE - 1, newest)
            taken += await self._take(first, last)
            first = last + 1
        return taken

    def watched(self) -> Watched | None:
        with self._store.read() as txn:
            return txn.get(schema.WATCHED, ONLY_ROW)

    def length(self) -> int:
        """Items that are in the store."""
        with self._store.read() as txn:
            newest = txn.last(schema.QUEUE)
        return 0 if newest is None else newest[1].index + 1

    async def _take(self, first: int, last: int) -> int:
        topics = [contracts.PRIVILEGED_TX_SENT.topic, self._addresses.chain_id.to_bytes(32, "big")]
        logs = await self._client.logs(self._addresses.bridge, topics, first, last)
        block = await self._client.block(last)
        if block is None:
            raise errors.Disagreement(f"block {last}", 1, 0, ())
        items = [self._item(one) for one in logs]

        def change(txn: Txn) -> None:
            for item in items:
                _put(txn, item)
            txn.put(schema.WATCHED, ONLY_ROW, Watched(last, block.hash))

        await self._store.write(change)
        if items:
            log.info("items of the L1 queue", extra={"items": len(items), "up_to": items[-1].index, "l1_block": last})
        return len(items)

    def _item(self, found: answers.Log) -> QueueItem:
        said = contracts.PRIVILEGED_TX_SENT.read(found)
        raw = _native.privileged_transaction(
            chain_id=self._addresses.chain_id,
            index=said["index"],
            sender=_address(said["from"]),
            to=_address(said["to"]),
            value=said["value"].to_bytes(32, "big"),
            gas_limit=said["gasLimit"],
            data=said["data"],
        )
        return QueueItem(
            index=said["index"],
            raw=raw,
            gas_limit=said["gasLimit"],
            deadline=said["deadline"],
            queue_hash=said["queueHash"],
            l1_block=found.block_number,
            l1_transaction=found.transaction_hash,
        )

    async def _still_there(self, watched: Watched | None) -> Watched | None:
        """The point up to which what was read still holds; what lies above it is dropped."""
        if watched is None:
            return None
        block = await self._client.block(watched.l1_block)
        if block is not None and block.hash == watched.l1_hash:
            return watched
        self.rewinds += 1
        back = max(watched.l1_block - self._settings.rewind_blocks, self._addresses.deployed_at_block)
        kept = await self._client.block(back)
        point = None if kept is None or back == self._addresses.deployed_at_block else Watched(back, kept.hash)
        log.error("L1 took blocks back that it called safe", extra={"from": watched.l1_block, "read_again_from": back})
        await self._store.write(lambda txn: _drop_above(txn, back, point))
        return point


def _put(txn: Txn, item: QueueItem) -> None:
    """
    The next item, or one that is known and was read again. Raises `QueueBroken`: a node of L1 has left an item out or made
    one up, or L1 has exchanged one that a block of ours holds.
    """
    known = txn.get(schema.QUEUE, key(item.index))
    if known is not None and known.raw != item.raw:
        raise QueueBroken(
            f"item {item.index} of the queue is another one than the one that is in a block of this chain"
        )
    before = None if item.index == 0 else txn.get(schema.QUEUE, key(item.index - 1))
    if before is None and item.index != 0:
        raise QueueBroken(f"L1 told of item {item.index} of the queue and not of the one before it")
    start = bytes(32) if before is None else before.queue_hash
    if _native.queue_hash(start, item.raw) != item.queue_hash:
        raise QueueBroken(f"item {item.index} of the queue does not lead to the hash that L1 keeps")
    if known is not None and known.l1_transaction != item.l1_transaction:
        txn.delete(schema.QUEUE_OF_TRANSACTION, key(known.l1_transaction, item.index))
    txn.put(schema.QUEUE, key(item.index), item)
    txn.put(schema.QUEUE_OF_TRANSACTION, key(item.l1_transaction, item.index), schema.QueueIndex(item.index))


def _drop_above(txn: Txn, l1_block: int, point: Watched | None) -> None:
    """Items that no block of ours holds are read again; those that one holds are compared when they come again."""
    gone = [(at, item) for at, item in txn.scan(schema.QUEUE) if item.l1_block > l1_block or point is None]
    newest_block = txn.last(schema.SEALED)
    used = 0 if newest_block is None else newest_block[1].queue_index
    for at, item in gone:
        if item.index >= used:
            txn.delete(schema.QUEUE, at)
            txn.delete(schema.QUEUE_OF_TRANSACTION, key(item.l1_transaction, item.index))
    if point is None:
        txn.delete(schema.WATCHED, ONLY_ROW)
    else:
        txn.put(schema.WATCHED, ONLY_ROW, point)


def _address(text: str) -> bytes:
    """eth-abi gives addresses as text."""
    return bytes.fromhex(text.removeprefix("0x"))


def metrics_of(watcher: Watcher) -> Iterator[Metric]:
    """A source for `observe.metrics.Metrics.add`."""
    watched = watcher.watched()
    yield metrics.gauge(
        "rollup_l1_block", "L1 block up to which the queue has been read", watched.l1_block if watched else 0
    )
    yield metrics.gauge("rollup_queue_items", "Items of the L1 queue that are known", watcher.length())
    yield metrics.counter("rollup_queue_rewinds", "Times that L1 took back what had been read", watcher.rewinds)
