"""
Filters that are polled: new blocks, new pending transactions, logs.

A filter is an id, a cursor and a deadline; it holds no results (see ``journal``). It lives until it is uninstalled or
was not polled for five minutes. `Filters` lives in the writing process; workers forward to it.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ethrex_node.rpc import errors, journal, logs, parts, settings

BLOCKS_KEPT: Final = 10_000  # journal entries; five minutes of 100 ms blocks are 3,000
TRANSACTIONS_KEPT: Final = 200_000


@dataclass(slots=True)
class Filter:
    """`criteria` is set for logs only; `transactions` marks a filter of the pool, with whole objects if `full`."""

    cursor: int
    used_at: float
    criteria: logs.Criteria | None = None
    transactions: bool = False
    full: bool = False


class NotFound(errors.Refused):
    def __init__(self) -> None:
        super().__init__("filter not found")


class Filters:
    """All filters of the node. `clock` gives seconds that only grow."""

    def __init__(
        self,
        reader: parts.Reader,
        heads: parts.Heads,
        pool: parts.Pool,
        limits: settings.Limits,
        clock: Callable[[], float],
    ) -> None:
        self._reader = reader
        self._limits = limits
        self._clock = clock
        self._filters: dict[str, Filter] = {}
        self.blocks: journal.Journal[journal.BlockEvent] = journal.Journal(BLOCKS_KEPT)
        self.transactions: journal.Journal[parts.Pooled] = journal.Journal(TRANSACTIONS_KEPT)
        self._ends = (heads.watch(self._head_moved), pool.watch(self._pooled))

    def __len__(self) -> int:
        return len(self._filters)

    def close(self) -> None:
        for end in self._ends:
            end()

    def new_blocks(self) -> str:
        return self._add(Filter(self.blocks.end, self._clock()))

    def new_logs(self, criteria: logs.Criteria) -> str:
        return self._add(Filter(self.blocks.end, self._clock(), criteria=criteria))

    def new_transactions(self, *, full: bool) -> str:
        return self._add(Filter(self.transactions.end, self._clock(), transactions=True, full=full))

    def uninstall(self, filter_id: str) -> bool:
        self.expire()
        return self._filters.pop(filter_id, None) is not None

    def criteria(self, filter_id: str) -> logs.Criteria:
        """What a filter of logs asks for. Raises NotFound for other kinds."""
        found = self._get(filter_id)
        if found.criteria is None:
            raise NotFound
        return found.criteria

    async def changes(self, filter_id: str) -> Sequence[Any]:
        """What is new since the last poll: hashes, or logs. Raises NotFound."""
        found = self._get(filter_id)
        if found.transactions:
            return self._new(filter_id, found, self.transactions)
        events = self._new(filter_id, found, self.blocks)
        if found.criteria is None:
            return [event.block.hash for event in events if not event.removed]
        if not any(found.criteria.concerns(event.block.number) for event in events):
            return []
        return await asyncio.to_thread(logs.of_events, self._reader, found.criteria, events)

    def is_full(self, filter_id: str) -> bool:
        return self._get(filter_id).full

    def expire(self) -> None:
        """Drop what nobody polled."""
        oldest = self._clock() - self._limits.filter_seconds
        for filter_id in [key for key, one in self._filters.items() if one.used_at < oldest]:
            del self._filters[filter_id]

    def _new(self, filter_id: str, found: Filter, entries: journal.Journal[Any]) -> list[Any]:
        try:
            new = entries.since(found.cursor)
        except journal.Behind:
            del self._filters[filter_id]
            raise NotFound from None
        found.cursor = entries.end
        return new

    def _get(self, filter_id: str) -> Filter:
        self.expire()
        found = self._filters.get(filter_id)
        if found is None:
            raise NotFound
        found.used_at = self._clock()
        return found

    def _add(self, new: Filter) -> str:
        self.expire()
        if len(self._filters) >= self._limits.filters:
            raise errors.Busy(f"too many filters, at most {self._limits.filters}")
        filter_id = "0x" + secrets.token_hex(16)
        self._filters[filter_id] = new
        return filter_id

    def _head_moved(self, change: parts.HeadChange) -> None:
        for event in journal.block_events(change):
            self.blocks.append(event)

    def _pooled(self, transactions: Sequence[parts.Pooled]) -> None:
        for transaction in transactions:
            self.transactions.append(transaction)
