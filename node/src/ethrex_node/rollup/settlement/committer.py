"""
Publish batches on L1: one transaction a batch, with its blobs, in order; a validium's with the certificate of its committee.

When to commit is a pure decision: a batch that is due goes at once, one that is not waits for blobs to get cheap. How it
gets into a block of L1, once and whatever happens, is the outbox's business.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from ethrex_node.rollup.committee import kept
from ethrex_node.rollup.committee.committee import Committee
from ethrex_node.rollup.committee.errors import CommitteeError
from ethrex_node.rollup.l1 import answers, errors, signers
from ethrex_node.rollup.l1.client import L1Client
from ethrex_node.rollup.outbox import Call, Outbox
from ethrex_node.rollup.settlement import contracts, trial
from ethrex_node.rollup.settlement.batches import Batches
from ethrex_node.rollup.store import Store, Txn, schema
from ethrex_node.rollup.store.environment import key
from ethrex_node.rollup.store.schema import Batch, Opening, OutboxEntry, OutboxStatus

log = logging.getLogger(__name__)

# What a commit takes: the struct and its checks, and for each blob an opening by the precompile (50,000) with its data.
COMMIT_GAS: Final = 300_000
OPENING_GAS: Final = 90_000
# For each signature of a certificate: its bytes, copied one by one, its recovery, and whether it is a member's.
SIGNATURE_GAS: Final = 50_000
# How long a commit that L1 would refuse is held back before it is sent even so.
FIRST_HOLD_SECONDS: Final = 120.0
LONGEST_HOLD_SECONDS: Final = 7_200.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A batch is committed once blob gas costs at most `cheap_blob_fee_wei`, or `wait_seconds` after it was sealed."""

    wait_seconds: float = 0.0
    cheap_blob_fee_wei: int = 10**9
    every_seconds: float = 1.0
    most_uncommitted: int = 8


def is_time(batch: Batch, market: answers.Market, settings: Settings, now_ms: int) -> bool:
    """Whether a batch is to be committed now."""
    is_due = now_ms >= batch.sealed_at_ms + settings.wait_seconds * 1000
    return is_due or market.blob_base_fee <= settings.cheap_blob_fee_wei


def purpose_of(number: int) -> str:
    return f"commit/{number}"


def call_of(
    batch: Batch, openings: Sequence[Opening], addresses: contracts.Addresses, certificate: bytes = b""
) -> Call:
    """What commits a batch. `certificate`: a validium's."""
    arguments = [(one.versioned_hash, one.z, one.y, one.commitment, one.proof) for one in openings]
    return Call(
        to=addresses.proposer,
        data=contracts.COMMIT.call(contracts.batch_tuple(batch.statement), arguments, certificate),
        gas_limit=COMMIT_GAS
        + OPENING_GAS * len(arguments)
        + SIGNATURE_GAS * (len(certificate) // kept.SIGNATURE_BYTES),
        blobs=tuple(one.blob for one in openings),
    )


class Committer:
    """
    `committed` is the last batch whose commit is in a block of L1, `final` the last where that block is final. `waits_for`
    says why a batch whose time has come is not committed; `keepers` are a validium's.
    """

    def __init__(
        self,
        store: Store,
        batches: Batches,
        outbox: Outbox,
        client: L1Client,
        addresses: contracts.Addresses,
        settings: Settings,
        keepers: Committee | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.waits_for: str | None = None
        self.refusals: Counter[str] = Counter()
        self.recorded = 0
        self.committed = 0
        self.final = 0
        self._store = store
        self._batches = batches
        self._outbox = outbox
        self._client = client
        self._addresses = addresses
        self._settings = settings
        self._keepers = keepers
        self._now = now
        self._hold = trial.Hold(FIRST_HOLD_SECONDS, LONGEST_HOLD_SECONDS)

    async def run(self) -> None:
        """Until cancelled. What L1 cannot be asked now is asked again."""
        while True:
            try:
                await self.step()
                self.waits_for = None
            except (errors.L1Error, signers.SignerError, CommitteeError) as error:
                self.refusals[type(error).__name__] += 1
                if str(error) != self.waits_for:
                    log.warning("no batch could be committed", extra={"reason": str(error)})
                self.waits_for = str(error)
            await asyncio.sleep(self._settings.every_seconds)

    def forget_from(self, number: int) -> None:
        """Batches from this one on were taken back."""
        self.recorded, self.committed, self.final = (
            min(before, number - 1) for before in (self.recorded, self.committed, self.final)
        )
        self._hold.reset()

    async def step(self) -> list[OutboxEntry]:
        """
        Record commits of batches whose time has come; gives their entries.

        Raises `L1Error`, `SignerError`; `TooFew` where a validium's committee does not keep one.
        """
        await self._follow()
        newest = self._batches.newest()
        recorded = []
        market = await self._client.market()
        while newest is not None and self.recorded < newest.number:
            batch = self._batches.get(self.recorded + 1)
            assert batch is not None, "batches have no gaps"
            if self.recorded - self.committed >= self._settings.most_uncommitted:
                break
            if not is_time(batch, market, self._settings, int(self._now() * 1000)):
                break
            openings = self._batches.openings(batch.number)
            call = call_of(batch, openings, self._addresses, await self._certificate(batch.number))
            if self.recorded == self.committed and not await self._would_pass(batch, call):
                break
            recorded.append(await self._outbox.record(purpose_of(batch.number), call))
            self.recorded = batch.number
        return recorded

    async def _certificate(self, number: int) -> bytes:
        """That a validium's payload is kept; nothing for a rollup."""
        if self._keepers is None:
            return b""
        payload = self._batches.payload(number)
        assert payload is not None, "it is let go when its commit is final"
        return await self._keepers.certificate(payload)

    async def _would_pass(self, batch: Batch, call: Call) -> bool:
        head = await self._client.head()
        reason = await trial.refusal(self._client, self._outbox.address, call, head, batch.blob_hashes)
        if reason is None:
            self._hold.reset()
            return True
        self.refusals["Refused"] += 1
        if head.timestamp < contracts.number_of(batch.statement, "lastTimestamp"):
            log.info("L1 is behind the batch", extra={"batch": batch.number, "l1_block": head.number})
            return False
        log.critical("L1 would refuse a batch", extra={"batch": batch.number, "reason": reason})
        return self._hold.is_over(self._now())

    async def _follow(self) -> None:
        """What became of the commits that were recorded. One that L1 refused for good is recorded again."""
        while (entry := self._outbox.find(purpose_of(self.recorded + 1))) is not None:
            self.recorded += 1
        self.committed = self.final
        for number in range(self.final + 1, self.recorded + 1):
            entry = self._outbox.find(purpose_of(number))
            if entry is None or entry.mined is None:
                break
            if not entry.mined.succeeded:
                log.critical("L1 refused a batch", extra={"batch": number, "transaction": entry.mined.transaction_hash})
                if entry.status is OutboxStatus.FINAL:
                    self.recorded = number - 1
                break
            self.committed = number
            if entry.status is OutboxStatus.FINAL and number == self.final + 1:
                self.final = number
                await self._let_go(number)

    async def _let_go(self, number: int) -> None:
        """Its blobs are on L1 for good, its payload is kept by others."""
        count, is_kept = len(self._batches.openings(number)), self._batches.payload(number) is not None

        def change(txn: Txn) -> None:
            for index in range(count):
                txn.delete(schema.OPENINGS, key(number, index))
            txn.delete(schema.PAYLOADS, key(number))

        if count or is_kept:
            await self._store.write(change)
