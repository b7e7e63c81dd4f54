"""The sequencer before commits first: its batches take the place of ours where the blocks are the same, over a real chain and store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ethrex_node.rollup.epochs import term
from ethrex_node.rollup.follower.verdict import Mark
from ethrex_node.rollup.l1.answers import Log
from ethrex_node.rollup.recovery.published import Committed
from ethrex_node.rollup.settlement import contracts
from ethrex_node.rollup.store import batches as stored
from ethrex_node.rollup.store.schema import Confirmed, Term, TermState
from ethrex_node.rollup.takeover import outrun
from unit.rollup.rollups import MESSENGER
from unit.rollup.sequencer.sequencers import Running
from unit.rollup.settlement.test_batches import make

BEGUN = Term(2, TermState.FENCING, until_batch=1)
LOG = Log(b"", (), b"", 1, bytes(32), bytes(32), 0)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    opened = Running(tmp_path).open()
    yield opened
    opened.close()


async def blocks(running: Running, count: int) -> None:
    """A message to L1 in each."""
    for number in range(count):
        running.admit(running.user.send(MESSENGER, data=bytes([number]) * 32))
        running.seconds += 1
        await running.sequencer.step()


async def test_batches_of_the_one_before_take_the_place_of_ours(running: Running) -> None:
    making, _ = make(running)
    await running.sequencer.start()
    await blocks(running, 4)
    await running.sequencer.end_batch()
    (ours,) = await making.step()
    await blocks(running, 1)  # of a batch that is open
    reader = running.native.reader()
    statement, version = making._before, ours.program_version
    first = reader.batch(1, 2, statement, version, None)
    second = reader.batch(3, 3, first.encoded, version, None)
    on_l1 = [Confirmed(number, one.hash, one.encoded, 9) for number, one in ((1, first), (2, second))]
    assert outrun.missing(on_l1, running.native.canonical_hash) is None

    found = outrun.read(running.store, reader, on_l1, 0)
    fresh = await running.sequencer.take_back(lambda txn: outrun.adopt(txn, found, BEGUN))

    assert fresh == Term(2, TermState.FENCING, until_batch=4), "batch 3 has ended with the last block of ours"
    assert term.current(running.store) == fresh
    kept = [making.get(number) for number in (1, 2, 3)]
    assert [one and (one.batch_hash, one.first_block, one.last_block) for one in kept] == [
        (first.hash, 1, 2),
        (second.hash, 3, 3),
        None,
    ]
    assert running.chain.head.number == 5, "no block is lost"
    assert running.sequencer.open.blocks == 1
    (third,) = await making.step()
    assert (third.first_block, third.last_block) == (4, 4)
    with running.store.read() as txn:
        messages = [[one.message_id for one in stored.messages(txn, number)] for number in (1, 2, 3)]
    assert messages == [[1, 2], [3], [4]]
    assert sum(one.gas_used for one in (*kept[:2], third) if one is not None) == ours.gas_used


async def test_they_may_end_within_what_is_open_here(running: Running) -> None:
    making, _ = make(running)
    await running.sequencer.start()
    await blocks(running, 2)
    await running.sequencer.end_batch()
    (ours,) = await making.step()
    await blocks(running, 2)
    reader = running.native.reader()
    one = reader.batch(1, 3, making._before, ours.program_version, None)

    found = outrun.read(running.store, reader, [Confirmed(1, one.hash, one.encoded, 9)], 0)
    fresh = await running.sequencer.take_back(lambda txn: outrun.adopt(txn, found, BEGUN))

    assert fresh.until_batch == 2
    assert running.sequencer.open.blocks == 1, "the one behind L1's batch"
    assert await making.step() == []


async def test_what_is_not_here_is_named(running: Running) -> None:
    making, _ = make(running)
    await running.sequencer.start()
    await blocks(running, 2)
    await running.sequencer.end_batch()
    (ours,) = await making.step()
    hash_at, last = contracts.field_of(ours.statement, "lastBlockHash"), 2
    other = Confirmed(1, bytes(32), ours.statement.replace(hash_at, b"\x09" * 32), 9)

    gone = outrun.missing([other], running.native.canonical_hash)

    assert gone == Mark(1, last, b"\x09" * 32)
    said = outrun.no_blocks(gone, BEGUN)
    assert "batch 1 up to block 2" in said
    assert "--takeover --epoch 3" in said


def test_what_l1_has_of_others_begins_with_the_first_that_is_not_ours() -> None:
    every = [Committed(number, bytes([number]) * 32, False, LOG) for number in (1, 2, 3, 4)]
    ours = {1: b"\x01" * 32, 2: b"\x02" * 32, 3: b"\xff" * 32}

    assert [one.number for one in outrun.others(every, ours.get, 0)] == [3, 4]
    assert outrun.others(every[:2], ours.get, 0) == []
    assert [one.number for one in outrun.others(every, {3: b"\x03" * 32}.get, 2)] == [4], "what is below is not ours"
