"""Blocks that L1 made void are sealed again: the same users' transactions in order, without what L1 took back."""

from __future__ import annotations

import gc
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account as Signer

from ethrex_node import _native
from ethrex_node.rollup.sequencer import again, sealed
from ethrex_node.rollup.store.schema import SealedBlock
from unit.rollup.rollups import CHAIN_ID, COUNTER, GWEI, USER, Rollup
from unit.rollup.sequencer.sequencers import Running

FRIEND = b"\x77" * 20
ETHER = 10**18
GUEST_KEY = b"\x21" * 32  # has what the queue brings
GUEST = bytes.fromhex(Signer.from_key(GUEST_KEY).address[2:])


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    opened = Running(tmp_path).open()
    yield opened
    opened.close()


def balance(running: Running, address: bytes) -> int:
    return running.native.accounts([address])[0][1]


def guest_pays(nonce: int, tip: int = 2) -> _native.Transaction:
    fields: dict[str, Any] = {
        "chainId": CHAIN_ID, "nonce": nonce, "gas": 100_000, "maxFeePerGas": 50 * GWEI, "maxPriorityFeePerGas": tip * GWEI,
        "to": FRIEND, "value": 1,
    }  # fmt: skip
    (admitted,) = _native.admit_transactions([bytes(Signer.sign_transaction(fields, GUEST_KEY).raw_transaction)])
    assert not isinstance(admitted, str)
    return admitted


def users_of(running: Running, first: int, last: int) -> list[bytes]:
    """Hashes of users' transactions on the chain, in order."""
    blocks = [running.native.canonical_hash(number) for number in range(first, last + 1)]
    return [one.hash for block in blocks if block for one in running.native.pooled_transactions(block)]


async def three_blocks(running: Running) -> list[bytes]:
    """An item in each; the user in each, the guest in the last two, with the money of item 1. Gives users' hashes."""
    await running.sequencer.start()
    sent = []
    for number in range(3):
        running.queue(running.user.item(GUEST, ETHER))
        ours = [running.user.send(COUNTER), running.user.send(FRIEND, 5)]
        ours += [guest_pays(number - 1)] if number else []
        for one in ours:
            running.admit(one)
        sent.append(await running.sequencer.step())
        if number == 1:
            await running.sequencer.end_batch()
        running.seconds += 1
    assert all(row is not None and row.transactions >= 3 for row in sent)
    return users_of(running, 1, 3)


def item(index: int, to: bytes, value: int) -> bytes:
    made = Rollup.__new__(Rollup)
    made.queue = index
    return made.item(to, value)


async def test_what_an_exchanged_item_does_not_touch_stays_in_order(running: Running) -> None:
    before = await three_blocks(running)
    first, second = (running.native.canonical_hash(number) for number in (1, 2))

    await running.sequencer.take_back(running.exchange(1, item(1, GUEST, 7 * ETHER), item(2, FRIEND, 3)))
    assert running.chain.head.number == 1
    await running.sequencer.step()

    assert users_of(running, 1, running.chain.head.number) == before
    assert running.native.canonical_hash(1) == first
    assert running.native.canonical_hash(2) != second
    assert balance(running, FRIEND) == 3 * 5 + 2 + 3
    assert balance(running, GUEST) > 7 * ETHER
    assert (running.sequencer.queue_index, running.sequencer.dropped) == (3, 0)
    assert (running.reorg().is_done, running.reorg().dropped) == (True, ())


async def test_time_prices_and_ends_of_batches_stay(running: Running) -> None:
    await three_blocks(running)
    with running.store.read() as txn:
        before = [sealed.at(txn, number, running.native.canonical_hash(number) or b"") for number in (1, 2, 3)]
    running.seconds += 20
    running.prices = (1, 1)

    await running.sequencer.take_back(running.exchange(0, item(0, FRIEND, 1)))
    await running.sequencer.step()

    with running.store.read() as txn:
        after = [sealed.at(txn, number, running.native.canonical_hash(number) or b"") for number in (1, 2, 3)]
    kept = [facts(row) for row in before]
    assert [facts(row) for row in after] == kept
    assert [row.ends_batch for row in after if row] == [False, True, False]


