"""
What the sponsor has promised and paid, on disk: functions of a transaction of the store.

A transaction counts with the most that it may cost from before it is sent until it is in a block, then with what it did
cost; one that can never be in a block counts no more. So a crash at any point leaves the limits as they were.
"""

from __future__ import annotations

from typing import Final

from ethrex_node.rollup.sponsor.policy import Scope, Used, scopes_of
from ethrex_node.rollup.store import Txn, schema
from ethrex_node.rollup.store.environment import key
from ethrex_node.rollup.store.schema import Replacement, Sponsored, SponsorUse

REPLACED_DAYS: Final = 7  # so long it is told what stands for a transaction


def used(txn: Txn, scope: Scope) -> Used:
    row = txn.get(schema.SPONSOR_USED, _key(scope))
    return Used() if row is None else Used(row.transactions, row.wei)


def used_without(txn: Txn, scope: Scope, row: Sponsored) -> Used:
    """As if this one had not been promised."""
    counted = used(txn, scope)
    if scope not in scopes_of(row.accounts, row.day):
        return counted
    return Used(max(0, counted.transactions - 1), max(0, counted.wei - row.most_wei))


def pending(txn: Txn) -> list[Sponsored]:
    """Those that are in no block yet, by nonce."""
    return [row for _, row in txn.scan(schema.SPONSORED)]


def promise(txn: Txn, row: Sponsored) -> None:
    """Before it is sent."""
    txn.put(schema.SPONSORED, key(row.nonce), row)
    _add(txn, row, 1, row.most_wei)


def settle(txn: Txn, row: Sponsored, paid_wei: int | None) -> None:
    """It is in a block and did cost this. None: it can be in none."""
    txn.delete(schema.SPONSORED, key(row.nonce))
    if paid_wei is None:
        _add(txn, row, -1, -row.most_wei)
    else:
        _add(txn, row, 0, paid_wei - row.most_wei)


def replace(txn: Txn, row: Sponsored, better: Sponsored) -> None:
    """Before `better` is sent, with the nonce of `row`: only one of them is ever in a block."""
    settle(txn, row, None)
    promise(txn, better)
    txn.put(schema.SPONSOR_REPLACED, row.hash, Replacement(better.hash, better.day))


def successors(txn: Txn, transaction_hash: bytes) -> list[bytes]:
    """What replaced a transaction, and what replaced that, oldest first."""
    found: list[bytes] = []
    while (row := txn.get(schema.SPONSOR_REPLACED, found[-1] if found else transaction_hash)) is not None:
        found.append(row.hash)
    return found


def forget_before(txn: Txn, day: int) -> None:
    """Days that are over bound nothing any more."""
    for at, gone in list(txn.scan(schema.SPONSOR_REPLACED)):
        if gone.day < day - REPLACED_DAYS:
            txn.delete(schema.SPONSOR_REPLACED, at)
    for name in ("account", "day"):
        for at, row in list(txn.scan(schema.SPONSOR_USED, prefix=name.encode())):
            if row.day >= day:
                break
            txn.delete(schema.SPONSOR_USED, at)


def _add(txn: Txn, row: Sponsored, transactions: int, wei: int) -> None:
    for scope in scopes_of(row.accounts, row.day):
        before = used(txn, scope)
        if scope.day is not None and not before.transactions and transactions <= 0:
            continue  # its day is over and forgotten
        now = SponsorUse(scope.day or 0, before.transactions + transactions, before.wei + wei)
        txn.put(schema.SPONSOR_USED, _key(scope), now)


def _key(scope: Scope) -> bytes:
    return key(scope.name, scope.day or 0, scope.address)
