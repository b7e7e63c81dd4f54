"""What was made of void blocks goes with them, whole: batches, messages, blobs, jobs, actions on L1; and is made again."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from ethrex_node import _native
from ethrex_node.rollup.coordinator.errors import Conflict
from ethrex_node.rollup.coordinator.queue import Wanted
from ethrex_node.rollup.outbox import record
from ethrex_node.rollup.settlement import taking_back
from ethrex_node.rollup.settlement.watcher import Exchange, QueueBroken
from ethrex_node.rollup.store import batches as stored
from ethrex_node.rollup.store import schema
from ethrex_node.rollup.store.environment import key
from ethrex_node.rollup.store.schema import Attempt, Mined, OutboxEntry, OutboxStatus, QueueItem, Watched
from unit.rollup.rollups import MESSENGER
from unit.rollup.sequencer.sequencers import Running
from unit.rollup.settlement.test_batches import make

FRIEND = b"\x77" * 20
WATCHED = Watched(50, b"\x50" * 32)
PROVER = Wanted("pool.0", frozenset({"attested"}), 3)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    opened = Running(tmp_path).open()
    yield opened
    opened.close()


def item(index: int, raw: bytes) -> QueueItem:
    return QueueItem(index, raw, 200_000, 0, _native.queue_hash(bytes(32), raw), 40, b"\x40" * 32)


def entry(purpose: str, status: OutboxStatus = OutboxStatus.WAITING, *, succeeded: bool = True) -> OutboxEntry:
    mined = Mined(b"\1" * 32, 9, b"\2" * 32, succeeded, 1, 1, 0, 0)
    return OutboxEntry(
        number=0, purpose=purpose, sender=b"\xaa" * 20, to=b"\xbb" * 20, data=b"call", value_wei=0, gas_limit=1, nonce=0,
        blob_hashes=(), recorded_at_ms=0, recorded_at_block=0, attempts=(Attempt(b"\1" * 32, b"", 1, 1, 0),), status=status,
        mined=None if status is OutboxStatus.WAITING else mined,
    )  # fmt: skip


def put(running: Running, *entries: OutboxEntry) -> None:
    for one in entries:
        added = running.store.write_now(lambda txn, one=one: record.add(txn, one, None))  # type: ignore[misc]
        if one.status is OutboxStatus.FINAL:
            running.store.write_now(lambda txn, added=added: txn.delete(schema.OUTBOX_OPEN, key(added.number)))  # type: ignore[misc]


async def two_batches(running: Running) -> None:
    """A message to L1 in each; the second holds item 0."""
    await running.sequencer.start()
    for number in range(2):
        if number:
            running.queue(running.user.item(FRIEND, 5))
        running.admit(running.user.send(MESSENGER, data=bytes([number]) * 32))
        await running.sequencer.step()
        await running.sequencer.end_batch()
        running.seconds += 1


async def test_what_was_made_of_void_blocks_goes_and_is_made_again(running: Running) -> None:
    making, coordinator = make(running)
    await two_batches(running)
    first, old = await making.step()
    put(running, entry("commit/1", OutboxStatus.MINED), entry("commit/2", OutboxStatus.MINED))
    put(running, entry("verify/1-1"), entry("verify/1-2"))
    leased = [await coordinator.lease(dataclasses.replace(PROVER, capacity=2), "pool") for _ in range(2)]
    assert [job.job_id for job in leased if job] == ["1-attested-3", "2-attested-3"]
    await running.sequencer.step()
    running.user.queue = 0
    raw = running.user.item(FRIEND, 9)

    found = Exchange(0, (item(0, raw),), WATCHED)
    reorg = await running.sequencer.take_back(lambda txn: taking_back.take_back(txn, found, 77))

    assert (reorg.first_block, reorg.last_block, reorg.first_batch) == (2, 3, 2)
    with running.store.read() as txn:
        assert stored.newest(txn) == first
        assert [row.batch for _, row in txn.scan(schema.MESSAGES)] == [1]
        assert {at[:8] for at, _ in txn.scan(schema.OPENINGS)} == {key(1)}
        purposes = [one.purpose for one in record.open_entries(txn, b"\xaa" * 20)]
        assert txn.get(schema.WATCHED, b"-") == WATCHED
    assert purposes == ["commit/1", "withdrawn/commit/2/2", "verify/1-1", "withdrawn/verify/1-2/4"]
    with pytest.raises(Conflict, match="withdrawn"):
        await coordinator.heartbeat("2-attested-3", "pool.0", 1, "")
    assert await coordinator.lease(PROVER, "pool") is None

    await running.sequencer.step()
    (new,) = await making.step()

    assert (new.number, new.first_block, new.last_block) == (2, 2, 2)
    assert new.batch_hash != old.batch_hash
    with running.store.read() as txn:
        assert [row.batch for _, row in txn.scan(schema.MESSAGES)] == [1, 2]
    (again,) = [await coordinator.lease(dataclasses.replace(PROVER, prover="pool.1"), "pool")]
    assert again is not None
    assert again.lease is not None
    assert (again.job_id, again.batch_hash, again.lease.fence) == ("2-attested-3", new.batch_hash, 2)


async def test_a_crash_before_the_new_job_is_asked_for_loses_none(running: Running) -> None:
    making, coordinator = make(running)
    await two_batches(running)
    await making.step()
    found = Exchange(0, (), WATCHED)
    await running.sequencer.take_back(lambda txn: taking_back.take_back(txn, found, 77))
    await running.sequencer.step()

    async def no_job(*_: object) -> None:
        """The crash is here."""

    making._ask_for_proofs = no_job  # type: ignore[method-assign, assignment]
    (new,) = await making.step()
    del making._ask_for_proofs

    assert await making.ask_again(1) == 1
    assert [(job.batch, job.batch_hash) for job in coordinator.open_jobs()][1:] == [(2, new.batch_hash)]


async def test_where_a_void_batch_is_final_on_l1_nothing_is_touched(running: Running) -> None:
    making, _ = make(running)
    await two_batches(running)
    await making.step()
    put(running, entry("commit/1", OutboxStatus.FINAL), entry("commit/2", OutboxStatus.FINAL))

    with pytest.raises(QueueBroken, match="commit/2 is final"):
        await running.sequencer.take_back(lambda txn: taking_back.take_back(txn, Exchange(0, (), WATCHED), 77))

    assert (running.chain.head.number, running.sequencer.queue_index) == (2, 1)
    with running.store.read() as txn:
        newest = stored.newest(txn)
        assert (newest and newest.number, txn.count(schema.TAKEN_BACK), txn.count(schema.QUEUE)) == (2, 0, 1)


async def test_a_commit_that_l1_refused_for_good_is_no_hindrance(running: Running) -> None:
    making, _ = make(running)
    await two_batches(running)
    await making.step()
    put(running, entry("commit/1", OutboxStatus.FINAL), entry("commit/2", OutboxStatus.FINAL, succeeded=False))

    await running.sequencer.take_back(lambda txn: taking_back.take_back(txn, Exchange(0, (), WATCHED), 77))

    with running.store.read() as txn:
        assert record.by_purpose(txn, "commit/2") is None
        assert record.by_purpose(txn, "commit/1") is not None
