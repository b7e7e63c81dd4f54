"""
What is paid for. Pure.

The account of a sponsored transaction is the one that its user stands behind: whoever signed an authorization, and a
delegated account that is called. A plain contract among the targets stands for no user, so its callers share the limits
of the day and of all time. Accounts cost nothing to make: the limits of the day are what bounds the bill.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from ethrex_node.rollup.sponsor import errors
from ethrex_node.rollup.sponsor.request import Request

DAY_SECONDS: Final = 86_400
DELEGATION: Final = b"\xef\x01\x00"  # EIP-7702: before the delegate's address
TRANSACTIONS: Final = "transactions"
WEI: Final = "wei"


@dataclass(frozen=True, slots=True)
class Budget:
    """None: without a limit."""

    transactions: int | None = None
    wei: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """`account` is for one account a day, `day` for all accounts a day (UTC), `total` for good."""

    targets: frozenset[bytes] = frozenset()
    delegates: frozenset[bytes] = frozenset()
    gas_limit: int = 500_000
    account: Budget = field(default_factory=Budget)
    day: Budget = field(default_factory=Budget)
    total: Budget = field(default_factory=Budget)


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a transaction counts. `address` with an account's, `day` with all but the total."""

    name: str
    day: int | None = None
    address: bytes = b""

    @property
    def ends_at(self) -> int | None:
        return None if self.day is None else (self.day + 1) * DAY_SECONDS


@dataclass(frozen=True, slots=True)
class Used:
    transactions: int = 0
    wei: int = 0


def delegate_of(code: bytes) -> bytes | None:
    """Where an account with this code is delegated to."""
    return code[len(DELEGATION) :] if code.startswith(DELEGATION) and len(code) == 23 else None


def accounts_of(request: Request, code: bytes, policy: Policy) -> tuple[bytes, ...]:
    """The accounts that a transaction is for; `code` is that of its target. Raises `NotSponsored`."""
    for one in request.authorizations:
        if one.delegate not in policy.delegates:
            raise errors.NotSponsored(f"delegation to 0x{one.delegate.hex()} is not sponsored")
    signers = {one.authority: one.delegate for one in request.authorizations}
    if request.to in policy.targets:
        return tuple(signers)
    if signers.get(request.to, delegate_of(code)) not in policy.delegates:
        raise errors.NotSponsored(
            f"0x{request.to.hex()} is no sponsored target, and not delegated to a contract that is sponsored"
        )
    return tuple(dict.fromkeys((request.to, *signers)))


def scopes_of(accounts: tuple[bytes, ...], day: int) -> tuple[Scope, ...]:
    return (*(Scope("account", day, one) for one in accounts), Scope("day", day), Scope("all"))


def check(policy: Policy, scopes: tuple[Scope, ...], used: Callable[[Scope], Used], wei: int) -> None:
    """Whether one more transaction that costs `wei` at most is within every limit. Raises `LimitReached`."""
    budgets = {"account": policy.account, "day": policy.day, "all": policy.total}
    for scope in scopes:
        for what, limit, before, wanted in _limits(budgets[scope.name], used(scope), wei):
            if limit is not None and before + wanted > limit:
                raise errors.LimitReached(scope.name, what, limit, before, wanted, scope.ends_at)


def _limits(budget: Budget, used: Used, wei: int) -> Iterator[tuple[str, int | None, int, int]]:
    yield TRANSACTIONS, budget.transactions, used.transactions, 1
    yield WEI, budget.wei, used.wei, wei
