"""Batches follow one another; their messages are found by batch and by transaction, and go with them."""

from __future__ import annotations

import pytest

from ethrex_node.rollup.store import Store, Txn, batches
from ethrex_node.rollup.store.schema import Batch, Message


def batch(number: int) -> Batch:
    return Batch(number, bytes([number]) * 32, b"statement", 1, 10 * number, 10 * number + 9, 5, (), b"i" * 32, 0)


def message(message_id: int, of: int, index: int, transaction: bytes = b"t" * 32) -> Message:
    return Message(message_id, of, index, transaction, b"s" * 20, b"d" * 32, b"l" * 32)


def fill(txn: Txn) -> None:
    batches.seal(txn, batch(5), [message(1, 5, 0), message(2, 5, 1, b"u" * 32)])
    batches.seal(txn, batch(6), [message(3, 6, 0)])
    batches.seal(txn, batch(7), [])


def test_a_batch_and_its_messages_are_found(store: Store) -> None:
    store.write_now(fill)

    with store.read() as txn:
        assert batches.find(txn, 6) == batch(6)
        assert batches.newest(txn) == batch(7)
        assert batches.messages(txn, 5) == [message(1, 5, 0), message(2, 5, 1, b"u" * 32)]
        assert batches.messages_of_transaction(txn, b"t" * 32) == [message(1, 5, 0), message(3, 6, 0)]
        assert batches.messages_of_transaction(txn, b"x" * 32) == []


@pytest.mark.parametrize("number", [4, 7, 9])
def test_only_the_next_batch_is_sealed(store: Store, number: int) -> None:
    store.write_now(fill)

    with pytest.raises(batches.NotNext, match=f"batch {number} cannot be sealed: the next one is 8"):
        store.write_now(lambda txn: batches.seal(txn, batch(number), [message(9, number, 0)]))
    with store.read() as txn:
        assert batches.messages(txn, number) == []


def test_batches_that_are_taken_back_go_with_their_messages(store: Store) -> None:
    store.write_now(fill)

    dropped = store.write_now(lambda txn: batches.drop_from(txn, 6))

    assert [one.number for one in dropped] == [6, 7]
    with store.read() as txn:
        assert batches.newest(txn) == batch(5)
        assert batches.messages_of_transaction(txn, b"t" * 32) == [message(1, 5, 0)]
    store.write_now(lambda txn: batches.seal(txn, batch(6), [message(3, 6, 0)]))
