"""
A sequencer that shall come to an end, or pass on its data: it takes no more transactions, seals those that it took, and
says when nothing is left to do here. Batches go on to L1 meanwhile.

Asked for by whoever runs it, at the coordinator's door, again and again: who asks no more has gone, and the sequencer goes on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from ethrex_node.rollup.sequencer.sequencer import Sequencer

log = logging.getLogger(__name__)

LAST_SECONDS: Final = 60.0  # after the last word: who asks does so every few seconds
CLOSED: Final = "the sequencer takes no transactions now: it is about to stop or to be replaced; send it again later"


class Intake(Protocol):
    """Where users' transactions come in."""

    closed: str | None

    def counts(self) -> tuple[int, int]:
        """Those that could be sealed now, and those that wait for others."""
        ...


@dataclass(frozen=True, slots=True)
class State:
    """`drained`: nothing that was taken waits to be sealed, nor, where batches shall end, for its batch to be made."""

    draining: bool
    drained: bool
    pool: int
    open_transactions: int
    made: int
    committed: int
    verified: int


@dataclass(frozen=True, slots=True)
class Stages:
    """The highest batch that has come so far. `unmade`: one more has ended, and is still to be made of its blocks."""

    made: int
    committed: int
    verified: int
    unmade: bool = False


class Drain:
    """`stages` says how far batches are."""

    def __init__(
        self, sequencer: Sequencer, intake: Intake, stages: Callable[[], Stages], last_seconds: float = LAST_SECONDS
    ) -> None:
        self._sequencer, self._intake, self._stages = sequencer, intake, stages
        self._last_seconds = last_seconds
        self._expiry: asyncio.TimerHandle | None = None

    def begin(self, *, end_batch: bool) -> State:
        """Asking again lets it last, and may say that the batch shall end too."""
        self._expires(self._last_seconds)
        self._intake.closed = CLOSED
        self._sequencer.drain(end_batch=end_batch)
        return self.state()

    def end(self) -> State:
        self._expires(None)
        self._intake.closed = None
        self._sequencer.drain(end_batch=None)
        return self.state()

    def _expires(self, seconds: float | None) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
        self._expiry = None if seconds is None else asyncio.get_running_loop().call_later(seconds, self._forgotten)

    def _forgotten(self) -> None:
        log.warning("nobody asks any more to drain")
        self.end()

    def state(self) -> State:
        stages = self._stages()
        return State(
            draining=self._sequencer.draining is not None,
            drained=self._sequencer.drained and not stages.unmade,
            pool=self._intake.counts()[0],
            open_transactions=self._sequencer.open.transactions,
            made=stages.made,
            committed=stages.committed,
            verified=stages.verified,
        )
