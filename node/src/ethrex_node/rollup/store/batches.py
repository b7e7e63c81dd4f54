"""Sealed batches and the messages that leave with them, as functions of a transaction."""

from __future__ import annotations

from collections.abc import Sequence

from ethrex_node.rollup.store import schema
from ethrex_node.rollup.store.environment import StoreError, Table, Txn, key
from ethrex_node.rollup.store.schema import Batch, Message


class NotNext(StoreError):
    def __init__(self, expected: int, got: int) -> None:
        super().__init__(f"batch {got} cannot be sealed: the next one is {expected}")
        self.expected, self.got = expected, got


def seal(txn: Txn, batch: Batch, messages: Sequence[Message]) -> None:
    """Add the next batch. The first of all may have any number. Raises `NotNext`."""
    last = newest(txn)
    if last is not None and batch.number != last.number + 1:
        raise NotNext(last.number + 1, batch.number)
    txn.put(schema.BATCHES, key(batch.number), batch)
    for message in messages:
        pointer = schema.MessageId(message.message_id)
        txn.put(schema.MESSAGES, key(message.message_id), message)
        txn.put(schema.MESSAGES_OF_BATCH, key(message.batch, message.index), pointer)
        txn.put(schema.MESSAGES_OF_TRANSACTION, key(message.transaction_hash, message.message_id), pointer)


def find(txn: Txn, number: int) -> Batch | None:
    return txn.get(schema.BATCHES, key(number))


def newest(txn: Txn) -> Batch | None:
    last = txn.last(schema.BATCHES)
    return None if last is None else last[1]


def messages(txn: Txn, batch: int) -> list[Message]:
    """In the order of the leaves of the batch's tree."""
    return _messages(txn, schema.MESSAGES_OF_BATCH, key(batch))


def messages_of_transaction(txn: Txn, transaction_hash: bytes) -> list[Message]:
    """By message id."""
    return _messages(txn, schema.MESSAGES_OF_TRANSACTION, transaction_hash)


def drop_from(txn: Txn, number: int) -> list[Batch]:
    """Unseal this batch and all after it: L1 reverted them, or an item of the queue vanished. Gives what went."""
    dropped = [batch for _, batch in txn.scan(schema.BATCHES, start=key(number))]
    for batch in dropped:
        for message in messages(txn, batch.number):
            txn.delete(schema.MESSAGES, key(message.message_id))
            txn.delete(schema.MESSAGES_OF_BATCH, key(batch.number, message.index))
            txn.delete(schema.MESSAGES_OF_TRANSACTION, key(message.transaction_hash, message.message_id))
        txn.delete(schema.BATCHES, key(batch.number))
    return dropped


def _messages(txn: Txn, table: Table[schema.MessageId], prefix: bytes) -> list[Message]:
    pointers = [pointer for _, pointer in txn.scan(table, prefix=prefix)]
    found = [txn.get(schema.MESSAGES, key(pointer.message_id)) for pointer in pointers]
    return [message for message in found if message is not None]
