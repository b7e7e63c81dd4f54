"""
A sequencer that took over is outrun on L1 by the one before: its roles stop, L1's batches take the place of its own, and they
begin again (``rollup.takeover.outrun``). Where it has not the blocks its term is over, and it says what to do.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager

from prometheus_client.core import Metric

from .. import _native
from ..observe import metrics
from ..rollup.l1.errors import L1Error
from ..rollup.recovery import published
from ..rollup.recovery.published import RecoveryError
from ..rollup.settlement import contracts
from ..rollup.store.schema import Confirmed, TermState
from ..rollup.takeover import outrun
from .roles import Roles

log = logging.getLogger(__name__)


class Outrun:
    """`paused` stops all roles but the sequencer as long as it is entered."""

    def __init__(
        self,
        roles: Roles,
        addresses: contracts.Addresses,
        native: _native.Chain,
        paused: Callable[[], AbstractAsyncContextManager[None]],
    ) -> None:
        self.adopted = 0
        self._roles = roles
        self._addresses = addresses
        self._native = native
        self._paused = paused
        self._found = asyncio.Event()
        roles.tenure.outrun = self._note

    async def _note(self) -> None:
        """The committer finds it again as long as it is so."""
        self._found.set()

    async def run(self) -> None:
        """Until cancelled. One of the node's own tasks, and no role: it stops those."""
        while True:
            await self._found.wait()
            self._found.clear()
            try:
                await self._step()
            except (L1Error, RecoveryError) as error:
                log.warning("L1 cannot be asked which batches it has", extra={"reason": str(error)})

    async def _step(self) -> None:
        roles = self._roles
        if roles.tenure.term.state is not TermState.FENCING or roles.sequencer.owes_blocks:
            return
        async with self._paused():
            theirs = await self._theirs()
            gone = outrun.missing(theirs, self._native.canonical_hash)
            if gone is not None:
                await roles.tenure.fence(outrun.no_blocks(gone, roles.tenure.term))
            elif theirs:
                await self._adopt(theirs)

    async def _theirs(self) -> list[Confirmed]:
        """What L1 has of others. Raises `L1Error`, `RecoveryError`."""
        roles = self._roles

        def ours(number: int) -> bytes | None:
            batch = roles.batches.get(number)
            return None if batch is None else batch.batch_hash

        on_l1 = await published.committed(roles.client, self._addresses)
        rows = []
        for one in outrun.others(on_l1, ours, roles.batches.base):
            batch = await published.read(roles.client, self._addresses, one)
            rows.append(Confirmed(one.number, one.hash, batch.statement, one.log.block_number, batch.versioned_hashes))
        return rows

    async def _adopt(self, theirs: list[Confirmed]) -> None:
        roles, first = self._roles, theirs[0].number
        before = roles.batches.last_block_of(first - 1)
        found = await asyncio.to_thread(outrun.read, roles.store, self._native.reader(), theirs, before)
        log.critical(
            "the sequencer before has committed first: its batches are adopted, no block is lost",
            extra={"first_batch": first, "last_batch": theirs[-1].number, "last_block": found[-1][0].last_block},
        )
        await roles.tenure.adopt(lambda txn, begun: outrun.adopt(txn, found, begun))
        roles.committer.forget_from(first)
        self.adopted += len(found)

    def metrics(self) -> Iterator[Metric]:
        """A source for `observe.metrics.Metrics.add`."""
        yield metrics.counter(
            "rollup_batches_adopted", "Batches of the sequencer before that L1 had before ours", self.adopted
        )
