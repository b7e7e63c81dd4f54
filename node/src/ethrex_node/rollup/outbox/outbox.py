"""
The outbox of one L1 account, from start to stop: asks the L1, lets `plan` decide, writes, then acts.

The order within a step is what makes a crash harmless: what is signed is on disk before it leaves. Rounds and records of
an account come one after the other.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from prometheus_client.core import Metric

from ethrex_node.observe import metrics
from ethrex_node.rollup.l1 import blobs, errors, fees, signers
from ethrex_node.rollup.l1.client import L1Client
from ethrex_node.rollup.l1.transaction import Signed, Transaction
from ethrex_node.rollup.outbox import funds, plan, record
from ethrex_node.rollup.store import Store
from ethrex_node.rollup.store.schema import Attempt, LostNonce, OutboxEntry, OutboxStatus

log = logging.getLogger(__name__)

FILL_GAS: Final = 21_000
EMPTY_BLOB: Final = bytes(blobs.BLOB_BYTES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What is to be done on L1. Each of `blobs` has 131,072 bytes."""

    to: bytes
    data: bytes = b""
    value_wei: int = 0
    gas_limit: int
    blobs: tuple[bytes, ...] = ()


class Outbox:
    """`record` what shall be done, `round` again and again until all is final."""

    def __init__(
        self,
        store: Store,
        client: L1Client,
        signer: signers.Signer,
        settings: plan.Settings,
        now_ms: Callable[[], int],
    ) -> None:
        self.steps: Counter[str] = Counter()
        self.refusals: Counter[str] = Counter()
        self.stolen_nonces = 0
        self.spent_wei = 0
        self.balance_wei: int | None = None
        self.is_low = False
        self.is_stopped = False  # nothing is sent any more, not even what is recorded: another one acts on L1
        self._costs_wei: deque[int] = deque(maxlen=funds.REMEMBERED)
        self._looked_at_ms: int | None = None
        self._store = store
        self._client = client
        self._signer = signer
        self._settings = settings
        self._now_ms = now_ms
        self._turn = asyncio.Lock()
        self._is_after_cells = True  # the form of proofs that the L1 took last

    @property
    def address(self) -> bytes:
        """The account that signs."""
        return self._signer.address

    def find(self, purpose: str) -> OutboxEntry | None:
        """The newest entry for a purpose."""
        with self._store.read() as txn:
            return record.by_purpose(txn, purpose)

    def open_entries(self) -> list[OutboxEntry]:
        with self._store.read() as txn:
            return record.open_entries(txn, self._signer.address)

    async def record(self, purpose: str, call: Call) -> OutboxEntry:
        """
        Sign an action and write it down; the next round sends it.

        A purpose is served once: where an entry for it is open or has succeeded, that one is the answer. One that was
        mined, reverted and is final makes room for another try.
        """
        served = self._served(purpose)
        if served is not None:
            return served
        sidecar = await asyncio.to_thread(blobs.make, call.blobs) if call.blobs else None
        async with self._turn:
            served = self._served(purpose)
            if served is not None:
                return served
            head = await self._client.head()
            mined_nonce = await self._client.nonce(self._signer.address, head.number)
            nonce = plan.next_nonce(self.open_entries(), mined_nonce)
            return await self._add(purpose, call, sidecar, nonce, head.number)

    def _served(self, purpose: str) -> OutboxEntry | None:
        """The entry that makes another one for this purpose needless."""
        known = self.find(purpose)
        return None if known is None or _may_be_tried_again(known) else known

    async def _add(
        self, purpose: str, call: Call, sidecar: blobs.Sidecar | None, nonce: int, at_block: int
    ) -> OutboxEntry:
        entry = OutboxEntry(
            number=0,
            purpose=purpose,
            sender=self._signer.address,
            to=call.to,
            data=call.data,
            value_wei=call.value_wei,
            gas_limit=call.gas_limit,
            blob_hashes=() if sidecar is None else sidecar.versioned_hashes,
            nonce=nonce,
            recorded_at_ms=self._now_ms(),
            recorded_at_block=at_block,
            attempts=(),
        )
        entry = await self._signed_at_market(entry)
        added = await self._store.write(lambda txn: record.add(txn, entry, sidecar))
        log.info("recorded an action on L1", extra={"purpose": purpose, "nonce": nonce})
        return added

    async def round(self) -> list[OutboxEntry]:
        """
        One look at the L1 and what follows from it; gives the entries that are open afterwards.

        Raises `L1Error` where the L1 cannot be asked: nothing was decided then. Come again.
        """
        async with self._turn:
            entries = self.open_entries()
            if self.is_stopped:
                return entries
            await self._look_at_balance(has_work=bool(entries))
            if not entries:
                return []
            view = await self._look(entries)
            entries = [await self._harmless(entry, view) for entry in entries]
            for entry, step in plan.plan(entries, view, self._settings):
                self.steps[type(step).__name__] += 1
                if not await self._do(entry, step, view):
                    break
            return self.open_entries()

    async def _harmless(self, entry: OutboxEntry, view: plan.View) -> OutboxEntry:
        """
        In the place of a withdrawn action that is not mined, one that does nothing, by the pools' rules: what carries blobs
        is replaced only by what carries some too.
        """
        if not record.is_withdrawn(entry) or view.mined_nonce > entry.nonce:
            return entry
        has_blobs = bool(entry.blob_hashes)
        old = plan.fees_of(entry.attempts[-1])
        offered = fees.replacement(old, view.market, self._settings.fees, has_blobs=has_blobs)
        if offered is None:
            return entry  # it comes as it was, and reverts
        sidecar = await asyncio.to_thread(blobs.make, (EMPTY_BLOB,)) if has_blobs else None
        filler = dataclasses.replace(
            entry,
            to=self._signer.address,
            data=b"",
            value_wei=0,
            gas_limit=FILL_GAS,
            blob_hashes=() if sidecar is None else sidecar.versioned_hashes,
        )
        filler = await self._signed(filler, offered)
        log.warning("withdrawn: its nonce is used for nothing", extra={"purpose": entry.purpose, "nonce": entry.nonce})
        return await self._store.write(lambda txn: record.put_filler(txn, entry, filler, sidecar))

    async def run(self, every_seconds: float) -> None:
        """Rounds until cancelled. A round that fails is one that comes again."""
        while True:
            try:
                await self.round()
            except (errors.L1Error, signers.SignerError) as error:
                self.refusals[type(error).__name__] += 1
                log.warning("the outbox could not do its round", extra={"reason": str(error)})
            await asyncio.sleep(every_seconds)

    async def _look_at_balance(self, *, has_work: bool) -> None:
        """Also of an account that has nothing to do yet. Told when it falls too low, not each time that it is."""
        now, before = self._now_ms(), self._looked_at_ms
        if not has_work and before is not None and now - before < funds.LOOK_MS:
            return
        self.balance_wei = await self._client.balance(self._signer.address)
        self._looked_at_ms = now
        below = funds.warned_below(self._settings.low_balance_wei, self._costs_wei)
        was_low, self.is_low = self.is_low, self.balance_wei < below
        if self.is_low and not was_low:
            facts = {"account": self._signer.address, "wei": self.balance_wei, "warned_below": below}
            log.warning("the account on L1 runs low", extra=facts)

    # what the L1 says

    async def _look(self, entries: Sequence[OutboxEntry]) -> plan.View:
        head = await self._client.head()
        final = await self._client.final(head.number)
        address = self._signer.address
        mined_nonce = await self._client.nonce(address, head.number)
        final_nonce = await self._client.nonce(address, final)
        receipts = {}
        for entry in entries:
            if entry.nonce < mined_nonce:
                for attempt in entry.attempts:
                    receipt = await self._client.receipt(attempt.hash, head.number)
                    if receipt is not None:
                        receipts[attempt.hash] = receipt
        newest = [one.attempts[-1] for one in entries if one.nonce >= mined_nonce]
        known = {one.hash for one in newest if one.sent_at_ms and await self._client.is_known(one.hash)}
        market = await self._client.market()
        return plan.View(
            head.number, final, mined_nonce, final_nonce, receipts, frozenset(known), market, self._now_ms()
        )

    # what is done about it: False where what comes after it has to wait

    async def _do(self, entry: OutboxEntry, step: plan.Step, view: plan.View) -> bool:
        facts = {"purpose": entry.purpose, "nonce": entry.nonce}
        match step:
            case plan.Finish(receipt):
                await self._store.write(lambda txn: record.finish(txn, entry, receipt))
                self.spent_wei += receipt.cost_wei
                self._costs_wei.append(receipt.cost_wei)
                log.info("final on L1", extra=facts | {"block": receipt.block_number, "cost_wei": receipt.cost_wei})
            case plan.Note(receipt):
                await self._update(record.as_mined(entry, receipt))
                told = log.info if receipt.succeeded else log.warning
                told("mined on L1", extra=facts | {"block": receipt.block_number, "succeeded": receipt.succeeded})
            case plan.Forget():
                await self._update(record.as_waiting(entry))
                log.warning("taken back by an L1 reorg", extra=facts)
            case plan.Resign():
                return await self._resign(entry, view)
            case plan.Send():
                return await self._send(entry)
            case plan.Replace(better):
                replaced = await self._update(await self._signed(entry, better))
                log.info("replaced on L1", extra=facts | {"max_fee_per_gas": better.max_fee_per_gas})
                return await self._send(replaced)
            case plan.FillGap(nonce):
                purpose = f"gap/{self._signer.address.hex()}/{nonce}/{view.head}"
                filler = Call(to=self._signer.address, gas_limit=FILL_GAS)
                log.warning("nobody has the nonce before it: filled", extra=facts | {"gap": nonce})
                return await self._send(await self._add(purpose, filler, None, nonce, view.head))
            case plan.Wait():
                pass
        return True

    async def _send(self, entry: OutboxEntry) -> bool:
        """Hand the newest attempt to the pools and write down how that went."""
        newest = entry.attempts[-1]
        with self._store.read() as txn:
            sidecar = record.sidecar_of(txn, entry)
        signed = Signed(newest.raw, newest.hash)
        refusal: errors.L1Error | None = None
        try:
            await self._deliver(signed, sidecar)
        except errors.L1Error as error:
            refusal = error
            self.refusals[type(error).__name__] += 1
            log.warning(
                "L1 did not take it", extra={"purpose": entry.purpose, "nonce": entry.nonce, "reason": str(error)}
            )
        is_underpriced = isinstance(refusal, errors.Underpriced)
        await self._update(record.with_newest(entry, sent_at_ms=self._now_ms(), is_underpriced=is_underpriced))
        return refusal is None

    async def _deliver(self, signed: Signed, sidecar: blobs.Sidecar | None) -> None:
        """With proofs in the form that was good last, else in the other: the L1 may have passed the fork since."""
        try:
            await self._client.send(signed.network(sidecar, cells=self._is_after_cells))
        except errors.BadSidecar:
            if sidecar is None:
                raise
            await self._client.send(signed.network(sidecar, cells=not self._is_after_cells))
            self._is_after_cells = not self._is_after_cells

    async def _resign(self, entry: OutboxEntry, view: plan.View) -> bool:
        """The thief is looked at before money is spent again: it could be one of ours whose receipt is being withheld."""
        thief = await self._client.transaction_with_nonce(
            self._signer.address, entry.nonce, entry.recorded_at_block, view.final
        )
        facts = {"purpose": entry.purpose, "nonce": entry.nonce}
        if thief is None or thief in {one.hash for one in entry.attempts}:
            log.error("the nonce is used, but not seen by whom", extra=facts)
            return False
        self.stolen_nonces += 1
        log.error("a foreign transaction of this account took the nonce", extra=facts | {"thief": thief})
        nonce = plan.next_nonce(self.open_entries(), view.mined_nonce)
        lost = (*entry.lost, LostNonce(entry.nonce, thief))
        fresh = dataclasses.replace(
            entry, nonce=nonce, lost=lost, attempts=(), recorded_at_ms=self._now_ms(), recorded_at_block=view.head
        )
        await self._update(await self._signed_at_market(fresh))
        return True

    # signing and writing

    async def _signed_at_market(self, entry: OutboxEntry) -> OutboxEntry:
        market = await self._client.market()
        return await self._signed(entry, fees.first(market, self._settings.fees, has_blobs=bool(entry.blob_hashes)))

    async def _signed(self, entry: OutboxEntry, offered: fees.Fees) -> OutboxEntry:
        """The entry with one more attempt, which is not written yet."""
        transaction = Transaction(
            chain_id=self._client.chain_id,
            nonce=entry.nonce,
            to=entry.to,
            gas_limit=entry.gas_limit,
            fees=offered,
            data=entry.data,
            value_wei=entry.value_wei,
            blob_hashes=entry.blob_hashes,
        )
        signed = transaction.signed(await self._signer.sign(transaction.preimage))
        attempt = Attempt(signed.hash, signed.raw, *dataclasses.astuple(offered))
        return record.with_attempt(entry, attempt)

    async def _update(self, entry: OutboxEntry) -> OutboxEntry:
        return await self._store.write(lambda txn: record.update(txn, entry))

    def metrics(self) -> Iterator[Metric]:
        """A source for `observe.metrics.Metrics.add`."""
        by_status = Counter(entry.status.value for entry in self.open_entries())
        every = {
            status.value: float(by_status[status.value]) for status in OutboxStatus if status != OutboxStatus.FINAL
        }
        yield metrics.gauges("outbox_open", "Actions on L1 that are not final", "status", every)
        yield metrics.counters("outbox_steps", "What was done about actions on L1", "step", dict(self.steps))
        yield metrics.counters("outbox_refusals", "What L1 nodes said no to", "reason", dict(self.refusals))
        account = "0x" + self._signer.address.hex()
        balances = {} if self.balance_wei is None else {account: float(self.balance_wei)}
        yield metrics.gauges("outbox_balance_wei", "What the account on L1 has, as seen last", "account", balances)
        low = {account: float(self.is_low)}
        yield metrics.gauges("outbox_balance_low", "1 while that is too little to go on for long", "account", low)
        yield metrics.counter("outbox_spent_wei", "What final actions on L1 have cost", self.spent_wei)
        yield metrics.counter("outbox_stolen_nonces", "Nonces that a foreign transaction took", self.stolen_nonces)


def _may_be_tried_again(entry: OutboxEntry) -> bool:
    return entry.status is OutboxStatus.FINAL and entry.mined is not None and not entry.mined.succeeded
