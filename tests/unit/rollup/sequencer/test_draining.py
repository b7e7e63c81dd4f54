"""A sequencer that shall come to an end takes nothing more, seals what it has, and says when nothing is left."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from ethrex_node.pool import errors
from ethrex_node.rollup.coordinator import service
from ethrex_node.rollup.sequencer import sealed
from ethrex_node.rollup.sequencer.draining import Drain, Stages
from unit.rollup.coordinator.served import OPERATOR, PROVER, Served
from unit.rollup.sequencer.sequencers import Running

FRIEND = b"\x77" * 20


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    opened = Running(tmp_path / "chain-of-it").open()
    yield opened
    opened.close()


def drain_of(running: Running) -> Drain:
    return Drain(running.sequencer, running.pool, lambda: Stages(made=3, committed=2, verified=1))


async def test_what_was_taken_is_sealed_and_nothing_more_is_taken(running: Running) -> None:
    await running.sequencer.start()
    running.admit(running.user.send(FRIEND, 7))
    drain = drain_of(running)

    begun = drain.begin(end_batch=False)
    (refused,) = running.pool.add([running.user.send(FRIEND, 8)], local=True)
    first, empty, nothing = [await running.sequencer.step() for _ in range(3)]

    assert (begun.draining, begun.drained, begun.pool) == (True, False, 1)
    assert isinstance(refused, errors.Closed)
    assert first is not None
    assert first.transactions == 1
    assert empty is not None
    assert not empty.transactions
    assert nothing is None
    assert drain.state().drained
    assert drain.state().open_transactions == 1


async def test_the_open_batch_ends_where_it_shall_come_to_l1(running: Running) -> None:
    ended: list[int] = []
    running.sequencer.listeners.append(lambda last: ended.append(last.number))
    await running.sequencer.start()
    running.queue(running.user.item(FRIEND, 5))
    drain = drain_of(running)
    drain.begin(end_batch=False)
    await running.sequencer.step()
    await running.sequencer.step()
    before = list(ended)

    drain.begin(end_batch=True)
    again = drain.state().drained
    await running.sequencer.step()

    assert before == []
    assert not again
    assert len(ended) == 1
    assert drain.state().open_transactions == 0


async def test_a_batch_that_ended_is_waited_for_until_it_is_made(running: Running) -> None:
    await running.sequencer.start()
    running.queue(running.user.item(FRIEND, 5))
    made = 0

    def stages() -> Stages:
        with running.store.read() as txn:
            return Stages(made=0, committed=0, verified=0, unmade=sealed.ended_above(txn, made))

    drain = Drain(running.sequencer, running.pool, stages)
    drain.begin(end_batch=True)
    await running.sequencer.step()
    await running.sequencer.step()
    before = drain.state()
    made = running.chain.head.number
    after = drain.state()

    assert running.sequencer.drained
    assert (before.drained, before.open_transactions) == (False, 0)
    assert after.drained


async def test_a_batch_of_empty_blocks_costs_nothing_on_l1(running: Running) -> None:
    ended: list[int] = []
    running.sequencer.listeners.append(lambda last: ended.append(last.number))
    await running.sequencer.start()
    await running.sequencer.step()

    drain_of(running).begin(end_batch=True)
    await running.sequencer.step()

    assert running.sequencer.drained
    assert ended == []


async def test_whoever_takes_it_back_goes_on(running: Running) -> None:
    await running.sequencer.start()
    drain = drain_of(running)
    drain.begin(end_batch=True)
    await running.sequencer.step()
    stood = await running.sequencer.step()

    drain.end()
    running.admit(running.user.send(FRIEND, 7))
    sealed = await running.sequencer.step()

    assert stood is None
    assert sealed is not None
    assert sealed.transactions == 1
    assert not drain.state().draining


async def test_whoever_asks_no_more_is_forgotten(running: Running) -> None:
    await running.sequencer.start()
    stages = Stages(made=0, committed=0, verified=0)
    drain = Drain(running.sequencer, running.pool, lambda: stages, last_seconds=0.01)
    drain.begin(end_batch=False)
    async with asyncio.timeout(20):
        while drain.state().draining:
            await asyncio.sleep(0.005)

    assert running.pool.closed is None


async def test_only_the_operator_may_ask_for_it(running: Running, tmp_path: Path) -> None:
    await running.sequencer.start()
    served = Served(tmp_path, drain=drain_of(running))
    await served.start()
    try:
        prover = await served.call("PUT", "/v1/drain", b'{"endBatch":true}', PROVER)
        unclear = await served.call("PUT", "/v1/drain", b'{"endBatch":1}', OPERATOR)
        asked = await served.call("PUT", "/v1/drain", b'{"endBatch":true}', OPERATOR)
        back = await served.call("DELETE", "/v1/drain", None, OPERATOR)
    finally:
        await served.stop()

    assert (prover.status, unclear.status, asked.status, back.status) == (403, 400, 200, 200)
    assert orjson.loads(asked.body) == {
        "draining": True,
        "drained": False,
        "pool": 0,
        "openTransactions": 0,
        "batches": {"made": 3, "committed": 2, "verified": 1},
    }
    assert not back.json["draining"]


async def test_a_coordinator_without_a_sequencer_drains_none(tmp_path: Path) -> None:
    served = Served(tmp_path)
    await served.start()
    try:
        answer = await served.call("PUT", "/v1/drain", b'{"endBatch":true}', OPERATOR)
    finally:
        await served.stop()

    assert answer.status == 404
    assert isinstance(served.service, service.Service)
