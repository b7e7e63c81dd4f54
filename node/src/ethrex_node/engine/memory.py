"""
What the Engine API remembers between calls: blocks that were found invalid, with what descends from them, and blocks
that wait for their parent.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

INVALID_KEPT: Final = 512
HITS_BEFORE_RETRY: Final = 128  # then a block gets another chance: it may have been our fault (geth's number)
WAITING_KEPT: Final = 96  # three epochs
WAITING_BYTES: Final = 128 * 1024 * 1024


@dataclass(slots=True)
class _Bad:
    """`latest_valid`: the last valid ancestor; None where it is not known."""

    latest_valid: bytes | None
    hits: int = 0


class Invalid:
    """Hashes of blocks that are invalid, or descend from one that is."""

    def __init__(self) -> None:
        self._bad: OrderedDict[bytes, _Bad] = OrderedDict()

    def add(self, block_hash: bytes, latest_valid: bytes | None) -> None:
        self._put(block_hash, _Bad(latest_valid))

    def find(self, block_hash: bytes, descendant: bytes | None = None) -> _Bad | None:
        """Whether a block is invalid. If so, `descendant` is from now on, too."""
        bad = self._bad.get(block_hash)
        if bad is None:
            return None
        bad.hits += 1
        if bad.hits >= HITS_BEFORE_RETRY:
            self._bad = OrderedDict((key, other) for key, other in self._bad.items() if other is not bad)
            return None
        if descendant is not None:
            self._put(descendant, bad)
        return bad

    def _put(self, block_hash: bytes, bad: _Bad) -> None:
        self._bad[block_hash] = bad
        if len(self._bad) > INVALID_KEPT:
            self._bad.popitem(last=False)


class Waiting:
    """Well-formed blocks whose parent is not known yet."""

    def __init__(self) -> None:
        self._blocks: OrderedDict[bytes, tuple[bytes, bytes]] = OrderedDict()
        self._size = 0

    def add(self, block_hash: bytes, parent: bytes, block: bytes) -> None:
        if block_hash in self._blocks:
            return
        self._blocks[block_hash] = parent, block
        self._size += len(block)
        while len(self._blocks) > WAITING_KEPT or self._size > WAITING_BYTES:
            _, (_, oldest) = self._blocks.popitem(last=False)
            self._size -= len(oldest)

    def discard(self, block_hash: bytes) -> None:
        found = self._blocks.pop(block_hash, None)
        if found is not None:
            self._size -= len(found[1])

    def branch(self, head: bytes) -> list[tuple[bytes, bytes, bytes]]:
        """(hash, parent, block) from the oldest waiting ancestor to `head`; empty where `head` does not wait."""
        found: list[tuple[bytes, bytes, bytes]] = []
        while head in self._blocks and len(found) < WAITING_KEPT:
            parent, block = self._blocks[head]
            found.append((head, parent, block))
            head = parent
        return found[::-1]
