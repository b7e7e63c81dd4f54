"""Which batches are made again: those that L1 let go of, and those that it would not take any more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ethrex_node.rollup.settlement import renewing, taking_back
from ethrex_node.rollup.settlement.renewing import OnL1, Told
from ethrex_node.rollup.settlement.versions import Version
from ethrex_node.rollup.store import batches as stored
from unit.rollup.rollups import MESSENGER
from unit.rollup.sequencer.sequencers import Running
from unit.rollup.settlement.test_batches import make

NOW = 1_000
FINAL = 500  # a block of L1
GOOD = Version(3, is_known=True)
NEXT = Version(4, is_known=True)
ENDED = Version(3, expires_at=NOW, is_known=True)
REVOKED = Version(3, is_known=True, is_revoked=True)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    opened = Running(tmp_path).open()
    yield opened
    opened.close()


async def made(running: Running, count: int) -> None:
    """Batches of version 3, a message in each."""
    making, _ = make(running)
    await running.sequencer.start()
    for number in range(count):
        running.admit(running.user.send(MESSENGER, data=bytes([number]) * 32))
        await running.sequencer.step()
        await running.sequencer.end_batch()
        running.seconds += 1
    assert len(await making.step()) == count


@pytest.mark.parametrize(
    ("on_l1", "told", "versions", "first"),
    [
        (OnL1(2, 2, NOW, FINAL), Told(2, FINAL), [GOOD], None),
        (OnL1(0, 0, NOW, FINAL), Told(), [GOOD], None),
        (OnL1(1, 1, NOW, FINAL), Told(3, FINAL), [GOOD], 2),
        (OnL1(1, 1, NOW, FINAL - 1), Told(3, FINAL), [GOOD], None),
        (OnL1(1, 1, NOW, FINAL), Told(1, FINAL), [ENDED, NEXT], 2),
        (OnL1(0, 0, NOW, FINAL), Told(), [REVOKED, NEXT], 1),
        (OnL1(3, 1, NOW, FINAL), Told(1, FINAL), [ENDED, NEXT], None),
        (OnL1(1, 1, NOW, FINAL), Told(1, FINAL), [ENDED], None),
        (OnL1(2, 1, NOW - 1, FINAL), Told(2, FINAL), [ENDED, NEXT], 2),
    ],
    ids=[
        "all are there",
        "none is committed yet",
        "L1 let go of some",
        "L1 is shorter after a reorg",
        "their version has ended",
        "their version is revoked",
        "they are committed already",
        "there is no other version",
        "let go of, before its version ends",
    ],
)
async def test_what_is_lost_is_found(
    running: Running, on_l1: OnL1, told: Told, versions: list[Version], first: int | None
) -> None:
    await made(running, 3)

    with running.store.read() as txn:
        found = renewing.first_lost(txn, told, on_l1, versions)

    assert found == first


async def test_the_same_blocks_make_the_batches_again_of_the_new_version(running: Running) -> None:
    await made(running, 3)
    making, coordinator = make(running)
    making.version_of = lambda _: 4
    before = [making.get(number) for number in (1, 2, 3)]

    count = await running.store.write(lambda txn: taking_back.let_go(txn, 2))
    again = await making.step()

    assert count == 2
    assert [(one.number, one.program_version) for one in again] == [(2, 4), (3, 4)]
    for old, new in zip(before[1:], again, strict=True):
        assert old is not None
        assert (old.first_block, old.last_block) == (new.first_block, new.last_block)
        assert old.batch_hash != new.batch_hash
    with running.store.read() as txn:
        assert stored.find(txn, 1) == before[0]
        assert len(stored.messages(txn, 3)) == 1
    waiting = {job.job_id for job in coordinator.open_jobs()}
    assert waiting == {"1-attested-3", "2-attested-4", "3-attested-4"}
