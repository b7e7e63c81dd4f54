"""
What happened lately, kept once for all who poll: blocks that joined or left the chain, transactions that joined the
pool.

A filter is a cursor into it and costs nothing between two polls. A `Journal` is a bounded queue with growing positions:
entries older than `most` are gone, and a cursor that points before them is told so (`Behind`).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

from ethrex_node.rpc import parts

Entry = TypeVar("Entry")


class Behind(Exception):
    """Entries that the cursor has not seen are gone already."""


@dataclass(frozen=True, slots=True)
class BlockEvent:
    block: parts.BlockId
    removed: bool


class Journal(Generic[Entry]):
    """Entries by position, the last `most` of them."""

    def __init__(self, most: int) -> None:
        self._entries: deque[Entry] = deque(maxlen=most)
        self._end = 0

    @property
    def end(self) -> int:
        """The position that the next entry gets: where a new cursor starts."""
        return self._end

    def append(self, entry: Entry) -> None:
        self._entries.append(entry)
        self._end += 1

    def since(self, cursor: int) -> list[Entry]:
        """Entries from `cursor` to the end. Raises Behind."""
        first = self._end - len(self._entries)
        if cursor < first:
            raise Behind
        return list(islice(self._entries, cursor - first, None))


def block_events(change: parts.HeadChange) -> list[BlockEvent]:
    """A head change as events, in the order in which a reader of logs must see them."""
    gone = [BlockEvent(block, True) for block in change.removed]
    return gone + [BlockEvent(block, False) for block in change.added]
