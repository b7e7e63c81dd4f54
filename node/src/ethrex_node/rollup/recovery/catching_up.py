"""
What a member of a data committee missed while it was away, from the others: every payload that L1 was told of.

How far L1 has been looked through, with nothing missing up to there, is kept in a file, so that a restart does not wait
for the first batch again. A look goes back a little before it: what a reorg of L1 brought is found too. Behind it an audit
goes over all batches, slowly, from the first on, at each start and once in a while: what went bad on the disk or was taken
from it is found whatever its age, and fetched. What is found damaged by whoever reads it is fetched in the next round.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from prometheus_client.core import Metric

from ethrex_node.observe import metrics
from ethrex_node.rollup.committee.kept import POINTER, Kept
from ethrex_node.rollup.committee.vault import Vault
from ethrex_node.rollup.l1.client import L1Client
from ethrex_node.rollup.recovery import published
from ethrex_node.rollup.recovery.keepers import Keepers
from ethrex_node.rollup.recovery.published import RecoveryError
from ethrex_node.rollup.settlement import contracts

log = logging.getLogger(__name__)

REORG_BLOCKS: Final = 128
AUDIT_BLOCKS: Final = 5_000  # of L1, in a round
AUDIT_SECONDS: Final = 86_400.0


class CatchingUp:
    """`round` again and again. `mark` is the file that says how far it came."""

    def __init__(
        self,
        client: L1Client,
        addresses: contracts.Addresses,
        vault: Vault,
        others: Keepers,
        mark: Path,
        audit_seconds: float = AUDIT_SECONDS,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.fetched = 0
        self.audits = 0
        self._client = client
        self._addresses = addresses
        self._vault = vault
        self._others = others
        self._mark = mark
        self._next = max(addresses.deployed_at_block, _read(mark))
        self._missing: dict[bytes, str] = {}  # digests, and whose they are
        self._audit_seconds = audit_seconds
        self._now = now
        self._audited = addresses.deployed_at_block  # the audit has come so far
        self._audit_due = now() + (audit_seconds if self._next == addresses.deployed_at_block else 0.0)

    async def round(self) -> int:
        """Look at what L1 has new, and fetch what is missing; gives how much still is. Raises `L1Error`, `CannotKeep`."""
        head = (await self._client.head()).number
        first = max(self._addresses.deployed_at_block, self._next - REORG_BLOCKS)
        await self._look(first, head)
        self._next = head + 1
        await self._audit(head)
        self._missing = dict.fromkeys(self._vault.lost, "damaged on disk") | self._missing
        for digest, where in list(self._missing.items()):
            await self._fetch(digest, where)
        if not self._missing:
            await asyncio.to_thread(_write, self._mark, self._next)
        return len(self._missing)

    async def _look(self, first: int, last: int) -> None:
        for one in await published.committed_in(self._client, self._addresses, first, last):
            await self._note(one)

    async def _audit(self, head: int) -> None:
        """A part of it, where one is due."""
        if self._now() < self._audit_due:
            return
        last = min(self._audited + AUDIT_BLOCKS - 1, head)
        await self._look(self._audited, last)
        self._audited = last + 1
        if last == head:
            self._audited = self._addresses.deployed_at_block
            self._audit_due = self._now() + self._audit_seconds
            self.audits += 1

    async def _note(self, one: published.Committed) -> None:
        try:
            batch = await published.read(self._client, self._addresses, one)
        except RecoveryError as error:
            log.warning("a batch on L1 cannot be read", extra={"reason": str(error)})
            return
        if batch.kept is not None and not await asyncio.to_thread(self._vault.find, batch.kept.digest):
            self._missing[batch.kept.digest] = f"batch {batch.number}"

    async def _fetch(self, digest: bytes, where: str) -> None:
        if not await asyncio.to_thread(self._vault.find, digest):
            try:
                payload = await self._others.payload(Kept(self._addresses.chain_id, POINTER, digest), where)
            except RecoveryError as error:
                log.warning("a payload is missing", extra={"of": where, "reason": str(error)})
                return
            await asyncio.to_thread(self._vault.keep, digest, payload)
            self.fetched += 1
            log.info("a payload was fetched", extra={"of": where, "digest": digest.hex()})
        del self._missing[digest]

    def metrics(self) -> Iterator[Metric]:
        """A source for `observe.metrics.Metrics.add`."""
        yield metrics.gauge(
            "committee_missing", "Payloads that L1 was told of and that are not here", len(self._missing)
        )
        yield metrics.counter("committee_fetched", "Payloads that came from other members", self.fetched)
        yield metrics.counter("committee_audits", "Times that every payload was read and compared", self.audits)


def _read(mark: Path) -> int:
    """0 where there is none, or it was cut: then L1 is looked through from the first batch on."""
    try:
        text = mark.read_text()
    except FileNotFoundError:
        return 0
    return int(text) if text.isdecimal() else 0


def _write(mark: Path, block: int) -> None:
    part = mark.with_suffix(".part")
    part.write_text(str(block))
    part.replace(mark)
