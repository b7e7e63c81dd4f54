"""
What the sponsor has promised and paid, on disk: functions of a transaction of the store.

A transaction counts with the most that it may cost from before it is sent until it is in a block, then with what it did
cost; one that can never be in a block counts no more. So a crash at any point leaves the limits as they were.
"""

from __future__ import annotations

from ethrex_node.rollup.sponsor.policy import Scope, Used, scopes_of
from ethrex_node.rollup.store import Txn, schema
from ethrex_node.rollup.store.environment import key
from ethrex_node.rollup.store.schema import Sponsored, SponsorUse


def used(txn: Txn, scope: Scope) -> Used:
    row = txn.get(schema.SPONSOR_USED, _key(scope))
    return Used() if row is None else Used(row.transactions, row.wei)


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


def forget_before(txn: Txn, day: int) -> None:
    """Days that are over bound nothing any more."""
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
