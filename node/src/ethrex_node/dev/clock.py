"""The time that blocks of a dev chain carry: the machine's, shifted, frozen or stepped as tests want it."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True)
class BlockClock:
    """Seconds since 1970. A block is always later than its parent."""

    now: Callable[[], float] = time.time
    offset: int = 0
    next_timestamp: int | None = None
    interval: int | None = None

    def next(self, parent_timestamp: int) -> int:
        """The timestamp of the block that is built now; uses up `next_timestamp`."""
        chosen = self.peek(parent_timestamp)
        if self.next_timestamp is not None:
            self.offset = self.next_timestamp - int(self.now())
            self.next_timestamp = None
        return chosen

    def peek(self, parent_timestamp: int) -> int:
        """The timestamp that the next block would have if it were built now."""
        if self.next_timestamp is not None:
            return max(self.next_timestamp, parent_timestamp + 1)
        if self.interval is not None:
            return parent_timestamp + max(self.interval, 1)
        return max(int(self.now()) + self.offset, parent_timestamp + 1)

    def increase(self, seconds: int) -> int:
        """Move the clock; gives the shift since the machine's time."""
        self.offset += seconds
        return self.offset

    def set(self, timestamp: int) -> None:
        self.offset = timestamp - int(self.now())

    def set_next(self, timestamp: int, parent_timestamp: int) -> None:
        """Raises ValueError where the block would not be later than its parent."""
        if timestamp <= parent_timestamp:
            raise ValueError(f"timestamp {timestamp} is not after the last block's {parent_timestamp}")
        self.next_timestamp = timestamp
