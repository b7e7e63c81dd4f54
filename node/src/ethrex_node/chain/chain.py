"""
The chain of this node: executes blocks as candidates and moves the head.

All writes go through one thread, one at a time: the native core holds the database and lets go of the GIL while it
works. Listeners hear of a new head on the event loop, after it is committed. Which head to choose is not known here:
that is the consensus client's word (``engine``) or the dev producer's (``dev``).
"""

import asyncio
import functools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from .. import _native
from . import errors

T = TypeVar("T")
ZERO_HASH = bytes(32)


@dataclass(frozen=True, slots=True)
class HeadChange:
    """
    A new head: hashes of the blocks that left and that came, oldest first.

    `returned`: transactions of the blocks that left, as the pool takes them; none where somebody took the blocks back on
    purpose. `work`: what the blocks that came took, `commit_seconds` their one commit.
    """

    head: _native.Head
    reverted: tuple[bytes, ...]
    applied: tuple[bytes, ...]
    returned: tuple[_native.Transaction, ...] = ()
    work: tuple[_native.BlockWork, ...] = ()
    commit_seconds: float = 0.0


class Chain:
    """Lives as long as the node. `close` waits for the write in hand."""

    def __init__(self, native: _native.Chain) -> None:
        self.native = native
        self.head = native.head()
        self.listeners: list[Callable[[HeadChange], None]] = []
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="writer")
        self._order = asyncio.Lock()

    async def execute(self, block: bytes) -> None:
        """
        Execute a block on its parent and check it. It is a candidate then, known to `set_head`.

        Raises `BlockRejected` (the block and the reason are kept for `debug_getBadBlocks`), `ParentUnknown`. What
        descends from a bad block is for the caller to remember (``engine.memory``).
        """
        try:
            await self.write(lambda: self.native.execute(block))
        except _native.BlockInvalid as error:
            raise errors.BlockRejected(*error.args) from None
        except _native.UnknownParent as error:
            raise errors.ParentUnknown(*error.args) from None

    async def set_head(self, head: bytes, safe: bytes = ZERO_HASH, finalized: bytes = ZERO_HASH) -> HeadChange:
        """Commit the branch that ends in `head`, take back what is not below it, tell the listeners."""
        return self._announce(*await self.write(lambda: self._move(head, safe, finalized)))

    async def name(self, safe: bytes, finalized: bytes) -> None:
        """
        Say which blocks are safe and final, and leave the head where it is: at the time of the write, which may be another
        one than when this was called.
        """
        self._announce(*await self.write(lambda: self._move(self.native.head().hash, safe, finalized)))

    async def take_batch(
        self,
        previous: bytes,
        statement: bytes,
        blobs: Sequence[tuple[bytes, bytes]] | None,
        kept: tuple[bytes, bytes] | None,
    ) -> HeadChange:
        """
        Move the head of a rollup from the end of one batch to that of the next, by what it published (see the core).

        Raises `_native.ProgramRefused`.
        """
        take = functools.partial(self.native.take_batch, previous, statement, blobs=blobs, kept=kept)
        return self._announce(await self.write(take))

    async def rewind(self, head: bytes) -> HeadChange:
        """Back to an earlier block for good (dev chains): what it undoes is not pooled again."""
        return self._announce(await self.write(lambda: self.native.set_head(head, head, head)), ())

    async def patch(self, patch: _native.Patch) -> _native.Patch:
        """
        Write into the state at the head without a block (dev chains). Gives the patch that takes it back there.

        All candidates are forgotten, and the chain is marked: see `is_marked`.
        """
        return await self.write(lambda: self.native.patch(patch))

    async def mark(self) -> None:
        """Remember for good that no other node would come to this state by these blocks."""
        await self.write(self.native.mark)

    def is_marked(self) -> bool:
        """Whether the state was written past the blocks, or a block holds a transaction that nobody signed."""
        return self.native.is_marked()

    def _move(self, head: bytes, safe: bytes, finalized: bytes) -> tuple[_native.HeadChange, list[_native.Transaction]]:
        """The change, and the transactions that it takes back: recovering them is nothing for the event loop."""
        change = self.native.set_head(head, safe, finalized)
        return change, [one for block in change.reverted for one in self.native.pooled_transactions(block)]

    def _announce(self, change: _native.HeadChange, returned: Sequence[_native.Transaction] = ()) -> HeadChange:
        self.head = self.native.head()
        applied = tuple(work.hash for work in change.applied)
        told = HeadChange(
            self.head, tuple(change.reverted), applied, tuple(returned), tuple(change.applied), change.commit_seconds
        )
        if told.reverted or told.applied:
            for listener in self.listeners:
                listener(told)
        return told

    async def write(self, work: Callable[[], T]) -> T:
        """Run native work on the writer's thread, in order of arrival. Raises `StorageFailed`."""
        async with self._order:
            try:
                return await asyncio.get_running_loop().run_in_executor(self._writer, work)
            except _native.StorageError as error:
                raise errors.StorageFailed(*error.args) from None

    def close(self) -> None:
        self._writer.shutdown(wait=True)
