"""
eth_* that need the writing process: sending, pooled transactions, filters, subscriptions, sync state.

Reads of the chain are native. Three of them have a second half here, for what is not in the snapshot: a transaction
that is still pooled, and the nonce after the pooled ones.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, Final

import orjson

from ethrex_node.rpc import errors, logs, params, parts, table, wire
from ethrex_node.rpc.node import Node

METHODS = table.Group()

SYNC_SEND_SECONDS: Final = 20.0  # how long eth_sendRawTransactionSync waits when the caller does not say
SYNC_SEND_SHARE: Final = 0.9  # of the time limit of any answer, at most
TRANSACTION_INDEXED_CODE: Final = 4  # EIP-7966: accepted, but no receipt within the time


class NotMined(errors.RpcError):
    """EIP-7966: the transaction is pooled, its receipt did not come in time; data = its hash."""

    default_code = TRANSACTION_INDEXED_CODE

    def __init__(self, transaction_hash: bytes, seconds: float) -> None:
        text = f"The transaction was added to the transaction pool but wasn't processed in {seconds:g}s"
        super().__init__(text, data=params.hex_data(transaction_hash))


async def _send_many(node: Node, calls: Sequence[Sequence[Any]]) -> list[str | errors.RpcError]:
    """All transactions of a batch in one go: signatures are recovered on all cores."""
    results = await node.pool.add([raw for (raw,) in calls])
    return [_sent(result) for result in results]


@METHODS.method("eth_sendRawTransaction", many=_send_many, raises=(errors.Refused,))
async def send_raw_transaction(node: Node, transaction: params.Data) -> str:
    """Pool a signed transaction; gives its hash."""
    (result,) = await node.pool.add([transaction])
    sent = _sent(result)
    if isinstance(sent, errors.RpcError):
        raise sent
    return sent


@METHODS.method("eth_sendRawTransactionSync", raises=(errors.Refused, NotMined))
async def send_raw_transaction_sync(
    node: Node, transaction: params.Data, timeout_ms: params.Quantity | None = None
) -> Any:
    """Pool a signed transaction and wait for its receipt (EIP-7966)."""
    wanted = SYNC_SEND_SECONDS if timeout_ms is None else timeout_ms / 1000
    seconds = min(wanted, SYNC_SEND_SHARE * node.limits.answer_seconds)
    moved = asyncio.Event()
    end = node.heads.watch(lambda _: moved.set())
    try:
        transaction_hash = await send_raw_transaction(node, transaction)
        async with asyncio.timeout(seconds):
            while True:
                moved.clear()
                receipt = await asyncio.to_thread(
                    logs.ask, node.reader, "eth_getTransactionReceipt", [transaction_hash]
                )
                if receipt is not None:
                    return receipt
                await moved.wait()
    except TimeoutError:
        raise NotMined(bytes.fromhex(transaction_hash[2:]), seconds) from None
    finally:
        end()


def _elsewhere(node: Node, method: str, transaction_hash: bytes) -> Coroutine[Any, Any, Any] | None:
    """What the chain that this one forks knows of a transaction."""
    return None if node.upstream is None else node.upstream.ask(method, [params.hex_data(transaction_hash)])


@METHODS.method("eth_getTransactionByHash")
def transaction_by_hash(node: Node, transaction_hash: params.Hash) -> Any:
    """A transaction, mined or pooled."""
    pooled = node.pool.get(transaction_hash)
    if pooled is not None:
        return orjson.Fragment(pooled.json)
    return _elsewhere(node, "eth_getTransactionByHash", transaction_hash)


@METHODS.method("eth_getRawTransactionByHash")
def raw_transaction_by_hash(node: Node, transaction_hash: params.Hash) -> Any:
    """A transaction's bytes, mined or pooled; no bytes where there is none."""
    pooled = node.pool.get(transaction_hash)
    if pooled is not None:
        return params.hex_data(pooled.raw)
    return _elsewhere(node, "eth_getRawTransactionByHash", transaction_hash) or "0x"