def facts(row: SealedBlock | None) -> tuple[int, ...]:
    assert row is not None
    return row.timestamp, row.l1_base_fee, row.l1_blob_base_fee, row.sealed_at_ms, row.ends_batch


async def test_only_what_lived_of_the_missing_item_is_dropped_and_that_is_told(running: Running) -> None:
    before = await three_blocks(running)
    of_guest = [guest_pays(0).hash, guest_pays(1).hash]
    assert set(of_guest) <= set(before)

    await running.sequencer.take_back(running.exchange(0))  # all of the queue is gone
    await running.sequencer.step()

    assert users_of(running, 1, running.chain.head.number) == [one for one in before if one not in of_guest]
    assert list(running.reorg().dropped) == of_guest
    assert running.sequencer.dropped == 2
    assert (balance(running, GUEST), running.sequencer.queue_index) == (0, 0)
    running.queue(item(0, GUEST, ETHER))
    await running.sequencer.step()
    assert balance(running, GUEST) == ETHER


async def test_the_chain_can_be_proven_again(running: Running) -> None:
    await three_blocks(running)
    await running.sequencer.take_back(running.exchange(1, item(1, FRIEND, 1)))
    await running.sequencer.step()

    previous = _native.genesis_batch(running.user.genesis, l1_chain_id=1, proposer=bytes(20), salt=bytes(32))
    made = running.native.reader().batch(1, 2, previous, 1)

    assert _native.execute_batch(made.input) == made.encoded


async def crashed(running: Running, stage: str, items: Sequence[bytes] | None = None) -> None:
    """
    The run ends at a point of what it does after L1's queue has become `items` (another first one, where nothing is said);
    nothing of its memory is there for the next one.
    """
    items = [item(0, FRIEND, 1)] if items is None else items
    chain = running.chain
    real = chain.set_head

    async def dies(*_: Any) -> Any:
        raise Killed

    if stage == "before the chain goes back":
        chain.set_head = dies  # type: ignore[method-assign, assignment]
        with pytest.raises(Killed):
            await running.sequencer.take_back(running.exchange(0, *items))
        del chain.set_head
        return
    await running.sequencer.take_back(running.exchange(0, *items))
    blocks = {"before the first block": 0, "after a block": 1, "after the block that ends a batch": 2, "after all": 3}[
        stage
    ]

    async def some(head: bytes, *more: bytes) -> Any:
        nonlocal blocks
        if blocks == 0:
            raise Killed
        blocks -= 1
        return await real(head, *more)

    chain.set_head = some  # type: ignore[method-assign, assignment]
    if stage == "after all":
        running.store.write = dies_after(running.store.write, 4)  # type: ignore[method-assign, assignment]
    with pytest.raises(Killed):
        await running.sequencer.step()
    del chain.set_head


def dies_after(real: Callable[..., Awaitable[Any]], times: int) -> Callable[..., Awaitable[Any]]:
    async def some(change: Any) -> Any:
        nonlocal times
        if times == 0:
            raise Killed
        times -= 1
        return await real(change)

    return some


class Killed(Exception):
    pass


