"""
A sequencer's data out of what a follower has: the chain, and the batches that L1 holds.

Batches that are on L1 are taken over as they stand there. What else is needed of one is made again when it is: its blobs should
L1 take it back, its proofs' input while it is not verified. Blocks that are in none become batches of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from ethrex_node import _native
from ethrex_node.rollup.recovery import beginning
from ethrex_node.rollup.sequencer import sealed
from ethrex_node.rollup.settlement import batches, contracts
from ethrex_node.rollup.store import Store, Txn
from ethrex_node.rollup.store import batches as stored
from ethrex_node.rollup.store.schema import Batch, Confirmed, Message, SealedBlock, Started

GAS_USED, TIMESTAMP, EXTRA_DATA = 10, 11, 12  # in a header
QUEUE_KIND: Final = 0x7E
BLOCKS_AT_ONCE: Final = 2_000
BATCHES_AT_ONCE: Final = 500
NO_INPUT: Final = bytes(32)  # of a batch whose proofs nobody needs any more, or that are asked for anew


@dataclass(frozen=True, slots=True)
class Source:
    """
    The chain up to `head`; `confirmed` are all batches on L1 from the first on, or behind the one that the data begins with,
    which `begun` is with its last block. None: it begins with the genesis.
    """

    reader: _native.Reader
    head: int
    confirmed: Sequence[Confirmed]
    ends: Callable[[Sequence[SealedBlock]], Sequence[int]]  # of blocks that are in no batch on L1, which end one
    begun: tuple[Started, SealedBlock] | None = None


def fill(store: Store, source: Source) -> None:
    """Write blocks, batches and messages into a fresh store. Takes its time: not for the event loop."""
    marks = {contracts.number_of(one.statement, "lastBlock"): one.number for one in source.confirmed}
    gas = dict.fromkeys((one.number for one in source.confirmed), 0)
    upper = iter(sorted(marks))
    last = next(upper, None)
    left: list[SealedBlock] = []
    part: list[SealedBlock] = []
    if source.begun is not None:
        place, block = source.begun
        store.write_now(lambda txn: beginning.write(txn, place, block))
    for row in blocks(source.reader, source.head, None if source.begun is None else source.begun[0]):
        if last is None:
            left.append(row)
            continue
        gas[marks[last]] += row.gas_used
        ends_here = row.number == last
        part.append(sealed.ended(row) if ends_here else row)
        last = next(upper, None) if ends_here else last
        if len(part) >= BLOCKS_AT_ONCE:
            _put(store, part)
            part = []
    closed = set(source.ends(left))
    _put(store, [*part, *(sealed.ended(row) if row.number in closed else row for row in left)])
    _take_over_batches(store, source, gas)


def blocks(reader: _native.Reader, head: int, begun: Started | None = None) -> Iterator[SealedBlock]:
    """What a sequencer remembers of its blocks, out of the blocks themselves."""
    last, queue_index = (0, 0) if begun is None else (begun.last_block, begun.queue_index)
    for number in range(last + 1, head + 1):
        raw = bytes.fromhex(ask(reader, "debug_getRawBlock", hex(number))[2:])
        header, transactions, *_ = _native.rlp_decode(raw)
        queue_index += sum(isinstance(one, bytes) and one[0] == QUEUE_KIND for one in transactions)
        extra, timestamp = header[EXTRA_DATA], int.from_bytes(header[TIMESTAMP], "big")
        yield SealedBlock(
            number=number,
            hash=_native.keccak256(_native.rlp_encode(header)),
            timestamp=timestamp,
            gas_used=int.from_bytes(header[GAS_USED], "big"),
            data_bytes=0,  # counts for the batch that is open, and none stays so
            transactions=len(transactions),
            queue_index=queue_index,
            l1_base_fee=int.from_bytes(extra[1:9], "big"),
            l1_blob_base_fee=int.from_bytes(extra[9:], "big"),
            sealed_at_ms=timestamp * 1000,
        )


def _put(store: Store, rows: Sequence[SealedBlock]) -> None:
    def change(txn: Txn) -> None:
        for row in rows:
            sealed.put(txn, row)

    store.write_now(change)


def _take_over_batches(store: Store, source: Source, gas: Mapping[int, int]) -> None:
    """As they stand on L1, with the messages that left with them."""
    first = 1 if source.begun is None else source.begun[0].last_block + 1
    found: list[tuple[Batch, list[Message]]] = []
    for one in source.confirmed:
        last = contracts.number_of(one.statement, "lastBlock")
        found.append(as_it_stands(source.reader, one, first, gas[one.number]))
        first = last + 1
    for at in range(0, len(found), BATCHES_AT_ONCE):
        store.write_now(lambda txn, part=found[at : at + BATCHES_AT_ONCE]: _seal(txn, part))  # type: ignore[misc]


def as_it_stands(reader: _native.Reader, one: Confirmed, first: int, gas: int) -> tuple[Batch, list[Message]]:
    """A batch that L1 has, whose blocks are here from `first` on, and the messages that left with it."""
    last = contracts.number_of(one.statement, "lastBlock")
    batch = Batch(
        number=one.number,
        batch_hash=one.batch_hash,
        statement=one.statement,
        program_version=contracts.number_of(one.statement, "programVersion"),
        first_block=first,
        last_block=last,
        gas_used=gas,
        blob_hashes=one.blob_hashes,
        input_hash=NO_INPUT,
        sealed_at_ms=contracts.number_of(one.statement, "lastTimestamp") * 1000,
    )
    return batch, batches.messages_of(_asking(reader), one.number, first, last)


def _seal(txn: Txn, part: Sequence[tuple[Batch, Sequence[Message]]]) -> None:
    for batch, messages in part:
        stored.seal(txn, batch, messages)


def _asking(reader: _native.Reader) -> Callable[..., Any]:
    return lambda method, *params: ask(reader, method, *params)


def ask(reader: _native.Reader, method: str, *params: Any) -> Any:
    answer = reader.answer(orjson.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))
    assert answer is not None, method
    return orjson.loads(answer[1])["result"]
