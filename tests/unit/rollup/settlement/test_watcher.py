"""The queue of L1 comes in once, in order, checked by its hashes, and again where L1 changed its mind."""

from __future__ import annotations

from pathlib import Path

import pytest

from ethrex_node.rollup.l1.client import L1Client
from ethrex_node.rollup.l1.client import Settings as ClientSettings
from ethrex_node.rollup.sequencer import sealed
from ethrex_node.rollup.settlement import contracts
from ethrex_node.rollup.settlement.watcher import Exchange, QueueBroken, Settings, Watcher
from ethrex_node.rollup.store import Store
from ethrex_node.rollup.store.schema import TABLES, QueueItem, SealedBlock
from unit.rollup import l1_process
from unit.rollup.settlement.queues import Queue

FRIEND = b"\x77" * 20


@pytest.fixture
def queue(l1: l1_process.L1) -> Queue:
    return Queue(l1)


@pytest.fixture
def addresses(queue: Queue) -> contracts.Addresses:
    return queue.install()


@pytest.fixture
def watcher(store: Store, asking: L1Client, addresses: contracts.Addresses) -> Watcher:
    return Watcher(store, asking, addresses, Settings(tag="latest", rewind_blocks=4))


def items(store: Store, first: int = 0) -> list[QueueItem]:
    with store.read() as txn:
        return list(sealed.queued_from(txn, first))


async def test_items_come_in_as_l2_will_execute_them(queue: Queue, watcher: Watcher, store: Store) -> None:
    queue.send(FRIEND, 5)
    queue.send(FRIEND, 6)

    assert await watcher.step() == 2

    assert [item.raw for item in items(store)] == queue.items
    assert [item.deadline for item in items(store)] == [9_999, 9_999]
    assert items(store)[1].queue_hash == queue.hash


async def test_nothing_comes_in_twice(queue: Queue, watcher: Watcher, store: Store) -> None:
    queue.send(FRIEND, 5)
    await watcher.step()
    queue.send(FRIEND, 6)

    assert await watcher.step() == 1
    assert await watcher.step() == 0
    assert watcher.length() == 2


async def test_other_rollups_items_are_not_ours(queue: Queue, watcher: Watcher) -> None:
    queue.send(FRIEND, 5, chain_id=999)

    assert await watcher.step() == 0


async def test_items_wait_for_their_depth(
    queue: Queue, addresses: contracts.Addresses, store: Store, asking: L1Client
) -> None:
    deep = Watcher(store, asking, addresses, Settings(tag="latest", depth=2))
    queue.send(FRIEND, 5)
    assert await deep.step() == 0

    queue.l1.mine(2)

    assert await deep.step() == 1


async def test_a_restart_goes_on(
    queue: Queue, addresses: contracts.Addresses, asking: L1Client, tmp_path: Path
) -> None:
    first = Store.open(tmp_path / "rollup", TABLES)
    queue.send(FRIEND, 5)
    await Watcher(first, asking, addresses, Settings(tag="latest")).step()
    first.close()
    again = Store.open(tmp_path / "rollup", TABLES)
    queue.send(FRIEND, 6)

    assert await Watcher(again, asking, addresses, Settings(tag="latest")).step() == 1
    assert [item.index for item in items(again)] == [0, 1]
    again.close()


async def test_an_item_that_was_left_out_is_noticed(queue: Queue, watcher: Watcher, store: Store) -> None:
    queue.send(FRIEND, 5, index=1)

    with pytest.raises(QueueBroken, match="item 1 of the queue and not of the one before it"):
        await watcher.step()
    assert items(store) == []


async def test_an_item_that_was_made_up_is_noticed(queue: Queue, watcher: Watcher, store: Store) -> None:
    queue.send(FRIEND, 5, queue_hash=b"\x01" * 32)

    with pytest.raises(QueueBroken, match="does not lead to the hash that L1 keeps"):
        await watcher.step()
    assert watcher.watched() is None


