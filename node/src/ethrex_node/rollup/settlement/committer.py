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
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from ethrex_node.rollup.committee import kept
from ethrex_node.rollup.committee.committee import Committee
from ethrex_node.rollup.committee.errors import CommitteeError
from ethrex_node.rollup.l1 import answers, errors, signers
from ethrex_node.rollup.l1.client import L1Client
from ethrex_node.rollup.outbox import Call, Outbox
from ethrex_node.rollup.sequencer import sealed
from ethrex_node.rollup.settlement import contracts, trial
from ethrex_node.rollup.settlement.batches import Batches
from ethrex_node.rollup.settlement.settler import status_at
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


class Overtaken(Exception):
    """L1 has a batch that is not this sequencer's: another one commits for the chain."""


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
    `committed` is the last batch whose commit is in a block of L1, whoever sent it, `final` the last where that block is final,
    by L1's block `final_at`: an L1 that is shorter after a reorg does not tell.
    `waits_for` says why a batch whose time has come is not committed; `keepers` are a validium's. Batches up to `base` were
    there before this sequencer.
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
        base: int = 0,
    ) -> None:
        self.listeners: list[Callable[[Overtaken], Awaitable[None]]] = []
        self.is_stopped = False
        self.waits_for: str | None = None
        self.refusals: Counter[str] = Counter()
        self.recorded = self.committed = self.final = max(base, batches.base)
        self.final_at = 0
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
            except Overtaken as error:
                self.waits_for = str(error)
                for listener in self.listeners:
                    await listener(error)
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

        Raises `L1Error`, `SignerError`; `Overtaken`; `TooFew` where a validium's committee does not keep one.
        """
        await self._follow()
        if self.is_stopped:
            return []
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
            if not openings and self._batches.payload(batch.number) is None:
                batch = await self._batches.made_again(batch)
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
        on_l1 = (await status_at(self._client, self._addresses, head.number)).last_committed
        if self.final <= on_l1 != self.committed:
            # Blocks of L1 are gone, or somebody else's commit came, since `_follow` looked: the outbox and the next look tell.
            log.info("L1 has another last batch than a moment ago", extra={"was": self.committed, "is": on_l1})
            return False
        log.critical("L1 would refuse a batch", extra={"batch": batch.number, "reason": reason})
        return self._hold.is_over(self._now())

    async def _follow(self) -> None:
        """
        What became of the commits that were recorded, and what others have sent. One that L1 refused for good is recorded
        again. Raises `Overtaken`.
        """
        newest = self._batches.newest()
        head = await self._client.head()
        on_l1 = (await status_at(self._client, self._addresses, head.number)).last_committed
        made = 0 if newest is None else newest.number
        self.committed = self.recorded = self.final
        for number in range(self.final + 1, made + 1):
            entry = self._outbox.find(purpose_of(number))
            is_ours = entry is not None and entry.mined is not None and entry.mined.succeeded
            if not is_ours and number <= on_l1:
                await self._same_on_l1(number, head.number)
            elif not is_ours and not self._is_recorded(entry, number):
                break
            self.recorded = number
            if self.committed == number - 1 and (is_ours or number <= on_l1):
                self.committed = number
            if self.final == number - 1 and self.committed == number:
                at = await self._final_at(entry, number)
                if at is None:
                    continue
                self.final, self.final_at = number, max(self.final_at, at)
                await self._let_go(number)
        if on_l1 > made and not self._has_ended(on_l1):
            raise Overtaken(f"L1 has batch {on_l1}, which this sequencer has not made")

    def _has_ended(self, number: int) -> bool:
        """Its blocks are here, and it is being made: L1 may have it from the sequencer before."""
        with self._store.read() as txn:
            return sealed.open_batch(txn) > number

    def _is_recorded(self, entry: OutboxEntry | None, number: int) -> bool:
        """Whether nothing has to be done for it now."""
        if entry is None:
            return False
        if entry.mined is not None and not entry.mined.succeeded:
            log.critical("L1 refused a batch", extra={"batch": number, "transaction": entry.mined.transaction_hash})
            return entry.status is not OutboxStatus.FINAL
        return True

    async def _same_on_l1(self, number: int, at: int) -> None:
        """What somebody else has committed is this batch, to the bit. Raises `Overtaken`."""
        data = contracts.RECORD.call(self._addresses.chain_id, number)
        (record,) = contracts.RECORD.result(await self._client.call(self._addresses.proposer, data, at))
        batch = self._batches.get(number)
        assert batch is not None, "batches have no gaps"
        if record[0] != batch.batch_hash:
            raise Overtaken(
                f"L1 has batch {number} as 0x{record[0].hex()}, this sequencer has made 0x{batch.batch_hash.hex()}"
            )

    async def _final_at(self, entry: OutboxEntry | None, number: int) -> int | None:
        """A final block of L1 by which it is committed; None: there is none yet."""
        if entry is not None and entry.mined is not None and entry.mined.succeeded:
            return entry.mined.block_number if entry.status is OutboxStatus.FINAL else None
        final = await self._client.final((await self._client.head()).number)
        if final < self._addresses.deployed_at_block:
            return None
        return final if (await status_at(self._client, self._addresses, final)).last_committed >= number else None

    async def _let_go(self, number: int) -> None:
        """Its blobs are on L1 for good, its payload is kept by others."""
        count, is_kept = len(self._batches.openings(number)), self._batches.payload(number) is not None

        def change(txn: Txn) -> None:
            for index in range(count):
                txn.delete(schema.OPENINGS, key(number, index))
            txn.delete(schema.PAYLOADS, key(number))

        if count or is_kept:
            await self._store.write(change)
