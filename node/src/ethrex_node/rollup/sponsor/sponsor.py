"""
The sponsor's account on L2: what it signs, what became of that, what is left. It lives as long as its sequencer.

A promise is on disk before its transaction is pooled, with the transaction: after a crash it is pooled again. Promises
come one after the other, so that two calls at once neither share a nonce nor the rest of a limit. One whose tip the base fee
has overtaken while it waits is replaced with a dearer one, as far as the limits allow.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from prometheus_client.core import Metric

from ethrex_node.observe import metrics
from ethrex_node.rollup.l1 import answers, fees, signers, transaction
from ethrex_node.rollup.l1.transaction import Signed, Transaction
from ethrex_node.rollup.sponsor import errors, ledger, policy
from ethrex_node.rollup.sponsor.policy import DAY_SECONDS, Policy, Scope
from ethrex_node.rollup.sponsor.request import Request
from ethrex_node.rollup.store import Store, Txn
from ethrex_node.rollup.store.schema import Sponsored
from ethrex_node.rpc import errors as rpc_errors
from ethrex_node.rpc.params import hex_data

log = logging.getLogger(__name__)

GAS_MARGIN_PERCENT: Final = 115  # what others do before it in the block may make it dearer
ANY_PRICE: Final = 1 << 128
LOOK_BEYOND: Final = 2  # up to so many times the limit the answer says how much gas it takes


class Pool(Protocol):
    """The door of the node's pool."""

    async def add(self, raw: Sequence[bytes]) -> Sequence[bytes | Exception]: ...
    def get(self, transaction_hash: bytes) -> object | None: ...
    def next_nonce(self, address: bytes) -> int | None: ...


@dataclass(frozen=True, slots=True)
class Chain:
    """The L2 as the sponsor sees it. `ask`: a method of the RPC on the head; raises `RpcError`."""

    chain_id: int
    pool: Pool
    ask: Callable[..., Any]
    account: Callable[[bytes], tuple[int, int]]  # nonce and balance in wei at the head
    bump_percent: int = fees.BUMP_PERCENT  # by which the pool lets fees of a replacement rise at least


