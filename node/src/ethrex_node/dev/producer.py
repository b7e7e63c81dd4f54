"""
Make the blocks of a dev chain: by interval, on demand, or when told.

On demand a block is sealed as soon as the pool admits something; what comes while one is being built goes into the
next, so that under load blocks grow instead of queueing.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from .. import _native
from ..builder import Attributes, Builder
from ..chain import Chain
from ..pool import Pool
from .blobs import BlobStore
from .clock import BlockClock

log = logging.getLogger(__name__)


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
            attributes = Attributes(
                timestamp=self.clock.next(parent.timestamp),
                fee_recipient=self.fee_recipient,
                prev_randao=self._randao(parent),
                gas_limit=self.gas_limit,
            )
            built = await self.builder.build(parent.hash, attributes)
            # Before the head moves: whoever sees the block may ask for its blobs.
            if any(transaction.blob_count for transaction in built.included):
                await asyncio.to_thread(self.blobs.keep, built.hash, built.included)
            # A dev chain has no finality gadget: what is sealed is safe and final unless a test takes it back.
            await self.chain.set_head(built.hash, built.hash, built.hash)
            log.info("sealed block", extra={"block": built.number, "transactions": built.transactions})
            return built

    def _randao(self, parent: _native.Head) -> bytes:
        chosen, self.prev_randao = self.prev_randao, None
        return chosen if chosen is not None else _native.keccak256(parent.hash)
