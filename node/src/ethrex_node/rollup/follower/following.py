"""What followers have in common, whether a sequencer or L1 alone gives them blocks: turns, alarms, the names of heads."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from typing import ClassVar, Final

from ethrex_node.chain import Chain
from ethrex_node.rollup.follower.confirmations import Confirmations
from ethrex_node.rollup.follower.verdict import Mark

log = logging.getLogger(__name__)

ZERO: Final = bytes(32)


class Following(ABC):
    """From `run` to its cancellation. `alarm` is why nothing more is taken; `caught_up_at` when all was here for the last time."""

    what_alarms: ClassVar[str]

    def __init__(self, chain: Chain, l1: Confirmations) -> None:
        self.alarm: str | None = None
        self.taken = 0
        self.alarms = 0
        self.rewinds = 0
        self.caught_up_at: float | None = None
        self._chain = chain
        self._l1 = l1
        self._named: tuple[bytes, bytes] | None = None

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._turn()

    async def _turn(self) -> None:
        """A step, and the wait until the next is due."""
        await asyncio.sleep(await self.try_step())

    @abstractmethod
    async def try_step(self) -> float:
        """A step, and what came in its way; gives how long to wait for the next."""

    async def _name(self, safe: Mark | None, final: Mark | None) -> None:
        """safe: in a batch that is on L1. finalized: verified, in a final block of L1."""
        first = self._chain.native.canonical_hash(0) if self._named is not None else None  # all batches were taken back
        wanted = (first or ZERO if safe is None else safe.hash, ZERO if final is None else final.hash)
        if wanted not in (self._named, (ZERO, ZERO)):
            await self._chain.name(*wanted)
            self._named = wanted

    def _raise_alarm(self, reason: str) -> None:
        if reason != self.alarm:
            self.alarms += 1
            log.critical(self.what_alarms, extra={"reason": reason})
        self.alarm = reason
