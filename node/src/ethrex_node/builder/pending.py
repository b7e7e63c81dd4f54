"""
The pending block: what the next one would hold if it were built now, for requests with that tag.

Built when somebody asks, and kept until the head or the pool moves. It is never a candidate of the chain.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from .. import _native
from .builder import Attributes, Builder

Moment = tuple[object, ...]  # two equal ones: the pending block is the same


@dataclass(slots=True)
class PendingBlocks:
    """`attributes` of a block that were sealed now."""

    builder: Builder
    attributes: Callable[[], Attributes]
    _built: tuple[Moment, _native.Pending] | None = None
    _order: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def __call__(self) -> _native.Pending:
        """Raises `ChainError`. Many who ask at once are given the same one."""
        async with self._order:
            moment = self._moment()
            if self._built is None or self._built[0] != moment:
                head = self.builder.chain.head.hash
                self._built = (moment, await self.builder.build_pending(head, self.attributes()))
            return self._built[1]

    def _moment(self) -> Moment:
        pool = self.builder.pool
        counters = pool.counters
        return (
            self.builder.chain.head.hash,
            self.attributes(),
            len(pool.by_hash),
            counters.admitted,
            counters.included,
            counters.evicted,
            counters.expired,
        )
