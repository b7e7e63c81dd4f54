"""A sequencer's metrics say when the first item of L1's queue is due that no batch on L1 holds."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ethrex_node.node import rollup_figures
from ethrex_node.rollup.settlement.committer import Committer
from ethrex_node.rollup.store import schema
from ethrex_node.rollup.store.environment import key
from unit.rollup.sequencer.sequencers import Running
from unit.rollup.settlement.test_batches import make, seal

FRIEND = b"\x77" * 20


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    opened = Running(tmp_path).open()
    yield opened
    opened.close()


def queue(running: Running, deadline: int) -> None:
    """An item with a deadline."""
    running.queue(running.user.item(FRIEND, 5))
    with running.store.read() as txn:
        newest = txn.last(schema.QUEUE)
    assert newest is not None
    due = dataclasses.replace(newest[1], deadline=deadline)
    running.store.write_now(lambda txn: txn.put(schema.QUEUE, key(due.index), due))


async def test_an_item_is_due_until_a_batch_on_l1_holds_it(running: Running) -> None:
    making, _ = make(running)

    def due(committed: int) -> list[float]:
        committer: Any = SimpleNamespace(committed=committed)
        found = rollup_figures.queue(running.store, making, cast("Committer", committer))
        return [sample.value for metric in found for sample in metric.samples]

    await running.sequencer.start()
    assert due(0) == [0]
    queue(running, 7_000)
    queue(running, 8_000)
    assert due(0) == [7_000]
    await seal(running)
    await running.sequencer.end_batch()
    queue(running, 9_000)
    await making.step()

    assert due(0) == [7_000]
    assert due(1) == [9_000]
    assert due(2) == []
