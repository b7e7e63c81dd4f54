"""
The transaction pool: what was admitted and is not yet in a block.

Transactions come in batches that the native core has decoded and recovered (``rpc`` and ``p2p`` hand them over); the
rules of admission are in ``pool.rules``, the order for building in ``pool.order``. All work happens on the event loop:
nothing here waits, nothing is locked. The pool follows the chain by `follow`, once a head.
"""

import heapq
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from . import errors, order, rules
from .limits import Limits
from .sender import Sender

Accounts = Callable[[Sequence[bytes]], Sequence[rules.Account]]
Listener = Callable[[Sequence[rules.Transaction]], None]

EVICT_AT_ONCE: Final = 64  # room is made for this many, so that the search for the cheapest is paid once for them


@dataclass(slots=True)
class Counters:
    admitted: int = 0
    refused: int = 0
    replaced: int = 0
    evicted: int = 0
    included: int = 0
    expired: int = 0


@dataclass(slots=True)
class Pool:
    """One per node. `accounts` reads nonces and balances at the head, many at once."""

    accounts: Accounts
    block_rules: rules.Rules
    limits: Limits = field(default_factory=Limits)
    clock: Callable[[], float] = time.monotonic
    by_hash: dict[bytes, rules.Transaction] = field(default_factory=dict)
    senders: dict[bytes, Sender] = field(default_factory=dict)
    local: set[bytes] = field(default_factory=set)
    arrived: dict[bytes, float] = field(default_factory=dict)
    authorities: Counter[bytes] = field(default_factory=Counter)  # of pooled set-code transactions
    blobs: int = 0
    counters: Counters = field(default_factory=Counters)
    closed: str | None = None  # why nothing is taken in now
    listeners: list[Listener] = field(default_factory=list)

    def add(self, transactions: Sequence[rules.Transaction], *, local: bool) -> list[errors.PoolError | None]:
        """Admit a batch; the answers stand in its order, None for the admitted."""
        if self.closed is not None:
            return [errors.Closed(self.closed)] * len(transactions)
        self._meet([t.sender for t in transactions if t.sender not in self.senders])
        answers = [self._try(transaction, local) for transaction in transactions]
        for transaction in transactions:
            self._forget_if_empty(transaction.sender)
        admitted = [t for t, answer in zip(transactions, answers, strict=True) if answer is None]
        if admitted:
            for listener in self.listeners:
                listener(admitted)
        return answers

    def _try(self, transaction: rules.Transaction, local: bool) -> errors.PoolError | None:
        try:
            self._admit(transaction)
        except errors.PoolError as error:
            self.counters.refused += 1
            return error
        if local:
            self.local.add(transaction.hash)
        self.counters.admitted += 1
        return None

    def _admit(self, transaction: rules.Transaction) -> None:
        if transaction.hash in self.by_hash:
            raise errors.Known
        rules.check(transaction, self.block_rules)
        sender = self.senders[transaction.sender]
        rules.check_account(transaction, sender.account)
        old = sender.transactions.get(transaction.nonce)
        self._check_spending(transaction, sender, old)
        self._check_delegation(transaction, sender)
        self._check_authorities(transaction)
        if old is None:
            self._check_room(transaction, sender)  # last: others are let go for this one
        else:
            self._check_replacement(old, transaction)
            self._drop(old)
            self.counters.replaced += 1
            sender = self.senders.setdefault(transaction.sender, sender)
        sender.put(transaction)
        self.by_hash[transaction.hash] = transaction
        self.arrived[transaction.hash] = self.clock()
        self.blobs += transaction.kind == rules.BLOB
        if transaction.kind == rules.SET_CODE:
            self.authorities.update(transaction.authorities)

    def _check_delegation(self, transaction: rules.Transaction, sender: Sender) -> None:
        """
        geth's rule for EIP-7702: code of its own, there or on its way, may spend what an account's transactions count on.
        So the pool holds one of such an account, which may be replaced.
        """
        if not sender.account.delegated and transaction.sender not in self.authorities:
            return
        if sender.nonce <= transaction.nonce < sender.end:
            return
        if sender.end > sender.nonce:
            raise errors.Invalid("in-flight transaction limit reached for delegated accounts")
        if transaction.nonce != sender.nonce:
            raise errors.Invalid("gapped-nonce tx from delegated accounts")

    def _check_authorities(self, transaction: rules.Transaction) -> None:
        """The same from the other side: who has more than one transaction here is not given code meanwhile."""
        if transaction.kind != rules.SET_CODE:
            return
        for authority in transaction.authorities:
            sender = self.senders.get(authority)
            if sender is None:
                continue
            if len(sender.transactions) > 1 or any(one.kind == rules.BLOB for one in sender.transactions.values()):
                raise errors.Invalid("authority already reserved")

    def _check_replacement(self, old: rules.Transaction, new: rules.Transaction) -> None:
        """EIP-1559 pools: both fees rise by the bump (10 %; 100 % with blobs, whose fee rises too)."""
        if (old.kind == rules.BLOB) != (new.kind == rules.BLOB):
            raise errors.Invalid("address already reserved: blob and other transactions do not replace each other")
        blob = new.kind == rules.BLOB
        bump = self.limits.blob_price_bump_percent if blob else self.limits.price_bump_percent
        pairs = [
            (old.max_fee_per_gas, new.max_fee_per_gas),
            (old.max_priority_fee_per_gas, new.max_priority_fee_per_gas),
        ]
        if blob:
            pairs.append((old.max_fee_per_blob_gas, new.max_fee_per_blob_gas))
        for before, after in pairs:
            required = before + max(before * bump // 100, 1) if before else 0
            if after < required:
                raise errors.Underpriced("replacement transaction underpriced", required)

    def _check_room(self, transaction: rules.Transaction, sender: Sender) -> None:
        gapped = transaction.nonce > sender.end
        if transaction.kind == rules.BLOB:
            if gapped:
                raise errors.NonceGap(sender.end, transaction.nonce)
            if len(sender.transactions) >= self.limits.blobs_per_sender or self.blobs >= self.limits.blob_total:
                raise errors.Full("blob pool is full")
        crowded = len(self.by_hash) * 100 >= self.limits.total * self.limits.free_gap_percent
        if gapped and crowded and sender.queued() >= self.limits.queued_per_sender:
            raise errors.Full(f"sender has {sender.queued()} transactions behind a nonce gap, limit reached")
        if len(self.by_hash) >= self.limits.total:
            self._make_room(transaction)

    def _check_spending(self, transaction: rules.Transaction, sender: Sender, old: rules.Transaction | None) -> None:
        """All of a sender together must be payable, or the last ones only block the pool."""
        cost = sender.cost_wei + transaction.cost - (old.cost if old is not None else 0)
        if cost > sender.account.balance_wei:
            raise errors.Unfunded(sender.account.balance_wei, cost)

    def _make_room(self, newcomer: rules.Transaction) -> None:
        """Let the cheapest go, never for one that pays less."""
        base_fee = self.block_rules.base_fee_wei
        lasts = [s.last() for address, s in self.senders.items() if s.transactions and address != newcomer.sender]
        cheapest = heapq.nsmallest(EVICT_AT_ONCE, lasts, key=lambda t: self._worth(t, base_fee))
        mine = order.effective_tip(newcomer, base_fee)
        victims = [t for t in cheapest if order.effective_tip(t, base_fee) < mine and t.hash not in self.local]
        if not victims:
            floor = order.effective_tip(cheapest[0], base_fee) + 1 if cheapest else 1
            raise errors.Underpriced("txpool is full: transaction underpriced", floor)
        for victim in victims:
            self._drop(victim)
        self.counters.evicted += len(victims)

    def _worth(self, transaction: rules.Transaction, base_fee: int) -> tuple[bool, int]:
        sender = self.senders[transaction.sender]
        return transaction.nonce < sender.end, order.effective_tip(transaction, base_fee)

    def follow(self, rules_next: rules.Rules, included: Iterable[bytes], returned: Sequence[rules.Transaction]) -> None:
        """A new head: `included` are the hashes in its new blocks, `returned` came out of blocks that a reorg undid."""
        self.block_rules = rules_next
        touched = set()
        for transaction_hash in included:
            transaction = self.by_hash.get(transaction_hash)
            if transaction is not None:
                touched.add(transaction.sender)
                self.counters.included += 1
        self.refresh(touched)
        if returned:
            self.refresh({t.sender for t in returned if t.sender in self.senders})
            self.add(returned, local=False)
        self._expire()

    def refresh(self, addresses: Iterable[bytes]) -> None:
        """Read these senders' accounts again; what their nonce or balance no longer allows goes."""
        wanted = [address for address in addresses if address in self.senders]
        for address, account in zip(wanted, self.accounts(wanted), strict=True):
            sender = self.senders[address]
            for used in sender.advance(account):
                self._unlist(used)
            for transaction in list(sender.transactions.values()):
                if transaction.cost > account.balance_wei:
                    self._drop(transaction)
            self._forget_if_empty(address)

    def drop(self, transaction_hash: bytes) -> bool:
        """Remove one by hash (mining control of the dev chain). False: it was not here."""
        transaction = self.by_hash.get(transaction_hash)
        if transaction is None:
            return False
        self._drop(transaction)
        return True

    def clear(self) -> None:
        self.by_hash.clear()
        self.senders.clear()
        self.local.clear()
        self.arrived.clear()
        self.authorities.clear()
        self.blobs = 0

    def get(self, transaction_hash: bytes) -> rules.Transaction | None:
        return self.by_hash.get(transaction_hash)

    def next_nonce(self, address: bytes) -> int | None:
        """The nonce after the sender's pending transactions; None where the pool holds nothing of it."""
        sender = self.senders.get(address)
        return None if sender is None else sender.end

    def best(self) -> Iterator[rules.Transaction]:
        """Pending transactions, best paying first, nonces of a sender in order."""
        return order.best_first(
            self.senders.values(), self.block_rules.base_fee_wei, self.block_rules.blob_base_fee_wei
        )

    def counts(self) -> tuple[int, int]:
        """(pending, queued)."""
        pending = sum(sender.end - sender.nonce for sender in self.senders.values())
        return pending, len(self.by_hash) - pending

    def _meet(self, addresses: Sequence[bytes]) -> None:
        unknown = list(dict.fromkeys(addresses))
        for address, account in zip(unknown, self.accounts(unknown), strict=True):
            self.senders[address] = Sender(account)

    def _drop(self, transaction: rules.Transaction) -> None:
        sender = self.senders.get(transaction.sender)
        if sender is not None:
            sender.take(transaction.nonce)
            self._forget_if_empty(transaction.sender)
        self._unlist(transaction)

    def _unlist(self, transaction: rules.Transaction) -> None:
        if self.by_hash.pop(transaction.hash, None) is not None:
            self.blobs -= transaction.kind == rules.BLOB
            self.local.discard(transaction.hash)
            self.arrived.pop(transaction.hash, None)
            if transaction.kind == rules.SET_CODE:
                for authority in transaction.authorities:
                    self.authorities[authority] -= 1
                    if not self.authorities[authority]:
                        del self.authorities[authority]

    def _forget_if_empty(self, address: bytes) -> None:
        sender = self.senders.get(address)
        if sender is not None and not sender.transactions:
            del self.senders[address]

    def _expire(self) -> None:
        """Those behind a gap do not wait for ever. `arrived` is in order of arrival: look only at its start."""
        horizon = self.clock() - self.limits.lifetime_seconds
        old = []
        for transaction_hash, came in self.arrived.items():
            if came > horizon:
                break
            old.append(transaction_hash)
        for transaction_hash in old:
            transaction = self.by_hash[transaction_hash]
            if transaction_hash not in self.local and transaction.nonce >= self.senders[transaction.sender].end:
                self._drop(transaction)
                self.counters.expired += 1
