"""
Which version of the program a batch is made of: the newest of those that this node makes, once L1 takes batches of it.

L1 says from which batch on a version may be committed, and until when. Whoever runs the chain announces the next one there
with the batch that it begins at; nodes and provers of both run until then, and each batch has the one version that it was
made of, to its end. Where L1 takes none of this node's for the next batch nothing is sealed: that would stay here for good.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from prometheus_client.core import Metric

from ethrex_node.observe import metrics
from ethrex_node.rollup.l1 import abi, errors
from ethrex_node.rollup.l1.client import L1Client

log = logging.getLogger(__name__)

VERSION_OF: Final = abi.Function("versionOf(uint256,uint32)", "((uint64,uint64,bool,bool))")


class NoVersion(Exception):
    """L1 takes no batch of the versions that this node makes."""


@dataclass(frozen=True, slots=True)
class Version:
    """As L1 has it. `expires_at` is in its seconds, 0 is never; one that `is_known` not has only its number."""

    number: int
    activation_batch: int = 0
    expires_at: int = 0
    is_known: bool = False
    is_revoked: bool = False

    def refusal(self, batch: int, at_seconds: float) -> str | None:
        """Why a batch that is committed then would not be taken; None: it would."""
        if not self.is_known:
            return f"version {self.number} is not registered"
        if self.is_revoked:
            return f"version {self.number} is revoked"
        if batch < self.activation_batch:
            return f"version {self.number} begins with batch {self.activation_batch}"
        if self.expires_at and self.expires_at <= at_seconds:
            return f"version {self.number} ends at {self.expires_at}"
        return None


def chosen(versions: Sequence[Version], batch: int, at_seconds: float) -> Version | None:
    """The newest that a batch may be made of, if it is committed by then."""
    good = [one for one in versions if one.refusal(batch, at_seconds) is None]
    return max(good, key=lambda one: one.number, default=None)


def trouble(versions: Sequence[Version], batch: int, at_seconds: float) -> str | None:
    """Why batches from this one on could not be committed; None: one of the versions will do."""
    if chosen(versions, batch, at_seconds) is not None:
        return None
    reasons = "; ".join(str(one.refusal(batch, at_seconds)) for one in versions)
    return f"L1 would not take batch {batch} of any version of the program that this node makes: {reasons}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`made`: the versions that this node makes. A batch may be committed `margin_seconds` after it is begun."""

    made: tuple[int, ...]
    margin_seconds: float = 0.0
    every_seconds: float = 1.0


class Versions:
    """What L1 said last. `known` is empty until it was asked."""

    def __init__(self, client: L1Client, registry: bytes, chain_id: int, settings: Settings) -> None:
        self.known: tuple[Version, ...] = ()
        self._l1_seconds = 0
        self._client = client
        self._registry = registry
        self._chain_id = chain_id
        self._settings = settings

    async def step(self) -> None:
        """Ask L1. Raises `L1Error`."""
        head = await self._client.head()
        found = []
        for number in self._settings.made:
            data = VERSION_OF.call(self._chain_id, number)
            ((activation, expires_at, is_known, is_revoked),) = VERSION_OF.result(
                await self._client.call(self._registry, data, head.number)
            )
            found.append(Version(number, activation, expires_at, bool(is_known), bool(is_revoked)))
        if self.known and tuple(found) != self.known:
            log.info("L1 says something else of the program's versions", extra={"versions": found})
        self.known, self._l1_seconds = tuple(found), head.timestamp

    async def run(self) -> None:
        """Until cancelled. While L1 cannot be asked what it said last holds."""
        while True:
            try:
                await self.step()
            except errors.L1Error as error:
                log.warning("L1 cannot be asked for the program's versions", extra={"reason": str(error)})
            await asyncio.sleep(self._settings.every_seconds)

    def of_batch(self, batch: int) -> int:
        """The version that a batch is made of now. Raises `NoVersion`."""
        found = chosen(self.known, batch, self._l1_seconds)
        if found is None:
            raise NoVersion(trouble(self.known, batch, self._l1_seconds))
        return found.number

    def next(self, batch: int) -> int | None:
        """The version of a batch that is begun now; None: see `trouble`."""
        found = chosen(self.known, batch, self._l1_seconds + self._settings.margin_seconds)
        return None if found is None else found.number

    def trouble(self, batch: int) -> str | None:
        """Why nothing shall be sealed for this batch."""
        return trouble(self.known, batch, self._l1_seconds + self._settings.margin_seconds)

    def metrics(self, batch: int) -> Iterator[Metric]:
        """A source for `observe.metrics.Metrics.add`; `batch` is the next."""
        version = self.next(batch) or 0
        yield metrics.gauge("rollup_program_version", "Version of the next batch; 0: L1 takes none of ours", version)