class Sponsor:
    """`send` for users, `settle` when the head has moved."""

    def __init__(
        self,
        chain: Chain,
        store: Store,
        signer: signers.Signer,
        rules: Policy,
        now: Callable[[], float],
        low_balance_wei: int = 0,
    ) -> None:
        self.sent = 0
        self.paid_wei = 0
        self.refusals: Counter[str] = Counter()
        self.balance_wei: int | None = None
        self._chain = chain
        self._store = store
        self._signer = signer
        self._policy = rules
        self._now = now
        self._low_balance_wei = low_balance_wei
        self._turn = asyncio.Lock()
        # What a transaction may cost is bounded by the limits of the policy, not by a price of gas.
        self._fee_policy = fees.Policy(most_per_gas=ANY_PRICE, least_tip=0, bump_percent=chain.bump_percent)
        self.replaced = 0
        self._waiting: set[bytes] = set()  # told of already

    @property
    def address(self) -> bytes:
        return self._signer.address

    @property
    def chain_id(self) -> int:
        return self._chain.chain_id

    async def send(self, request: Request) -> bytes:
        """Pay for it; gives the transaction's hash. Raises `SponsorError`, `RpcError` where it would fail."""
        try:
            accounts = self._accounts(request)
            gas = await self._gas(request)
            async with self._turn:
                return await self._promised(request, accounts, gas)
        except rpc_errors.RpcError as error:
            self.refusals[type(error).__name__] += 1
            raise

    def _accounts(self, request: Request) -> tuple[bytes, ...]:
        """Whom it is for. What the policy or the chain says of the authorizations is said before anything is executed."""
        code = bytes.fromhex(self._chain.ask("eth_getCode", hex_data(request.to), "latest")[2:])
        accounts = policy.accounts_of(request, code, self._policy)
        if self.address in (request.to, *accounts):
            raise errors.NotSponsored("the sponsor's own account is for nobody's use")
        for one in request.authorizations:
            nonce, _ = self._chain.account(one.authority)
            if one.authorization.nonce != nonce:
                raise rpc_errors.InvalidParams(
                    f"authorization of 0x{one.authority.hex()} has nonce {one.authorization.nonce}, the account's is {nonce}"
                )
        return accounts

    async def _gas(self, request: Request) -> int:
        """With a margin. Raises `NotSponsored`; `RpcError` with the revert's data where it would fail."""
        tried = LOOK_BEYOND * self._policy.gas_limit
        call = request.call | {"from": hex_data(self.address), "gas": hex(tried)}
        gas = int(await asyncio.to_thread(self._chain.ask, "eth_estimateGas", call), 16)
        if gas > self._policy.gas_limit:
            raise errors.NotSponsored(f"it takes {gas} gas, {self._policy.gas_limit} are sponsored")
        return min(gas * GAS_MARGIN_PERCENT // 100, self._policy.gas_limit)

    async def _promised(self, request: Request, accounts: tuple[bytes, ...], gas: int) -> bytes:
        offered = self._fees()
        most_wei = gas * offered.max_fee_per_gas
        day = int(self._now()) // DAY_SECONDS
        nonce, balance = self._chain.account(self.address)
        with self._store.read() as txn:
            policy.check(self._policy, policy.scopes_of(accounts, day), lambda scope: ledger.used(txn, scope), most_wei)
            promised = [row for row in ledger.pending(txn) if row.nonce >= nonce]
        if balance < most_wei + sum(row.most_wei for row in promised):
            raise errors.SponsorEmpty(f"the sponsor 0x{self.address.hex()} cannot pay {most_wei} wei now")
        pooled = self._chain.pool.next_nonce(self.address)
        unsigned = Transaction(
            chain_id=self.chain_id,
            nonce=max(nonce, pooled or 0, *(row.nonce + 1 for row in promised), 0),
            to=request.to,
            gas_limit=gas,
            fees=offered,
            data=request.data,
            authorizations=tuple(one.authorization for one in request.authorizations),
        )
        signed = await self._signed(unsigned)
        row = Sponsored(unsigned.nonce, signed.hash, signed.raw, accounts, day, most_wei)
        await self._store.write(lambda txn: ledger.promise(txn, row))
        (answer,) = await self._chain.pool.add([signed.raw])
        if isinstance(answer, Exception):
            await self._store.write(lambda txn: ledger.settle(txn, row, None))
            raise rpc_errors.Refused(str(answer))
        self.sent += 1
        log.info("sponsored", extra={"transaction": signed.hash, "to": request.to, "most_wei": most_wei})
        return signed.hash

    async def _signed(self, unsigned: Transaction) -> Signed:
        try:
            return unsigned.signed(await self._signer.sign(unsigned.preimage))
        except signers.SignerError as error:
            log.warning("the sponsor cannot sign", extra={"reason": str(error)})
            raise errors.NoSponsor("the sponsor's key cannot be used now, try again") from error

    def _market(self) -> answers.Market:
        head = self._chain.ask("eth_getBlockByNumber", "latest", False)
        tip = int(self._chain.ask("eth_maxPriorityFeePerGas"), 16)
        return answers.Market(int(head["baseFeePerGas"], 16), tip, 0)

    def _fees(self) -> fees.Fees:
        return fees.first(self._market(), self._fee_policy, has_blobs=False)

    async def settle(self) -> None:
        """Count what is in a block by now with what it did cost; pool again what the pool has lost."""
        async with self._turn:
            nonce, balance = self._chain.account(self.address)
            self._note_balance(balance)
            with self._store.read() as txn:
                pending = ledger.pending(txn)
            done = [(row, self._paid(row)) for row in pending if row.nonce < nonce]
            if done:
                today = int(self._now()) // DAY_SECONDS
                await self._store.write(lambda txn: _settle(txn, done, today))
                self.paid_wei += sum(paid or 0 for _, paid in done)
            waiting = [row for row in pending if row.nonce >= nonce]
            market = self._market()
            for at, row in enumerate(waiting):
                others_wei = sum(one.most_wei for one in waiting) - row.most_wei
                waiting[at] = await self._keep_up(row, market, balance, others_wei)
            lost = [row for row in waiting if self._chain.pool.get(row.hash) is None]
            for row, answer in zip(lost, await self._chain.pool.add([row.raw for row in lost]), strict=True):
                if isinstance(answer, Exception):
                    self._tell(row, str(answer))
            self._waiting &= {row.hash for row in waiting}

    async def _keep_up(self, row: Sponsored, market: answers.Market, balance: int, others_wei: int) -> Sponsored:
        """
        The promise, with higher fees where it is outbid and the limits have room for them; it is written, not sent.
        `others_wei`: the most that the other promises may cost.
        """
        old = transaction.read(row.raw)
        if market.base_fee + old.fees.max_priority_fee_per_gas <= old.fees.max_fee_per_gas:
            return row
        offered = fees.replacement(old.fees, market, self._fee_policy, has_blobs=False)
        assert offered is not None, "no price is too high here"
        day, most_wei = int(self._now()) // DAY_SECONDS, old.gas_limit * offered.max_fee_per_gas
        try:
            with self._store.read() as txn:
                scopes = policy.scopes_of(row.accounts, day)
                policy.check(self._policy, scopes, lambda scope: ledger.used_without(txn, scope, row), most_wei)
            if balance < most_wei + others_wei:
                raise errors.SponsorEmpty(f"the sponsor 0x{self.address.hex()} cannot pay {most_wei} wei now")
            signed = await self._signed(dataclasses.replace(old, fees=offered))
        except errors.SponsorError as error:
            self._tell(row, f"fees have risen, and higher ones are not promised: {error}")
            return row
        replaced = (*row.replaced, row.hash)
        better = Sponsored(row.nonce, signed.hash, signed.raw, row.accounts, day, most_wei, replaced)
        await self._store.write(lambda txn: ledger.replace(txn, row, better))
        self.replaced += 1
        facts = {"transaction": row.hash, "by": signed.hash, "most_wei": most_wei}
        log.info("a sponsored transaction is replaced: fees have risen", extra=facts)
        return better

    def _tell(self, row: Sponsored, reason: str) -> None:
        """Once, not at each head."""
        if row.hash not in self._waiting:
            log.warning("a sponsored transaction waits", extra={"transaction": row.hash, "reason": reason})
            self._waiting.add(row.hash)

    def stands_for(self, transaction_hash: bytes) -> bytes:
        """The transaction that is in a block, or may come into one, for one that `send` gave."""
        with self._store.read() as txn:
            found = [transaction_hash, *ledger.successors(txn, transaction_hash)]
        return next((one for one in found if self._receipt(one) is not None), found[-1])

    def _paid(self, row: Sponsored) -> int | None:
        found = (self._receipt(one) for one in (row.hash, *row.replaced))
        return next((int(one["gasUsed"], 16) * int(one["effectiveGasPrice"], 16) for one in found if one), None)

    def _receipt(self, transaction_hash: bytes) -> Mapping[str, str] | None:
        found: Mapping[str, str] | None = self._chain.ask("eth_getTransactionReceipt", hex_data(transaction_hash))
        return found

    def _note_balance(self, balance_wei: int) -> None:
        """Warn when it falls below the setting, not each time that it is below."""
        low = self._low_balance_wei
        was_low, self.balance_wei = self.balance_wei is not None and self.balance_wei < low, balance_wei
        if balance_wei < low and not was_low:
            facts = {"account": self.address, "wei": balance_wei, "warned_below": low}
            log.warning("the sponsor's account on L2 runs low", extra=facts)

    def metrics(self) -> Iterator[Metric]:
        """A source for `observe.metrics.Metrics.add`."""
        with self._store.read() as txn:
            pending = ledger.pending(txn)
            today = ledger.used(txn, Scope("day", int(self._now()) // DAY_SECONDS))
            total = ledger.used(txn, Scope("all"))
        yield metrics.counter("sponsor_transactions", "Transactions that were sponsored in this run", self.sent)
        yield metrics.counter("sponsor_replaced", "Of them, those sent again with higher fees", self.replaced)
        yield metrics.counter("sponsor_paid_wei", "What they have cost once in a block", self.paid_wei)
        yield metrics.counters("sponsor_refusals", "Requests that were refused, by why", "reason", dict(self.refusals))
        yield metrics.gauge("sponsor_pending", "Sponsored transactions that are in no block yet", len(pending))
        counts = {"day": today.transactions, "all": total.transactions}
        yield metrics.gauges("sponsor_used_transactions", "Of the limits", "scope", counts)
        yield metrics.gauges("sponsor_used_wei", "Of the limits", "scope", {"day": today.wei, "all": total.wei})
        if self.balance_wei is not None:
            yield metrics.gauge("sponsor_balance_wei", "What the sponsor has on L2", self.balance_wei)
            is_low = float(self.balance_wei < self._low_balance_wei)
            yield metrics.gauge("sponsor_balance_low", "1 while it is below --sponsor.low-balance", is_low)


def _settle(txn: Txn, done: Sequence[tuple[Sponsored, int | None]], today: int) -> None:
    for row, paid in done:
        ledger.settle(txn, row, paid)
    ledger.forget_before(txn, today)