@pytest.mark.parametrize(
    "stage",
    [
        *("before the chain goes back", "before the first block", "after a block"),
        *("after the block that ends a batch", "after all"),
    ],
)
async def test_a_kill_at_any_point_changes_nothing_of_what_comes_out(tmp_path: Path, stage: str) -> None:
    wanted = Running(tmp_path / "wanted").open()
    before = await three_blocks(wanted)
    await wanted.sequencer.take_back(wanted.exchange(0, item(0, FRIEND, 1)))
    await wanted.sequencer.step()
    expected = [wanted.native.canonical_hash(number) for number in range(1, 4)]
    wanted.close()
    running = Running(tmp_path / "killed").open()
    await three_blocks(running)

    await crashed(running, stage)
    running.close()
    gc.collect()  # what raised holds the chain's folder
    next_run = Running(tmp_path / "killed", seconds=wanted.seconds).open()
    await next_run.sequencer.start()
    await next_run.sequencer.step()

    assert [next_run.native.canonical_hash(number) for number in range(1, 4)] == expected
    of_guest = {guest_pays(0).hash, guest_pays(1).hash}
    assert users_of(next_run, 1, 3) == [one for one in before if one not in of_guest]
    with next_run.store.read() as txn:
        assert sealed.taken_back(txn) == {}
        ends = [row.number for row in sealed.ends_after(txn, 0)]
    assert ends == [2]
    assert set(next_run.reorg().dropped) == of_guest
    next_run.close()


async def test_a_second_reorg_while_blocks_are_sealed_again_loses_nothing(running: Running) -> None:
    before = await three_blocks(running)
    await crashed(running, "after a block")
    await running.sequencer.start()

    await running.sequencer.take_back(running.exchange(0, *(item(at, GUEST, ETHER) for at in range(3))))
    await running.sequencer.step()

    assert users_of(running, 1, running.chain.head.number) == before
    assert running.reorg().dropped == ()


async def test_a_block_whose_item_was_exchanged_while_it_was_made_is_made_again(running: Running) -> None:
    await running.sequencer.start()
    running.queue(running.user.item(FRIEND, 5))
    build = running.sequencer._build

    def exchanged_meanwhile(*given: Any, **more: Any) -> Any:
        built = build(*given, **more)
        running.queue(item(0, FRIEND, 9))
        return built

    running.sequencer._build = exchanged_meanwhile  # type: ignore[method-assign]
    with pytest.raises(sealed.ItemGone, match="item 0"):
        await running.sequencer.step()
    del running.sequencer._build
    await running.sequencer.step()

    assert balance(running, FRIEND) == 9


async def test_none_overtakes_one_for_which_the_new_items_leave_no_room(running: Running) -> None:
    await running.sequencer.start()
    burner = _native.keccak256(_native.rlp_encode([USER, b""]))[12:]
    running.admit(running.user.send(None, data=bytes.fromhex("60fe5f5360015ff3")))  # its code is 0xfe
    running.admit(running.user.send(GUEST, ETHER))
    await running.sequencer.step()
    running.queue(running.user.item(FRIEND, 1))
    for _ in range(2):
        running.admit(running.user.send(burner, gas=14_000_000))
    running.admit(guest_pays(0, tip=1))
    await running.sequencer.step()
    before = users_of(running, 2, 2)
    assert [len(before), before[-1]] == [3, guest_pays(0, tip=1).hash]

    await running.sequencer.take_back(running.exchange(0, *(item(at, burner, 0) for at in range(20))))
    await running.sequencer.step()

    assert users_of(running, 2, running.chain.head.number) == before
    assert len(users_of(running, 2, 2)) < 3
    assert running.reorg().dropped == ()


async def test_what_waits_for_a_later_block_is_not_lost_by_a_kill(tmp_path: Path) -> None:
    running = Running(tmp_path).open()
    before = await three_blocks(running)
    await crashed(running, "after the block that ends a batch", [])
    running.close()
    gc.collect()
    next_run = Running(tmp_path, seconds=1_003.0).open()
    next_run.queue(item(0, GUEST, ETHER))  # L1 has the deposit again, in time for the third block

    await next_run.sequencer.start()
    await next_run.sequencer.step()

    after = users_of(next_run, 1, next_run.chain.head.number)
    assert sorted(after) == sorted(before)
    assert after.index(guest_pays(0).hash) < after.index(guest_pays(1).hash)
    assert next_run.reorg().dropped == ()
    next_run.close()


def test_where_nothing_was_taken_back_nothing_is_left_out(running: Running) -> None:
    assert again.left_out(running.native, []) == []
