"""
The pool's door: raw bytes from users in, hashes or reasons out, many at once.

While one batch is being decoded and recovered on the native threads, what comes meanwhile waits and goes in together:
the busier the node, the larger the batch, and one thread hop pays for all of it. Recovery needs no rules; those are
applied on the event loop when a batch is back (``pool.rules``).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, cast

from .. import _native
from . import errors
from .journal import Journal
from .pool import Pool

Listener = Callable[[Sequence[Any]], None]  # of `_native.Transaction`
Forward = Callable[[Sequence[bytes]], Awaitable[Sequence[bytes | Exception]]]  # for each its hash, or why not


@dataclass(frozen=True, slots=True)
class Waiting:
    raw: Sequence[bytes]
    answer: "asyncio.Future[list[bytes | Exception]]"


class Door:
    """
    What the RPC asks of the pool (``rpc.parts.Pool``). One per node.

    With `forward` somebody else decides (a rollup's sequencer): what is taken there is kept here as well, so that it is
    seen as pending, and this pool's own opinion does not count. `warm` reads the senders' accounts before the pool does,
    off the event loop, where that may take long.
    """

    def __init__(
        self,
        pool: Pool,
        executor: Executor,
        journal: Journal | None = None,
        forward: Forward | None = None,
        warm: Callable[[Sequence[bytes]], object] | None = None,
    ) -> None:
        self.pool = pool
        self._warm = warm
        self.journal = journal
        self._forward = forward
        self._executor = executor
        self._waiting: list[Waiting] = []
        self._worker: asyncio.Task[None] | None = None
        self._closed: Exception | None = None

    async def close(self, answer: Exception) -> None:
        """Nothing more is taken: whoever comes is told why. What came before is in the pool, or refused, after this."""
        self._closed = answer
        if self._worker is not None:
            await asyncio.wait([self._worker])

    def open(self) -> None:
        """After `close`."""
        self._closed = None

    async def add(self, raw: Sequence[bytes]) -> Sequence[bytes | Exception]:
        """Admit transactions of a local user. For each its hash, or why not."""
        if self._closed is not None:
            return [self._closed] * len(raw)
        if self._forward is None:
            return await self._admitted(raw)
        answers = await self._forward(raw)
        taken = [one for one, answer in zip(raw, answers, strict=True) if isinstance(answer, bytes)]
        if taken:
            await self._admitted(taken)
        return answers

    async def _admitted(self, raw: Sequence[bytes]) -> Sequence[bytes | Exception]:
        loop = asyncio.get_running_loop()
        waiting = Waiting(raw, loop.create_future())
        self._waiting.append(waiting)
        if self._worker is None or self._worker.done():
            self._worker = loop.create_task(self._work())
        return await waiting.answer

    async def _work(self) -> None:
        """Until nothing waits. A defect in one batch is that batch's answer and ends no other."""
        while self._waiting:
            batch, self._waiting = self._waiting, []
            raw = [one for waiting in batch for one in waiting.raw]
            try:
                answers = await self._admit(raw)
            except Exception as error:
                answers = [error] * len(raw)
            start = 0
            for waiting in batch:
                end = start + len(waiting.raw)
                if not waiting.answer.cancelled():
                    waiting.answer.set_result(answers[start:end])
                start = end

    async def _admit(self, raw: list[bytes]) -> list[bytes | Exception]:
        loop = asyncio.get_running_loop()
        cells = self.pool.block_rules.osaka
        decoded = await loop.run_in_executor(self._executor, _decode, raw, cells)
        good = [transaction for transaction in decoded if not isinstance(transaction, str)]
        if self._warm is not None:
            await loop.run_in_executor(self._executor, self._warm, [one.sender for one in good])
        verdicts = iter(self.pool.add(good, local=True))
        answers: list[bytes | Exception] = []
        kept = []
        for transaction in decoded:
            if isinstance(transaction, str):
                answers.append(errors.Invalid(transaction))
                continue
            refused = next(verdicts)
            answers.append(refused or transaction.hash)
            if refused is None:
                kept.append(transaction.network)
        if self.journal is not None and kept:
            self.journal.append(kept)
            if self.journal.is_due:  # what comes meanwhile waits: batches come one after the other, `keep` queues up
                await loop.run_in_executor(self._executor, self.journal.rewrite, self._local())
        return answers

    async def keep(self, transaction: _native.Transaction) -> None:
        """Write to the journal what another door pooled for a local user."""
        if self.journal is not None:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._executor, self.journal.append, [transaction.network])

    async def restore(self) -> int:
        """Take in what the journal holds of the last run; gives how many are pooled again."""
        if self.journal is None:
            return 0
        raw = self.journal.load()
        loop = asyncio.get_running_loop()
        decoded = await loop.run_in_executor(self._executor, _native.admit_transactions, raw)
        verdicts = self.pool.add([t for t in decoded if not isinstance(t, str)], local=True)
        self.save()
        return sum(verdict is None for verdict in verdicts)

    def save(self) -> None:
        """Write the journal anew with what is pooled of local users."""
        if self.journal is not None:
            self.journal.rewrite(self._local())

    def _local(self) -> list[bytes]:
        local = self.pool.local
        return [one.network for one in self.pool.by_hash.values() if one.hash in local]

    def get(self, transaction_hash: bytes) -> _native.Transaction | None:
        return cast("_native.Transaction | None", self.pool.get(transaction_hash))

    def next_nonce(self, address: bytes) -> int | None:
        return self.pool.next_nonce(address)

    def counts(self) -> tuple[int, int]:
        return self.pool.counts()

    def content(self) -> tuple[dict[bytes, list[_native.Transaction]], dict[bytes, list[_native.Transaction]]]:
        """(pending, queued), by sender and nonce."""
        pending, queued = {}, {}
        for address in self.pool.senders:
            runs, waits = self.content_from(address)
            if runs:
                pending[address] = runs
            if waits:
                queued[address] = waits
        return pending, queued

    def content_from(self, address: bytes) -> tuple[list[_native.Transaction], list[_native.Transaction]]:
        sender = self.pool.senders.get(address)
        if sender is None:
            return [], []
        return cast("list[_native.Transaction]", list(sender.pending())), cast(
            "list[_native.Transaction]", list(sender.waiting())
        )

    def watch(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with new transactions, on the event loop. Gives the function that ends it."""
        self.pool.listeners.append(listener)
        return lambda: self.pool.listeners.remove(listener)


def _decode(raw: list[bytes], cells: bool) -> list[_native.Transaction | str]:
    """Where the fork wants proofs of cells, those of whole blobs are made into such: many wallets know no others."""
    decoded = _native.admit_transactions(raw)
    if not cells:
        return decoded
    return [
        one if isinstance(one, str) or not one.blob_count or one.cell_proofs else one.with_cell_proofs()
        for one in decoded
    ]