async def test_after_a_reorg_the_queue_is_read_again(queue: Queue, watcher: Watcher, store: Store) -> None:
    queue.l1.mine(6)
    queue.send(FRIEND, 5)
    snapshot, kept = queue.l1.ask("evm_snapshot"), (queue.length, queue.hash, list(queue.items))
    queue.send(FRIEND, 6)
    await watcher.step()
    queue.l1.ask("evm_revert", snapshot)
    queue.length, queue.hash, queue.items = kept
    queue.send(FRIEND, 7)
    queue.send(FRIEND, 8)

    await watcher.step()

    assert [item.raw for item in items(store)] == queue.items
    assert watcher.rewinds == 1


async def test_an_item_that_a_block_holds_and_l1_exchanged_is_an_alarm(
    queue: Queue, watcher: Watcher, store: Store
) -> None:
    queue.l1.mine(6)
    snapshot = queue.l1.ask("evm_snapshot")
    queue.send(FRIEND, 5)
    await watcher.step()
    block = SealedBlock(1, b"\1" * 32, 7, 1, 1, 1, 1, 1, 1, 1)
    store.write_now(lambda txn: sealed.put(txn, block))
    queue.l1.ask("evm_revert", snapshot)
    queue.length, queue.hash = 0, bytes(32)
    queue.send(FRIEND, 6)

    with pytest.raises(QueueBroken, match="another one than the one that is in a block"):
        await watcher.step()
    assert [item.raw for item in items(store)] != queue.items


async def test_what_blocks_hold_and_l1_exchanged_or_lost_is_told_of_once_its_new_chain_is_as_long(
    queue: Queue, watcher: Watcher, store: Store
) -> None:
    found: list[Exchange] = []

    async def note(exchange: Exchange) -> None:
        found.append(exchange)

    watcher.exchanged = note
    queue.send(FRIEND, 1)
    queue.l1.mine(6)
    snapshot, kept = queue.l1.ask("evm_snapshot"), (queue.length, queue.hash, list(queue.items))
    queue.send(FRIEND, 5)
    queue.send(FRIEND, 6)
    await watcher.step()
    store.write_now(lambda txn: sealed.put(txn, SealedBlock(1, b"\1" * 32, 7, 1, 1, 1, 3, 1, 1, 1)))
    before = items(store)
    queue.l1.ask("evm_revert", snapshot)
    queue.length, queue.hash, queue.items = kept

    await watcher.step()
    assert found == []  # it may come again
    queue.l1.mine(2)
    await watcher.step()
    await watcher.step()

    assert [(one.index, [item.index for item in one.items]) for one in found] == [(1, []), (1, [])]
    assert (items(store), watcher.rewinds) == (before, 1)
    queue.send(FRIEND, 9)
    await watcher.step()
    assert [item.raw for item in found[-1].items] == queue.items[1:]


async def test_an_item_that_comes_again_as_it_was_is_no_exchange(queue: Queue, watcher: Watcher, store: Store) -> None:
    queue.l1.mine(6)
    snapshot = queue.l1.ask("evm_snapshot")
    queue.send(FRIEND, 5)
    await watcher.step()
    store.write_now(lambda txn: sealed.put(txn, SealedBlock(1, b"\1" * 32, 7, 1, 1, 1, 1, 1, 1, 1)))
    before = items(store)
    queue.l1.ask("evm_revert", snapshot)
    queue.length, queue.hash = 0, bytes(32)
    queue.l1.mine()
    queue.send(FRIEND, 5)

    assert await watcher.step() == 1

    assert [item.raw for item in items(store)] == [item.raw for item in before]
    assert items(store)[0].l1_block == before[0].l1_block + 1


async def test_a_reorg_deeper_than_the_setting_is_found_where_it_is_not_final(
    queue: Queue, addresses: contracts.Addresses, store: Store, l1: l1_process.L1
) -> None:
    client = await L1Client.open(ClientSettings(urls=(l1.url,), final_depth=30))
    shallow = Watcher(store, client, addresses, Settings(tag="latest", rewind_blocks=1))
    snapshot = queue.l1.ask("evm_snapshot")
    queue.send(FRIEND, 5)
    queue.l1.mine(10)
    await shallow.step()
    queue.l1.ask("evm_revert", snapshot)
    queue.length, queue.hash, queue.items = 0, bytes(32), []
    queue.send(FRIEND, 6)
    queue.l1.mine(10)

    await shallow.step()

    assert [item.raw for item in items(store)] == queue.items
    await client.close()
