"""
Make the blocks of a dev chain: by interval, on demand, or when told.

On demand a block is sealed as soon as the pool admits something; what comes while one is being built goes into the
next, so that under load blocks grow instead of queueing.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from .. import _native
from ..builder import Attributes, Builder
from ..chain import Chain, HeadChange
from ..pool import Pool, rules
from .blobs import BlobStore
from .clock import BlockClock

log = logging.getLogger(__name__)

SEALED_SECONDS: Final = 5.0  # longer than any block of a dev chain takes


@dataclass(slots=True)
class Producer:
    """`block_seconds` 0 = on demand; None = only when `mine` is called."""

    chain: Chain
    pool: Pool
    builder: Builder
    clock: BlockClock = field(default_factory=BlockClock)
    block_seconds: float | None = 0.0
    fee_recipient: bytes = bytes(20)
    gas_limit: int | None = None
    prev_randao: bytes | None = None
    base_fee_wei: int | None = None
    blobs: BlobStore = field(default_factory=lambda: BlobStore(None))
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _sealing: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def run(self) -> None:
        """Until cancelled. A block that cannot be made is logged and tried again with the next wake."""
        self.pool.listeners.append(self._admitted)
        try:
            while True:
                await self._next_turn()
                try:
                    await self.mine()
                except Exception:
                    log.exception("no block could be made")
                    await asyncio.sleep(1.0)
        finally:
            self.pool.listeners.remove(self._admitted)

    async def _next_turn(self) -> None:
        while True:
            self._wake.clear()
            if self.block_seconds == 0.0 and next(iter(self.pool.best()), None) is not None:
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), self.block_seconds or None)
                continue
            return

    def _admitted(self, transactions: Sequence[object]) -> None:
        if self.block_seconds == 0.0:
            self._wake.set()

    def configure(self, block_seconds: float | None) -> None:
        """Switch between interval, on demand (0) and manual (None)."""
        self.block_seconds = block_seconds
        self._wake.set()

    async def sealed(self, transaction: rules.Transaction) -> None:
        """
        On demand: wait for the block that takes this pooled transaction, as those expect who ask for its receipt at once.

        One that cannot be executed yet (nonce, fee) is not waited for.
        """
        moved = asyncio.Event()

        def wake(_: HeadChange) -> None:
            moved.set()

        self.chain.listeners.append(wake)  # behind the pool's, which has let go of what is included by then
        try:
            async with asyncio.timeout(SEALED_SECONDS):
                while self._takes(transaction):
                    moved.clear()
                    await moved.wait()
        except TimeoutError:
            pass  # it stays pooled; the caller has its hash
        finally:
            self.chain.listeners.remove(wake)

    def _takes(self, transaction: rules.Transaction) -> bool:
        """Whether the next block will take it, on demand."""
        next_nonce = self.pool.next_nonce(transaction.sender)
        return (
            self.block_seconds == 0.0
            and transaction.hash in self.pool.by_hash
            and next_nonce is not None
            and transaction.nonce < next_nonce
            and transaction.max_fee_per_gas >= self.pool.block_rules.base_fee_wei
        )

    @contextlib.asynccontextmanager
    async def still(self) -> AsyncIterator[None]:
        """No block is sealed meanwhile."""
        async with self._sealing:
            yield

    async def mine(self, timestamp: int | None = None) -> _native.Built:
        """Seal one block on the head now."""
        async with self._sealing:
            parent = self.chain.head
            if timestamp is not None:
                self.clock.set_next(timestamp, parent.timestamp)
            attributes = self._attributes(parent, self.clock.next(parent.timestamp))
            self.prev_randao = None
            if self.base_fee_wei is not None:
                self.base_fee_wei = None
                await self.chain.mark()
            built = await self.builder.build(parent.hash, attributes)
            # Before the head moves: whoever sees the block may ask for its blobs.
            if any(transaction.blob_count for transaction in built.included):
                await asyncio.to_thread(self.blobs.keep, built.hash, built.included)
            # A dev chain has no finality gadget: what is sealed is safe and final unless a test takes it back.
            await self.chain.set_head(built.hash, built.hash, built.hash)
            log.info("sealed block", extra={"block": built.number, "transactions": built.transactions})
            return built

    def charge(self, base_fee_wei: int) -> None:
        """The base fee of the next block alone; what follows goes on from there."""
        self.base_fee_wei = base_fee_wei
        self.pool.block_rules = replace(self.pool.block_rules, base_fee_wei=base_fee_wei)
        self._wake.set()

    def next_attributes(self) -> Attributes:
        """What the next block would have if it were sealed now."""
        parent = self.chain.head
        return self._attributes(parent, self.clock.peek(parent.timestamp))

    def _attributes(self, parent: _native.Head, timestamp: int) -> Attributes:
        return Attributes(
            timestamp=timestamp,
            fee_recipient=self.fee_recipient,
            prev_randao=_native.keccak256(parent.hash) if self.prev_randao is None else self.prev_randao,
            gas_limit=self.gas_limit,
            base_fee_wei=self.base_fee_wei,
        )
