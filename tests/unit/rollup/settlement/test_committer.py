"""The committer over the real contracts of an L1 that changes its mind."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from ethrex_node.rollup.l1.client import L1Client, Settings
from unit.rollup import l1_process
from unit.rollup.rollups import CHAIN_ID
from unit.rollup.whole.deployment import Deployment
from unit.rollup.whole.stepped import Rollup, rollup_of

pytestmark = pytest.mark.timeout(400)  # blobs are committed to and proven on a busy machine


@pytest.fixture
def l1() -> Iterator[l1_process.L1]:
    with l1_process.dev_chain("--dev.block-time", "0") as running:
        yield running


@pytest.fixture
async def asking(l1: l1_process.L1) -> AsyncIterator[L1Client]:
    """Nothing that this dev chain calls final counts as final yet."""
    opened = await L1Client.open(Settings(urls=(l1.url,), final_depth=60))
    yield opened
    await opened.close()


async def make_batch(rollup: Rollup) -> None:
    await rollup.sequencer.step()
    await rollup.sequencer.end_batch()
    await rollup.batches.step()


async def test_a_commit_waits_while_the_outbox_has_not_seen_that_l1_took_the_one_before_back(
    l1: l1_process.L1, asking: L1Client, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    deployment = await Deployment.make(l1, asking, CHAIN_ID, tmp_path)
    async with rollup_of(tmp_path, asking, deployment) as rollup:
        before = l1.ask("evm_snapshot")
        await make_batch(rollup)
        await rollup.committer.step()
        (entry,) = rollup.outbox.open_entries()
        while entry.mined is None:
            await rollup.outbox.round()
            l1.mine()
            entry = rollup.outbox.find(entry.purpose) or entry
        await make_batch(rollup)
        assert l1.ask("evm_revert", before) is True
        l1.mine()

        assert await rollup.committer.step() == []

        assert [record for record in caplog.records if record.levelno >= logging.CRITICAL] == []
        for _ in range(8):
            await rollup.outbox.round()
            l1.mine()
            await rollup.committer.step()
        assert deployment.status().last_committed == 2
