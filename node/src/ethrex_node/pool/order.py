"""The order in which a builder wants transactions: what pays most first, nonces of a sender in order."""

import heapq
from collections.abc import Iterable, Iterator

from . import rules
from .sender import Sender


def effective_tip(transaction: rules.Transaction, base_fee_wei: int) -> int:
    """Wei per gas that the fee recipient gets at this base fee; negative: it cannot run now."""
    return min(transaction.max_priority_fee_per_gas, transaction.max_fee_per_gas - base_fee_wei)


def best_first(senders: Iterable[Sender], base_fee_wei: int, blob_base_fee_wei: int) -> Iterator[rules.Transaction]:
    """Merge the senders' runs by the tip of their next transaction. A transaction that cannot pay ends its run."""
    heap: list[tuple[int, int, Sender, int]] = []
    for number, sender in enumerate(senders):
        if sender.end > sender.nonce:
            tip = _tip(sender.transactions[sender.nonce], base_fee_wei, blob_base_fee_wei)
            if tip >= 0:
                heap.append((-tip, number, sender, sender.nonce))
    heapq.heapify(heap)
    while heap:
        _, number, sender, nonce = heap[0]
        yield sender.transactions[nonce]
        nonce += 1
        tip = -1
        if nonce < sender.end:
            tip = _tip(sender.transactions[nonce], base_fee_wei, blob_base_fee_wei)
        if tip >= 0:
            heapq.heapreplace(heap, (-tip, number, sender, nonce))
        else:
            heapq.heappop(heap)


def _tip(transaction: rules.Transaction, base_fee_wei: int, blob_base_fee_wei: int) -> int:
    if transaction.kind == rules.BLOB and transaction.max_fee_per_blob_gas < blob_base_fee_wei:
        return -1
    return effective_tip(transaction, base_fee_wei)
