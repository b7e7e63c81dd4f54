"""
Looks whether L1 still holds, and would still take, the batches that were made; where it does not the roles stop, what was made
goes at once, and they begin again (``rollup.settlement.renewing``).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager

from prometheus_client.core import Metric

from ..observe import metrics
from ..rollup.l1.errors import L1Error
from ..rollup.settlement import contracts, renewing, settler, taking_back
from .roles import Roles

log = logging.getLogger(__name__)


class Renewing:
    """`paused` stops all roles but the sequencer as long as it is entered."""

    def __init__(
        self,
        roles: Roles,
        addresses: contracts.Addresses,
        every_seconds: float,
        paused: Callable[[], AbstractAsyncContextManager[None]],
    ) -> None:
        self.renewed = 0
        self._roles = roles
        self._addresses = addresses
        self._every_seconds = every_seconds
        self._paused = paused

    async def run(self) -> None:
        """Until cancelled. What L1 cannot be asked now is asked again."""
        while True:
            await asyncio.sleep(self._every_seconds)
            try:
                await self._step()
            except L1Error as error:
                log.warning("L1 cannot be asked which batches it has", extra={"reason": str(error)})

    async def _step(self) -> None:
        if self._roles.tenure.is_over:
            return  # whoever goes on has the same batches, and does it
        first = await self._first_lost()
        if first is None:
            return
        async with self._paused():
            first = await self._first_lost()  # nothing of ours is on its way any more
            if first is None:
                return
            roles = self._roles
            count = await roles.store.write(lambda txn: taking_back.let_go(txn, first))
            roles.committer.forget_from(first)
        self.renewed += count
        log.critical(
            "L1 has let go of batches, or takes them no more: made again", extra={"first": first, "batches": count}
        )

    async def _first_lost(self) -> int | None:
        """Raises `L1Error`."""
        roles = self._roles
        base = roles.batches.base
        committer = roles.committer
        told = renewing.Told(committer.final, committer.final_at) if committer.final > base else renewing.Told()
        head = await roles.client.head()
        final = await roles.client.final(head.number)
        if final < self._addresses.deployed_at_block:
            return None
        await roles.versions.step()
        at_head = await settler.status_at(roles.client, self._addresses, head.number)
        at_final = await settler.status_at(roles.client, self._addresses, final)
        on_l1 = renewing.OnL1(at_head.last_committed, at_final.last_committed, head.timestamp, final)
        with roles.store.read() as txn:
            first = renewing.first_lost(txn, told, on_l1, roles.versions.known)
        if first is not None and first <= base:
            log.critical(
                "L1 has let go of a batch whose blocks are not here", extra={"batch": first, "begins_after": base}
            )
            return None
        return first

    def metrics(self) -> Iterator[Metric]:
        """A source for `observe.metrics.Metrics.add`."""
        yield metrics.counter(
            "rollup_batches_renewed", "Batches that were made again since L1 let go of them", self.renewed
        )
