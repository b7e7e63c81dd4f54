"""Batches that have ended and are not made yet, over a real chain and store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ethrex_node.rollup.sequencer import sealed, unmade
from ethrex_node.rollup.sequencer.policy import BLOB_PAYLOAD_BYTES
from ethrex_node.rollup.store.schema import SealedBlock
from unit.rollup.sequencer.sequencers import Running

FRIEND = b"\x77" * 20


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    opened = Running(tmp_path).open()
    yield opened
    opened.close()


async def batch_of(running: Running, blocks: int) -> int:
    """Gives the gas of its blocks."""
    gas = 0
    for _ in range(blocks):
        running.seconds += 1
        running.admit(running.user.send(FRIEND, 1))
        row = await running.sequencer.step()
        assert row is not None
        gas += row.gas_used
    await running.sequencer.end_batch()
    return gas


async def test_they_are_counted_until_they_are_made(running: Running) -> None:
    await running.sequencer.start()
    waiting = unmade.Waiting(running.store)
    assert waiting.behind(0, 0) == ()

    first, second = await batch_of(running, 2), await batch_of(running, 1)
    assert [(one.last_block, one.blobs, one.gas) for one in waiting.behind(0, 3)] == [(2, 1, first), (3, 1, second)]
    await running.sequencer.step()  # belongs to one that is open
    assert len(waiting.behind(0, 3)) == 2
    third = await batch_of(running, 1)
    assert [one.gas for one in waiting.behind(2, 5)][:1] == [second]
    assert [one.last_block for one in waiting.behind(3, 5)] == [5]
    assert waiting.behind(3, 5)[0].gas == third
    assert waiting.behind(5, 5) == ()


async def test_blocks_that_are_taken_back_count_no_more(running: Running) -> None:
    await running.sequencer.start()
    waiting = unmade.Waiting(running.store)
    await batch_of(running, 2)
    assert len(waiting.behind(0, 2)) == 1

    await running.sequencer.take_back(lambda txn: sealed.take_back(txn, 1))

    assert waiting.behind(0, 0) == ()


def test_data_counts_as_the_blobs_that_it_may_fill() -> None:
    def row(number: int, data_bytes: int, *, ends: bool) -> SealedBlock:
        return SealedBlock(number, bytes(32), 1, 100, data_bytes, 1, 0, 1, 1, 1, ends)

    rows = [row(1, BLOB_PAYLOAD_BYTES, ends=False), row(2, 1, ends=True), row(3, 0, ends=True), row(4, 9, ends=False)]

    assert [(one.last_block, one.blobs, one.gas) for one in unmade.cut(rows)] == [(2, 2, 200), (3, 1, 100)]
