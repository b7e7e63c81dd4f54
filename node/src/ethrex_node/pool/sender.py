"""The transactions of one sender, by nonce, and where their unbroken run ends."""

from collections.abc import Iterator

from . import rules


class Sender:
    """Lives while the pool holds a transaction of it.

    `nonce` is the account's; transactions `nonce .. end - 1` can run one after the other (pending),
    those above `end` wait behind a gap (queued). `cost_wei` is what all of them may cost together.
    """

    __slots__ = ("account", "cost_wei", "end", "nonce", "transactions")

    def __init__(self, account: rules.Account) -> None:
        self.account = account
        self.nonce = account.nonce
        self.end = account.nonce
        self.cost_wei = 0
        self.transactions: dict[int, rules.Transaction] = {}

    def put(self, transaction: rules.Transaction) -> None:
        transactions = self.transactions
        transactions[transaction.nonce] = transaction
        self.cost_wei += transaction.cost
        end = self.end
        while end in transactions:
            end += 1
        self.end = end

    def take(self, nonce: int) -> rules.Transaction | None:
        transaction = self.transactions.pop(nonce, None)
        if transaction is not None:
            self.cost_wei -= transaction.cost
            self.end = min(self.end, nonce)
        return transaction

    def advance(self, account: rules.Account) -> list[rules.Transaction]:
        """Follow the account; gives back the transactions whose nonce is used."""
        used = [t for nonce, t in self.transactions.items() if nonce < account.nonce]
        for transaction in used:
            del self.transactions[transaction.nonce]
            self.cost_wei -= transaction.cost
        self.account, self.nonce = account, account.nonce
        end = account.nonce
        while end in self.transactions:
            end += 1
        self.end = end
        return used

    def queued(self) -> int:
        return len(self.transactions) - (self.end - self.nonce)

    def pending(self) -> Iterator[rules.Transaction]:
        for nonce in range(self.nonce, self.end):
            yield self.transactions[nonce]

    def waiting(self) -> Iterator[rules.Transaction]:
        """Those behind a gap, by nonce."""
        for nonce in sorted(self.transactions):
            if nonce >= self.end:
                yield self.transactions[nonce]

    def last(self) -> rules.Transaction:
        """The one with the highest nonce: the first to go when room is needed, since nothing depends on it."""
        return self.transactions[max(self.transactions)]
