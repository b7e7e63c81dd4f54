"""
A sequencer's term while its process lives: how it begins, and how it hands the chain over to another one: take no more transactions, seal those that came, end the batch, commit it, stop.

Each step is on disk before the next, and a restart goes on with it. The term ends for good: the word on its end is signed
and goes out with the feed, and whoever takes over begins with the next epoch behind the block that it names.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from prometheus_client.core import Metric

from ethrex_node.chain import Chain
from ethrex_node.observe import metrics
from ethrex_node.pool.door import Door
from ethrex_node.rollup.coordinator import Coordinator
from ethrex_node.rollup.coordinator.errors import Conflict
from ethrex_node.rollup.epochs import heads, term
from ethrex_node.rollup.epochs.announcing import Announcer
from ethrex_node.rollup.epochs.sequencers import Sequencers
from ethrex_node.rollup.epochs.term import Step
from ethrex_node.rollup.outbox import Outbox
from ethrex_node.rollup.sequencer import Sequencer, sealed
from ethrex_node.rollup.settlement.committer import Committer, Overtaken
from ethrex_node.rollup.settlement.settler import Settler
from ethrex_node.rollup.store import Store, Txn
from ethrex_node.rollup.store.schema import Ended, OutboxStatus, SealedBlock, SignedHead, Term, TermState
from ethrex_node.rpc import errors

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 0.1
DRAIN_SECONDS: Final = 30.0  # what users sent may take so long to come into blocks; then the batch ends without it


class NotTaken(errors.RpcError):
    """Users' transactions go to another sequencer, or have to wait for one."""

    default_code = -39003


@dataclass(frozen=True, slots=True)
class Working:
    """What a term's end stops."""

    chain: Chain
    door: Door
    sequencer: Sequencer
    coordinator: Coordinator
    committer: Committer
    settler: Settler
    outboxes: Sequence[Outbox]
    announcer: Announcer
    sequencers: Sequencers


