"""
Which native methods may run on the event loop, and which go to a thread.

A hop to a thread costs 101 µs; a call that runs longer than 10 ms on the loop of the writing process delays blocks. So:

weight          in the writing process                             in a worker
LIGHT           on the loop                                        on the loop
HEAVY           on the loop while its recent runs were quick       on the loop
UNBOUNDED       always in a thread                                 always in a thread

"Quick": the slowest recent run, forgotten by a tenth with each further run, is below 1 ms. One run of 20 ms therefore
sends a method to the threads for its next 30 runs; the measure is the same wherever it runs. A worker has nothing
better to do than to answer, and runs in parallel to its sisters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ethrex_node.rpc import table

QUICK_SECONDS: Final = 0.001
FORGET: Final = 0.9


class Pace:
    """The mask for ``Reader.answer``: one byte a native method, 1 = run it here and now."""

    def __init__(
        self, rows: Sequence[table.Method], served: frozenset[str], *, worker: bool, waits: bool = False
    ) -> None:
        """`waits`: any read may wait for another node, so that all of them go to threads."""
        native = [row for row in rows if row.index >= 0]
        self.adaptive = bytes(row.weight == table.HEAVY and not worker and not waits for row in native)
        self._slowest = [0.0] * len(native)
        self._bits = bytearray(row.name in served and row.weight != table.UNBOUNDED and not waits for row in native)
        self._served = bytes(row.name in served for row in native)
        self.mask = bytes(self._bits)

    def measured(self, index: int, seconds: float) -> None:
        """A run of a method whose `adaptive` byte is set took `seconds`."""
        slowest = max(seconds, self._slowest[index] * FORGET)
        self._slowest[index] = slowest
        here = slowest < QUICK_SECONDS and self._served[index]
        if self._bits[index] != here:
            self._bits[index] = here
            self.mask = bytes(self._bits)
