"""
What a member of a data committee missed while it was away, from the others: every payload that L1 was told of.

How far L1 has been looked through, with nothing missing up to there, is kept in a file, so that a restart does not begin
with the first batch again. A look goes back a little before it: what a reorg of L1 brought is found too.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from prometheus_client.core import Metric

from ethrex_node.observe import metrics
from ethrex_node.rollup.committee.vault import Vault
from ethrex_node.rollup.l1.client import L1Client
from ethrex_node.rollup.recovery import published
from ethrex_node.rollup.recovery.keepers import Keepers
from ethrex_node.rollup.recovery.published import Published, RecoveryError
from ethrex_node.rollup.settlement import contracts

log = logging.getLogger(__name__)

REORG_BLOCKS: Final = 128


class CatchingUp:
    """`round` again and again. `mark` is the file that says how far it came."""

    def __init__(
        self, client: L1Client, addresses: contracts.Addresses, vault: Vault, others: Keepers, mark: Path
    ) -> None:
        self.fetched = 0
        self._client = client
        self._addresses = addresses
        self._vault = vault
        self._others = others
        self._mark = mark
        self._next = max(addresses.deployed_at_block, _read(mark))
        self._missing: dict[bytes, Published] = {}

    async def round(self) -> int:
        """Look at what L1 has new, and fetch what is missing; gives how much still is. Raises `L1Error`, `CannotKeep`."""
        head = (await self._client.head()).number
        first = max(self._addresses.deployed_at_block, self._next - REORG_BLOCKS)
        for one in await published.committed_in(self._client, self._addresses, first, head):
            await self._note(one)
        self._next = head + 1
        for batch in list(self._missing.values()):
            await self._fetch(batch)
        if not self._missing:
            await asyncio.to_thread(_write, self._mark, self._next)
        return len(self._missing)

    async def _note(self, one: published.Committed) -> None:
        try:
            batch = await published.read(self._client, self._addresses, one)
        except RecoveryError as error:
            log.warning("a batch on L1 cannot be read", extra={"reason": str(error)})
            return
        if batch.kept is not None and not await asyncio.to_thread(self._vault.find, batch.kept.digest):
            self._missing[batch.hash] = batch

    async def _fetch(self, batch: Published) -> None:
        assert batch.kept is not None, "only such are missing"
        digest = batch.kept.digest
        if not await asyncio.to_thread(self._vault.find, digest):
            try:
                payload = await self._others.payload(batch, batch.kept)
            except RecoveryError as error:
                log.warning("a payload is missing", extra={"batch": batch.number, "reason": str(error)})
                return
            await asyncio.to_thread(self._vault.keep, digest, payload)
            self.fetched += 1
            log.info("a payload was fetched", extra={"batch": batch.number})
        del self._missing[batch.hash]

    def metrics(self) -> Iterator[Metric]:
        """A source for `observe.metrics.Metrics.add`."""
        yield metrics.gauge(
            "committee_missing", "Payloads that L1 was told of and that are not here", len(self._missing)
        )
        yield metrics.counter("committee_fetched", "Payloads that came from other members", self.fetched)


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
