"""
What L1 says of the chain, kept in the store: the batches that it holds, in order, and how far it has verified them.

A batch is read once, out of the transaction that committed it, and kept while L1 has it: each look asks L1 for the hash of
the newest that is known, and goes back over those that L1 took back (a reorg, a revert).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from ethrex_node.rollup.follower import verdict
from ethrex_node.rollup.follower.verdict import Agreement, Mark
from ethrex_node.rollup.l1.client import L1Client
from ethrex_node.rollup.l1.errors import L1Error
from ethrex_node.rollup.recovery import published
from ethrex_node.rollup.recovery.published import Committed, RecoveryError
from ethrex_node.rollup.settlement import contracts
from ethrex_node.rollup.settlement.settler import status_at
from ethrex_node.rollup.store import Store, Txn
from ethrex_node.rollup.store.environment import key
from ethrex_node.rollup.store.schema import CONFIRMED, Confirmed

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`tag`: the head of L1 up to which its batches count."""

    tag: str = "safe"
    every_seconds: float = 1.0


class Confirmations:
    """
    From `run` to its cancellation. `final` is the last batch that a final block of L1 has verified. `floor` is the batch
    that the chain here begins with, where that is not the genesis; `unfounded` says that L1 does not have it.
    """

    def __init__(
        self,
        store: Store,
        client: L1Client,
        addresses: contracts.Addresses,
        settings: Settings,
        now: Callable[[], float] = time.monotonic,
        floor: Mark | None = None,
    ) -> None:
        self.final = 0
        self.unfounded: str | None = None
        self.trouble: str | None = None
        self.seen_at: float | None = None
        self._store = store
        self._client = client
        self._addresses = addresses
        self._settings = settings
        self._now = now
        self._floor = floor
        self._first = 0 if floor is None else floor.batch

    async def run(self) -> None:
        """Until cancelled. What L1 cannot say now is asked again."""
        while True:
            try:
                await self.step()
                self.trouble = None
            except (L1Error, RecoveryError) as error:
                if self.trouble is None:
                    log.warning("L1 confirms nothing now", extra={"reason": str(error)})
                self.trouble = str(error)
            await asyncio.sleep(self._settings.every_seconds)

    async def step(self) -> None:
        """One look at L1. Raises `L1Error`, `RecoveryError`; what was read before stays."""
        latest = await self._client.head()
        at = latest if self._settings.tag == "latest" else await self._client.head(self._settings.tag)
        if at.number >= self._addresses.deployed_at_block:
            await self._read_batches(at.number)
        self._check_floor()
        final = await self._client.final(latest.number)
        if final >= self._addresses.deployed_at_block:
            self.final = (await status_at(self._client, self._addresses, final)).last_verified
        self.seen_at = self._now()

    def _check_floor(self) -> None:
        """Nothing here is worth anything where the batch that it stands on is not L1's."""
        if self._floor is None:
            return
        row = self.confirmed(self._floor.batch)
        has_it = row is not None and verdict.mark(row) == self._floor
        self.unfounded = (
            None
            if has_it
            else (
                f"L1 does not have batch {self._floor.batch} that ends with block {self._floor.block} "
                f"0x{self._floor.hash.hex()}, with which the data here begins"
            )
        )

    def confirmed(self, number: int) -> Confirmed | None:
        with self._store.read() as txn:
            return txn.get(CONFIRMED, key(number))

    async def _read_batches(self, at: int) -> None:
        status = await status_at(self._client, self._addresses, at)
        known = await self._drop_what_left(at, status.last_committed)
        number, since = (0, self._addresses.deployed_at_block) if known is None else (known.number, known.l1_block)
        if status.last_committed == number:
            return
        found = await published.committed_in(self._client, self._addresses, since, at)
        newest = {one.number: one for one in found}  # one that was taken back and committed anew counts as it was last
        for wanted in range(number + 1, status.last_committed + 1):
            if wanted not in newest:
                raise RecoveryError(f"L1 has {status.last_committed} batches and no event of batch {wanted}")
            await self._keep(newest[wanted])

    async def _keep(self, one: Committed) -> None:
        batch = await published.read(self._client, self._addresses, one)
        row = Confirmed(one.number, one.hash, batch.statement, one.log.block_number, batch.versioned_hashes)
        await self._store.write(lambda txn: txn.put(CONFIRMED, key(row.number), row))
        last = verdict.mark(row).block
        log.info("L1 has a batch", extra={"batch": row.number, "hash": row.batch_hash.hex(), "last_block": last})

    async def _drop_what_left(self, at: int, last_committed: int) -> Confirmed | None:
        """The newest batch that is known and that L1 still has."""
        while True:
            with self._store.read() as txn:
                last = txn.last(CONFIRMED)
            if last is None:
                return None
            row = last[1]
            if row.number <= last_committed and await self._hash_of(row.number, at) == row.batch_hash:
                return row
            log.warning("L1 took back a batch", extra={"batch": row.number, "hash": row.batch_hash.hex()})
            await self._store.write(lambda txn, gone=last[0]: txn.delete(CONFIRMED, gone))  # type: ignore[misc]

    async def _hash_of(self, number: int, at: int) -> bytes:
        data = contracts.RECORD.call(self._addresses.chain_id, number)
        (record,) = contracts.RECORD.result(await self._client.call(self._addresses.proposer, data, at))
        found: bytes = record[0]
        return found

    def agreement(self, head: int, ours: Callable[[int], bytes | None]) -> Agreement:
        """How the chain up to its head stands with the batches that L1 has; `ours` gives a block's hash."""
        with self._store.read() as txn:
            numbers = range(_ending_by(txn, head), self._first, -1)
            found = verdict.compare((_mark(txn, number) for number in numbers), ours)
        return found if found.good is not None else Agreement(self._floor, found.contradicted)

    def newest(self) -> int:
        """The last batch that L1 has."""
        with self._store.read() as txn:
            return _newest(txn)

    def after(self, block: int) -> Mark | None:
        """The first batch that ends above a block."""
        with self._store.read() as txn:
            number = _ending_by(txn, block) + 1
            return _mark(txn, number) if number <= _newest(txn) else None

    def final_by(self, block: int) -> Mark | None:
        """The last batch at or below a block that a final block of L1 has verified."""
        with self._store.read() as txn:
            number = min(self.final, _ending_by(txn, block))
            return _mark(txn, number) if number >= max(1, self._first) else None


def _newest(txn: Txn) -> int:
    last = txn.last(CONFIRMED)
    return 0 if last is None else last[1].number


def _ending_by(txn: Txn, block: int) -> int:
    """The last batch that ends at or below a block; 0 for none. Batches begin with 1 and have no gaps."""
    low, high = 0, _newest(txn)
    while low < high:
        middle = (low + high + 1) // 2
        if _mark(txn, middle).block <= block:
            low = middle
        else:
            high = middle - 1
    return low


def _mark(txn: Txn, number: int) -> Mark:
    row = txn.get(CONFIRMED, key(number))
    assert row is not None, "batches have no gaps"
    return verdict.mark(row)
