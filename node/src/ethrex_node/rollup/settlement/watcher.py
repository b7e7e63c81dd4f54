"""
Follow the queue on L1: every item ends up in the store, once, in order, as the transaction that L2 executes.

Items are taken at a depth where L1 does not change its mind. If it does all the same, the watcher goes back and reads
again, once the new chain has come as far as what was read of the old one: most transactions come again in it. Where an item
that a block of ours holds is another one then, or none, that block is void: `exchanged` is told (see ``taking_back``).
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
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


@dataclass(frozen=True, slots=True)
class Exchange:
    """L1's queue is another one from `index` on, which a block of ours holds: `items` are what was read again, up to `watched`."""

    index: int
    items: tuple[QueueItem, ...]
    watched: Watched


async def alarm(found: Exchange) -> None:
    """Raises `QueueBroken`."""
    raise QueueBroken(
        f"item {found.index} of the queue is another one than the one that is in a block of this chain, or none"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`tag`: L1's safe head, or with "latest" so many blocks below it."""

    tag: str = "safe"
    depth: int = 0
    every_seconds: float = 1.0
    rewind_blocks: int = 64


class Watcher:
    """`exchanged` hears of items that blocks of ours hold and L1 does not: nothing is written then, and it hears again."""

    def __init__(self, store: Store, client: L1Client, addresses: contracts.Addresses, settings: Settings) -> None:
        self.exchanged: Callable[[Exchange], Awaitable[None]] = alarm
        self.refusals: Counter[str] = Counter()
        self.rewinds = 0
        self._gone: Watched | None = None  # told of already
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
        watched = self.watched()
        if watched is not None and newest < watched.l1_block:
            return 0  # nodes are behind, or L1's new chain is not as far as the old one was
        if watched is not None and not await self._is_there(watched):
            return await self._read_again(watched, newest)
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
        items, watched = await self._read(first, last)

        def change(txn: Txn) -> None:
            for item in items:
                _put(txn, item)
            txn.put(schema.WATCHED, ONLY_ROW, watched)

        await self._store.write(change)
        if items:
            log.info("items of the L1 queue", extra={"items": len(items), "up_to": items[-1].index, "l1_block": last})
        return len(items)

    async def _read(self, first: int, last: int) -> tuple[list[QueueItem], Watched]:
        """What L1 has queued in these blocks, and that it was read so far."""
        topics = [contracts.PRIVILEGED_TX_SENT.topic, self._addresses.chain_id.to_bytes(32, "big")]
        logs = await self._client.logs(self._addresses.bridge, topics, first, last)
        block = await self._client.block(last)
        if block is None:
            raise errors.Disagreement(f"block {last}", 1, 0, ())
        return [self._item(one) for one in logs], Watched(last, block.hash)

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

    async def _is_there(self, watched: Watched) -> bool:
        block = await self._client.block(watched.l1_block)
        return block is not None and block.hash == watched.l1_hash

    async def _read_again(self, watched: Watched, newest: int) -> int:
        """From before the reorg on. Gives the number of items that came in."""
        if watched != self._gone:
            self._gone = watched
            self.rewinds += 1
            log.error("L1 took blocks back that it called safe", extra={"from": watched.l1_block, "newest": newest})
        back = await self._before_reorg(watched)
        items: list[QueueItem] = []
        read = watched
        for first in range(back + 1, newest + 1, BLOCKS_AT_ONCE):
            more, read = await self._read(first, min(first + BLOCKS_AT_ONCE - 1, newest))
            items += more
        wrong = await self._store.write(lambda txn: _exchange(txn, back, items, read))
        if wrong is not None:
            await self.exchanged(Exchange(wrong, tuple(items), read))
            return 0
        return len(items)

    async def _before_reorg(self, watched: Watched) -> int:
        """A block that was not taken back: a final one, if the setting is not further back."""
        final = await self._client.final((await self._client.head()).number)
        back = min(watched.l1_block - self._settings.rewind_blocks, final)
        return max(back, self._addresses.deployed_at_block - 1)


def _put(txn: Txn, item: QueueItem) -> None:
    """
    The next item, or one that is known and was read again. Raises `QueueBroken`: a node of L1 has left an item out or made
    one up.
    """
    known = txn.get(schema.QUEUE, key(item.index))
    if known is not None and known.raw != item.raw:
        raise QueueBroken(f"L1 told of another item {item.index} of the queue than before, and took no block back")
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


def _exchange(txn: Txn, back: int, items: Sequence[QueueItem], read: Watched) -> int | None:
    """
    Put what L1's queue has above block `back` in the place of what was known of it. Where a block of ours holds something
    else nothing is written: gives the first such index.
    """
    newest_block = txn.last(schema.SEALED)
    used = 0 if newest_block is None else newest_block[1].queue_index
    found = {item.index: item for item in items}
    old = [item for _, item in txn.scan(schema.QUEUE) if item.l1_block > back]
    wrong = [item.index for item in old if item.index not in found or found[item.index].raw != item.raw]
    if wrong and wrong[0] < used:
        return wrong[0]
    replace_from(txn, wrong[0] if wrong else 1 << 63, items, read)
    return None


def replace_from(txn: Txn, index: int, items: Sequence[QueueItem], read: Watched) -> None:
    """Items from `index` on are gone from L1; it has these, among them what stays."""
    for at, item in list(txn.scan(schema.QUEUE, start=key(index))):
        txn.delete(schema.QUEUE, at)
        txn.delete(schema.QUEUE_OF_TRANSACTION, key(item.l1_transaction, item.index))
    for item in items:
        _put(txn, item)
    txn.put(schema.WATCHED, ONLY_ROW, read)


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