class Tenure:
    """
    A sequencer's term while its process lives. `start` before anything is sealed, then `run`. `listeners` hear of its states.
    `outrun` hears that the sequencer before has committed first, while this term fences it and users wait; with nobody to hear
    it the term is over.
    """

    def __init__(self, store: Store, working: Working, begun: Term, now: Callable[[], float] = time.monotonic) -> None:
        self.term = begun
        self.listeners: list[Callable[[Term], None]] = []
        self.outrun: Callable[[], Awaitable[None]] | None = None
        self._store = store
        self._working = working
        self._now = now
        self._turn = asyncio.Lock()
        self._closed_at: float | None = None

    async def start(self) -> None:
        """What the last run was at goes on: nothing is taken or sealed that it had stopped."""
        self._working.sequencer.listeners.append(self._batch_ended)
        self._working.committer.listeners.append(self.overtaken)
        if self.term.state is TermState.FENCING and self.term.until_batch is None:
            # The batch of the first block of its own: no other sequencer's can be the same.
            await self._become(dataclasses.replace(self.term, until_batch=self._open_batch()))
        await self._apply()
        await self.step()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.step()
            await asyncio.sleep(LOOK_SECONDS)

    async def ask(self, at_batch: int | None) -> None:
        """Hand over behind batch `at_batch`; None: as soon as what users have sent is sealed. Raises `Conflict`."""
        async with self._turn:
            state, number = self.term.state, self._open_batch()
            if state is TermState.FENCED:
                raise Conflict(f"there is nothing to hand over: {self.term.reason}")
            if state is TermState.FENCING:
                raise Conflict(self._reason())
            if state in (TermState.DRAINING, TermState.ENDED):
                last = self.term.until_batch
                if at_batch is not None and at_batch != last:
                    raise Conflict(f"it hands over behind batch {last} already")
                return
            if at_batch is not None and at_batch < number:
                raise Conflict(f"batch {at_batch} has ended, batch {number} is open")
            if at_batch is None:
                await self._become(term.drained(self.term, number))
            else:
                await self._become(dataclasses.replace(self.term, until_batch=at_batch))
        await self.step()

    async def fence(self, reason: str) -> None:
        """Another sequencer has replaced this one: for good, whatever it was at. One that has handed over is not surprised."""
        async with self._turn:
            if self.is_over:
                return
            self._working.sequencer.stopped = f"replaced: {reason}"
            log.critical("another sequencer has taken over", extra={"epoch": self.term.epoch, "reason": reason})
            await self._become(dataclasses.replace(self.term, state=TermState.FENCED, reason=reason))

    async def heard(self, head: SignedHead) -> bool:
        """Somebody shows what a sequencer has signed; gives whether it is of a later epoch. Raises `L1Error`."""
        if head.epoch <= self.term.epoch or self.term.state in term.OVER:
            return head.epoch > self.term.epoch
        who = await asyncio.to_thread(
            heads.signer_of, head, self._working.announcer.where, self._working.announcer.chain_id
        )
        if who is None or not await self._working.sequencers.may_seal(who):
            return False
        await self.fence(f"epoch {head.epoch} has begun")
        return True

    async def overtaken(self, error: Overtaken) -> None:
        """A listener of the committer."""
        if self.term.state is TermState.FENCING and self.outrun is not None:
            await self.outrun()
        else:
            await self.fence(str(error))

    async def adopt(self, change: Callable[[Txn, Term], Term]) -> None:
        """
        A change of the store after which other batches than before are there, and the term that fences behind them; this one
        goes on with it. Not once users may come.
        """
        async with self._turn:
            begun = self.term
            if begun.state is not TermState.FENCING:
                return
            fresh = await self._working.sequencer.take_back(lambda txn: change(txn, begun))
            self._working.sequencer.stopped = None
            await self._become(fresh)

    async def step(self) -> None:
        """One decision of a hand-over, and what follows from it."""
        async with self._turn:
            while (decided := self._decide()) is not Step.NOTHING:
                if decided is Step.CLOSE:
                    assert self.term.until_batch is not None
                    await self._become(term.drained(self.term, self.term.until_batch))
                elif decided is Step.END_BATCH:
                    await self._working.sequencer.end_batch("takeover")
                elif decided is Step.OPEN:
                    await self._become(dataclasses.replace(self.term, state=TermState.SEALING, until_batch=None))
                else:
                    if not await self._seal_no_more():
                        break
                    await self._become(dataclasses.replace(self.term, state=TermState.ENDED, ended=self._end()))

    async def _seal_no_more(self) -> bool:
        """The block in hand is the last, and so is the batch that holds it. Not while blocks are owed to those who had them."""
        sequencer = self._working.sequencer
        sequencer.stopped = self._reason()
        await sequencer.quiet()
        if sequencer.owes_blocks:
            sequencer.stopped = None
            return False
        await sequencer.end_batch("handover")
        return True

    def _decide(self) -> Step:
        working = self._working
        pending, _ = working.door.counts()
        is_late = self._closed_at is not None and self._now() - self._closed_at >= DRAIN_SECONDS
        seen = term.Seen(
            self._open_batch(), working.sequencer.open.blocks, pending, is_late, working.committer.committed
        )
        return term.next_step(self.term, seen)

    def _open_batch(self) -> int:
        with self._store.read() as txn:
            return sealed.open_batch(txn)

    def _end(self) -> Ended:
        head = self._working.chain.head
        return Ended(self.term.epoch, self._open_batch() - 1, head.number, head.hash)

    def _batch_ended(self, _: SealedBlock) -> None:
        """Between two blocks: none is sealed behind the last batch."""
        last = self.term.until_batch
        if last is not None and self._open_batch() > last:
            self._working.sequencer.stopped = self._reason()

    async def _become(self, fresh: Term) -> None:
        """On disk first."""

        def change(txn: Txn) -> None:
            term.put(txn, fresh)

        await self._store.write(change)
        self.term = fresh
        log.warning("the term changes", extra={"epoch": fresh.epoch, "state": fresh.state, "reason": self._reason()})
        await self._apply()

    async def _apply(self) -> None:
        """Stop what the term's state stops."""
        working, state = self._working, self.term.state
        working.sequencer.is_empty = state is TermState.FENCING
        if state is TermState.SEALING and self._closed_at is not None:
            self._closed_at = working.sequencer.stopped = None
            working.door.open()
        if state in term.CLOSED:
            if self._closed_at is None:
                self._closed_at = self._now()
            await working.door.close(NotTaken(self._reason()))
        if state in term.OVER:
            working.sequencer.stopped = self._reason()
            working.settler.is_stopped = True
            working.coordinator.is_closed = True
        if state is TermState.FENCED:
            working.committer.is_stopped = True
            for outbox in working.outboxes:
                outbox.is_stopped = True
        if state is TermState.ENDED:
            working.announcer.ended = self.term.ended
        for listener in self.listeners:
            listener(self.term)

    def _reason(self) -> str:
        one = self.term
        if one.state is TermState.FENCED:
            return f"replaced: {one.reason}"
        if one.state is TermState.ENDED:
            assert one.ended is not None
            return f"handed over: epoch {one.epoch} ended with batch {one.ended.batch}, block {one.ended.block}"
        if one.state is TermState.FENCING:
            return f"epoch {one.epoch} has begun: users may come once L1 has its batch {one.until_batch}"
        if one.until_batch is None:
            return f"epoch {one.epoch} goes on"
        return f"epoch {one.epoch} ends with batch {one.until_batch}: another sequencer goes on in a moment"

    @property
    def is_over(self) -> bool:
        """Nothing is sealed in this epoch any more."""
        return self.term.state in term.OVER

    def why_not_ready(self) -> str | None:
        """A check for readiness."""
        return self._reason() if self.term.state in term.CLOSED else None

    def is_done(self) -> bool:
        """Handed over, and all that this sequencer had to send to L1 is in a block there."""
        ended = self.term.ended
        if ended is None or self._working.committer.committed < ended.batch:
            return False
        waiting = (one for outbox in self._working.outboxes for one in outbox.open_entries())
        return all(one.status is not OutboxStatus.WAITING for one in waiting)

    def facts(self) -> dict[str, Any]:
        """For whoever asked for it."""
        one = self.term
        ended = one.ended
        return {
            "epoch": one.epoch,
            "state": one.state.value,
            "untilBatch": one.until_batch,
            "openBatch": self._open_batch(),
            "committed": self._working.committer.committed,
            "lastBatch": None if ended is None else ended.batch,
            "lastBlock": None if ended is None else ended.block,
            "lastBlockHash": None if ended is None else "0x" + ended.hash.hex(),
            "done": self.is_done(),
            "reason": one.reason or None,
        }

    def metrics(self) -> Iterator[Metric]:
        """A source for `observe.metrics.Metrics.add`."""
        yield metrics.gauge("rollup_epoch", "The epoch that this sequencer seals in", self.term.epoch)
        states = {one.value: float(one is self.term.state) for one in TermState}
        yield metrics.gauges("rollup_term", "1 for the state of this sequencer's term", "state", states)
