"""
The pending block: what the next one would hold if it were built now, for requests with that tag.

Built when somebody asks, and kept until the head, the pool or what else decides about it moves. It is never a candidate
of the chain. However often it is asked for, most of the writer's time is left to blocks that stay.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from .. import _native
from ..chain import Chain
from ..pool import Pool

REST: Final = 4  # a building is followed by so many times its time without one

Moment = tuple[object, ...]  # two equal ones: the pending block is the same


@dataclass(slots=True)
class PendingBlocks:
    """`build` makes the block that were sealed now, `facts` what it depends on beside head and pool."""

    chain: Chain
    pool: Pool
    build: Callable[[], Awaitable[_native.Pending]]
    facts: Callable[[], object]
    clock: Callable[[], float] = time.monotonic
    _built: tuple[Moment, _native.Pending] | None = None
    _rests_until: float = 0.0
    _order: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def __call__(self) -> _native.Pending:
        """Raises `ChainError`. Many who ask at once are given the same one."""
        async with self._order:
            if self._built is None or self._built[0] != self._moment():
                await asyncio.sleep(max(0.0, self._rests_until - self.clock()))
                began, moment = self.clock(), self._moment()
                self._built = (moment, await self.build())
                ended = self.clock()
                self._rests_until = ended + REST * (ended - began)
            return self._built[1]

    def _moment(self) -> Moment:
        counters = self.pool.counters
        return (
            self.chain.head.hash,
            self.facts(),
            len(self.pool.by_hash),
            counters.admitted,
            counters.included,
            counters.evicted,
            counters.expired,
        )