@METHODS.method("debug_getRawTransaction")
def debug_raw_transaction(node: Node, transaction_hash: params.Hash) -> Any:
    """A transaction's bytes, mined or pooled; no bytes where there is none."""
    return raw_transaction_by_hash(node, transaction_hash)


@METHODS.method("eth_getTransactionCount")
def transaction_count(node: Node, address: params.Address, block: Any = "latest") -> Any:
    """The nonce of an account; with the tag "pending" the pooled transactions count."""
    nonce = node.pool.next_nonce(address)
    if nonce is not None:
        return hex(nonce)
    return logs.ask(node.reader, "eth_getTransactionCount", [params.hex_data(address), "latest"])


@METHODS.method("eth_pendingTransactions")
def pending_transactions(node: Node) -> list[Any]:
    """All transactions of the pool that can be executed now."""
    pending, _ = node.pool.content()
    return [orjson.Fragment(one.json) for transactions in pending.values() for one in transactions]


@METHODS.method("eth_syncing")
def syncing(node: Node) -> Any:
    """False, or how far the sync is."""
    progress = node.heads.syncing()
    return False if progress is None else dict(progress)


@METHODS.method("eth_newFilter", raises=(errors.Busy,))
def new_filter(node: Node, criteria: logs.Criteria) -> str:
    """A filter of logs; gives its id."""
    return node.filters.new_logs(criteria)


@METHODS.method("eth_newBlockFilter", raises=(errors.Busy,))
def new_block_filter(node: Node) -> str:
    """A filter of new blocks; gives its id."""
    return node.filters.new_blocks()


@METHODS.method("eth_newPendingTransactionFilter", raises=(errors.Busy,))
def new_pending_transaction_filter(node: Node, full: bool | None = None) -> str:
    """A filter of new pending transactions; gives its id."""
    return node.filters.new_transactions(full=bool(full))


@METHODS.method("eth_getFilterChanges", raises=(errors.Refused,))
async def filter_changes(node: Node, filter_id: str) -> list[Any]:
    """What is new since the last poll: block hashes, transactions, or logs (those of a reorg with "removed")."""
    full = node.filters.is_full(filter_id)
    return [_shown(change, full) for change in await node.filters.changes(filter_id)]


@METHODS.method("eth_getFilterLogs", raises=(errors.Refused,))
async def filter_logs(node: Node, filter_id: str) -> Any:
    """All logs that a filter of logs covers."""
    request = wire.call("eth_getLogs", [node.filters.criteria(filter_id).ranged()])
    found = await asyncio.to_thread(node.reader.answer, request)
    if found is None:
        raise errors.Internal
    return wire.result_of(found[1])


@METHODS.method("eth_uninstallFilter")
def uninstall_filter(node: Node, filter_id: str) -> bool:
    """End a filter; false if there is none of that id."""
    return node.filters.uninstall(filter_id)


@METHODS.method("eth_subscribe", session=True, raises=(errors.NotificationsUnsupported, errors.Busy))
def subscribe(node: Node, session: parts.Session, kind: str, option: Any = None) -> str:
    """Push newHeads, logs, newPendingTransactions or syncing on this connection; gives the subscription's id."""
    return node.subscriptions.add(session, kind, option)


@METHODS.method("eth_unsubscribe", session=True, raises=(errors.NotificationsUnsupported, errors.Refused))
def unsubscribe(node: Node, session: parts.Session, subscription_id: str) -> bool:
    """End a subscription of this connection."""
    return node.subscriptions.remove(session, subscription_id)


def _sent(result: bytes | Exception) -> str | errors.RpcError:
    """What the pool said, for the caller. Its reasons were written to be read."""
    if isinstance(result, bytes):
        return params.hex_data(result)
    return result if isinstance(result, errors.RpcError) else errors.Refused(str(result))


def _shown(change: Any, full: bool) -> Any:
    if isinstance(change, bytes):
        return params.hex_data(change)
    if isinstance(change, dict):
        return change
    return orjson.Fragment(change.json) if full else params.hex_data(change.hash)
