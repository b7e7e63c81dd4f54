"""
What a sponsor's account has paid for by the chain alone: a sequencer that takes over has its blocks and not the ledger of the
one before.

All that the account sent without value counts, more than was sponsored if somebody used it by hand: limits are there to bound a
bill. What was promised and is in no block is not there any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ethrex_node.rollup.sponsor import ledger
from ethrex_node.rollup.sponsor.policy import DAY_SECONDS
from ethrex_node.rollup.sponsor.request import read_authorization
from ethrex_node.rollup.store import Txn
from ethrex_node.rollup.store.schema import Sponsored
from ethrex_node.rpc import errors

Ask = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Paid:
    row: Sponsored
    wei: int


def payments(ask: Ask, sponsor: bytes, targets: frozenset[bytes], blocks: range, chain_id: int) -> Iterator[Paid]:
    """Newest first, until the account's first. `blocks` are those that are here. `ask`: a method of the RPC."""
    address = "0x" + sponsor.hex()
    left = int(ask("eth_getTransactionCount", address, hex(blocks.stop - 1)), 16)
    for number in reversed(blocks):
        if not left:
            return
        block = ask("eth_getBlockByNumber", hex(number), True)
        for one in (each for each in block["transactions"] if each["from"] == address):
            left = min(left, int(one["nonce"], 16))
            if one["to"] is not None and not int(one["value"], 16):
                yield _paid(ask, one, targets, int(block["timestamp"], 16), chain_id)


def _paid(ask: Ask, one: Mapping[str, Any], targets: frozenset[bytes], timestamp: int, chain_id: int) -> Paid:
    receipt = ask("eth_getTransactionReceipt", one["hash"])
    wei = int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16)
    to = bytes.fromhex(one["to"][2:])
    signed = (_authority(each, chain_id) for each in one.get("authorizationList") or ())
    accounts = tuple(dict.fromkeys((*(() if to in targets else (to,)), *(each for each in signed if each is not None))))
    known = bytes.fromhex(one["hash"][2:])
    return Paid(Sponsored(int(one["nonce"], 16), known, b"", accounts, timestamp // DAY_SECONDS, wei), wei)


def _authority(given: Any, chain_id: int) -> bytes | None:
    """None: a transaction that was not sponsored may hold one that is nobody's."""
    try:
        return read_authorization(given, 0, chain_id).authority
    except errors.InvalidParams:
        return None


def count(txn: Txn, paid: Iterator[Paid], today: int) -> int:
    """In a fresh ledger; gives how many there were."""
    counted = 0
    for one in paid:
        ledger.promise(txn, one.row)
        ledger.settle(txn, one.row, one.wei)
        counted += 1
    ledger.forget_before(txn, today)
    return counted
