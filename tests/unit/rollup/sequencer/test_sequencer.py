"""A sequencer seals what users and L1 sent, ends batches, and goes on after a restart as if there had been none."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import orjson
import pytest

from ethrex_node import _native
from ethrex_node.chain import HeadChange
from ethrex_node.rollup.sequencer import Limits, Settings, sealed
from ethrex_node.rollup.store.schema import SealedBlock
from unit.rollup.rollups import COUNTER, USER
from unit.rollup.sequencer.sequencers import Running

FRIEND = b"\x77" * 20
SAFE = b'{"jsonrpc":"2.0","id":1,"method":"eth_getBlockByNumber","params":["safe",false]}'


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    opened = Running(tmp_path).open()
    yield opened
    opened.close()


def balance(running: Running, address: bytes) -> int:
    return running.native.accounts([address])[0][1]


async def test_a_deposit_and_a_transfer_are_sealed(running: Running) -> None:
    await running.sequencer.start()
    running.queue(running.user.item(FRIEND, 5))
    running.admit(running.user.send(FRIEND, 7))

    block = await running.sequencer.step()

    assert block is not None
    assert (block.number, block.transactions, block.queue_index) == (1, 2, 1)
    assert balance(running, FRIEND) == 12
    assert running.pool.counts() == (0, 0)


async def test_an_item_is_taken_once(running: Running) -> None:
    await running.sequencer.start()
    running.queue(running.user.item(FRIEND, 5))
    await running.sequencer.step()

    await running.sequencer.step()

    assert balance(running, FRIEND) == 5


async def test_items_behind_a_gap_wait(running: Running) -> None:
    await running.sequencer.start()
    first, second = running.user.item(FRIEND, 5), running.user.item(FRIEND, 6)
    running.queue(second)
    await running.sequencer.step()
    assert balance(running, FRIEND) == 0

    running.queue(first)
    await running.sequencer.step()

    assert balance(running, FRIEND) == 11


async def test_batches_that_end_are_told_and_proven(running: Running) -> None:
    ends: list[SealedBlock] = []
    running.sequencer.listeners.append(ends.append)
    await running.sequencer.start()
    for _ in range(3):
        running.admit(running.user.send(COUNTER))
        await running.sequencer.step()
        running.seconds += 25.0
    running.prices = (1, 1)

    await running.sequencer.step()

    assert [end.number for end in ends] == [3]
    previous = running.user.previous or _native.genesis_batch(
        running.user.genesis, l1_chain_id=1, proposer=bytes(20), salt=bytes(32)
    )
    made = running.native.reader().batch(1, 3, previous, 1)
    assert _native.execute_batch(made.input) == made.encoded
    assert running.sequencer.open.prices == (1, 1)
    assert running.sequencer.ended == {"time": 1}


async def test_all_blocks_of_a_batch_name_one_price_however_l1_s_moves(running: Running) -> None:
    await running.sequencer.start()
    first = await running.sequencer.step()
    running.prices = (5, 6)

    second = await running.sequencer.step()

    assert first is not None
    assert second is not None
    assert (second.l1_base_fee, second.l1_blob_base_fee) == (first.l1_base_fee, first.l1_blob_base_fee)


async def test_a_restart_goes_on_where_the_last_run_stopped(tmp_path: Path) -> None:
    running = Running(tmp_path).open()
    await running.sequencer.start()
    running.queue(running.user.item(FRIEND, 5))
    await running.sequencer.step()
    await running.sequencer.end_batch()
    await running.sequencer.step()
    before = running.sequencer.open
    running.close()

    again = Running(tmp_path).open()
    await again.sequencer.start()

    assert again.sequencer.open == before
    assert again.sequencer.queue_index == 1
    block = await again.sequencer.step()
    assert block is not None
    assert block.number == 3
    again.close()


async def test_a_row_without_its_block_is_forgotten(running: Running) -> None:
    await running.sequencer.start()
    block = await running.sequencer.step()
    assert block is not None
    lost = SealedBlock(2, b"\7" * 32, 1_000, 1, 1, 1, 9, 1, 1, 1)
    running.store.write_now(lambda txn: sealed.put(txn, lost))

    await running.sequencer.start()

    assert running.sequencer.queue_index == 0
    with running.store.read() as txn:
        assert [row.number for row in sealed.since_last_end(txn, 2)] == []
        assert [row.number for row in sealed.since_last_end(txn, 1)] == [1]


async def test_the_data_of_another_chain_is_refused(running: Running) -> None:
    await running.sequencer.start()
    await running.sequencer.step()
    other = SealedBlock(1, b"\7" * 32, 1_000, 1, 1, 1, 9, 1, 1, 1)
    running.store.write_now(lambda txn: sealed.put(txn, other))

    with pytest.raises(sealed.Inconsistent, match="block 1 is 0x"):
        await running.sequencer.start()


async def test_under_pressure_nothing_is_sealed(running: Running) -> None:
    await running.sequencer.start()
    running.sequencer.pressure = lambda: "proofs are behind"

    assert await running.sequencer.step() is None
    assert running.chain.head.number == 0


async def test_an_eleventh_block_waits_for_the_next_second(running: Running) -> None:
    await running.sequencer.start()
    for _ in range(10):
        assert await running.sequencer.step() is not None

    with pytest.raises(_native.NativeError, match="ten blocks have this timestamp"):
        await running.sequencer.step()

    running.seconds += 1
    assert await running.sequencer.step() is not None


async def test_a_block_takes_no_more_data_than_the_batch_has_room(tmp_path: Path) -> None:
    settings = Settings(limits=Limits(blobs=1, least_room_bytes=50_000))
    running = Running(tmp_path, settings=settings).open()
    await running.sequencer.start()
    # Leaves 20,000 bytes of code each time: six fit into a blob's worth, a seventh does not.
    deploy = bytes.fromhex("614e20600d6000396" + "14e206000f3") + bytes(20_000)
    for _ in range(7):
        running.admit(running.user.send(None, data=deploy, gas=6_000_000))

    first = await running.sequencer.step()
    await running.sequencer.step()

    assert first is not None
    assert first.transactions < 7
    assert first.data_bytes <= settings.limits.data_bytes
    assert running.sequencer.ended == {"data": 1}
    made = running.native.reader().batch(
        1, 1, _native.genesis_batch(running.user.genesis, l1_chain_id=1, proposer=bytes(20), salt=bytes(32)), 1
    )
    assert made.diff_bytes <= first.data_bytes + 2_048
    running.close()


async def test_heads_that_are_named_while_a_block_is_sealed_take_none_back(running: Running) -> None:
    await running.sequencer.start()
    first = await running.sequencer.step()
    assert first is not None
    running.admit(running.user.send(FRIEND, 7))
    told: list[tuple[bytes, ...]] = []
    running.chain.listeners.append(lambda change: told.append(change.reverted))
    set_head = running.chain.set_head

    async def named_meanwhile(*given: bytes) -> HeadChange:
        moved, _ = await asyncio.gather(set_head(*given), running.chain.name(first.hash, first.hash))
        return moved

    running.chain.set_head = named_meanwhile  # type: ignore[assignment,method-assign]
    second = await running.sequencer.step()
    del running.chain.set_head

    assert second is not None
    assert (running.native.head().hash, running.chain.head.hash) == (second.hash, second.hash)
    assert told == [()]
    assert balance(running, FRIEND) == 7
    reader = running.native.reader()
    safe = orjson.loads((reader.answer(SAFE) or (0, b""))[1])["result"]
    assert safe["hash"] == "0x" + first.hash.hex()


def test_blocks_faster_than_the_header_allows_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 10 share a second"):
        Settings(block_seconds=0.05)


def test_the_user_has_money(running: Running) -> None:
    assert balance(running, USER) > 0


DRAIN_ITEMS = 10  # of a deployment's plan: what a batch has to take of a queue that is overdue, if it does not take all


@pytest.mark.timeout(300)
async def test_ten_thousand_overdue_items_drain_while_users_go_on(running: Running) -> None:
    ends: list[SealedBlock] = []
    running.sequencer.listeners.append(ends.append)
    await running.sequencer.start()
    running.queue(*(running.user.item(FRIEND, 1) for _ in range(10_000)))
    sent = 0
    while running.sequencer.queue_index < 10_000:
        if sent < 20:
            running.admit(running.user.send(COUNTER))
            sent += 1
        assert await running.sequencer.step() is not None
        running.seconds += 5.0
    await running.sequencer.end_batch()

    taken = [end.queue_index for end in ends]
    assert all(after - before >= DRAIN_ITEMS for before, after in pairwise([0, *taken]))
    assert taken[-1] == 10_000
    assert balance(running, FRIEND) == 10_000
    assert running.pool.counts() == (0, 0)
    previous = _native.genesis_batch(running.user.genesis, l1_chain_id=1, proposer=bytes(20), salt=bytes(32))
    first = 1
    for end in ends:
        made = running.native.reader().batch(first, end.number, previous, 1, None)
        assert _native.batch_hash(_native.execute_batch(made.input)) == made.hash
        previous, first = made.encoded, end.number + 1
