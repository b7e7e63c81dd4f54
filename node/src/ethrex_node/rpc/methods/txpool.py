"""
txpool_*: what waits for a block. "pending" can be executed now, "queued" waits for a missing nonce.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import orjson

from ethrex_node.rpc import params, parts, table
from ethrex_node.rpc.node import Node

METHODS = table.Group()


@METHODS.method("txpool_status")
def status(node: Node) -> dict[str, str]:
    """How many transactions are pending and queued."""
    pending, queued = node.pool.counts()
    return {"pending": hex(pending), "queued": hex(queued)}


@METHODS.method("txpool_content")
def content(node: Node) -> dict[str, Any]:
    """All pooled transactions, by sender and nonce."""
    pending, queued = node.pool.content()
    return {"pending": _by_sender(node, pending, _whole), "queued": _by_sender(node, queued, _whole)}


@METHODS.method("txpool_contentFrom")
def content_from(node: Node, address: params.Address) -> dict[str, Any]:
    """The pooled transactions of one sender, by nonce."""
    pending, queued = node.pool.content_from(address)
    return {"pending": _by_nonce(pending, _whole), "queued": _by_nonce(queued, _whole)}


@METHODS.method("txpool_inspect")
def inspect(node: Node) -> dict[str, Any]:
    """All pooled transactions in one line each."""
    pending, queued = node.pool.content()
    return {"pending": _by_sender(node, pending, _line), "queued": _by_sender(node, queued, _line)}


Show = Callable[[parts.Pooled], Any]


def checksummed(address: bytes, keccak: Callable[[bytes], bytes]) -> str:
    """An address with the check of EIP-55 in its capitals."""
    digits = address.hex()
    check = keccak(digits.encode()).hex()
    return "0x" + "".join(
        digit.upper() if int(mark, 16) > 7 else digit for digit, mark in zip(digits, check, strict=False)
    )


def _by_sender(node: Node, senders: parts.Senders, show: Show) -> dict[str, Any]:
    return {checksummed(sender, node.keccak): _by_nonce(pooled, show) for sender, pooled in senders.items()}


def _by_nonce(transactions: Sequence[parts.Pooled], show: Show) -> dict[str, Any]:
    return {str(transaction.nonce): show(transaction) for transaction in transactions}


def _whole(transaction: parts.Pooled) -> orjson.Fragment:
    return orjson.Fragment(transaction.json)


def _line(transaction: parts.Pooled) -> str:
    return transaction.summary
