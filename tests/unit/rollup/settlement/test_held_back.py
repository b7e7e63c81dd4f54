"""Batches that were sealed in time and are held back past a deadline of L1's queue still settle, over the real contracts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from ethrex_node.rollup.l1 import abi
from ethrex_node.rollup.l1.client import L1Client
from unit.rollup import l1_process
from unit.rollup.rollups import CHAIN_ID
from unit.rollup.whole.deployment import Deployment, text
from unit.rollup.whole.stepped import rollup_of

pytestmark = pytest.mark.timeout(400)  # blobs are committed to and proven on a busy machine

BATCHES: Final = 5
DAY_SECONDS: Final = 86_400  # the plan's inclusion delay
FRIEND: Final = b"\x77" * 20
QUEUE_SLOT: Final = abi.Function("queueSlot(uint256,uint64)", "((uint64,uint64,uint128))")


@pytest.fixture
def l1() -> Iterator[l1_process.L1]:
    with l1_process.dev_chain("--dev.block-time", "0") as running:
        yield running


def deadline(deployment: Deployment) -> int:
    call = {"to": text(deployment.addresses.bridge), "data": "0x" + QUEUE_SLOT.call(CHAIN_ID, 0).hex()}
    ((_, found, _),) = QUEUE_SLOT.result(bytes.fromhex(deployment.l1.ask("eth_call", call, "latest")[2:]))
    return int(found)


async def test_five_batches_that_are_held_back_past_a_deadline_still_commit(
    l1: l1_process.L1, asking: L1Client, tmp_path: Path
) -> None:
    deployment = await Deployment.make(l1, asking, CHAIN_ID, tmp_path)
    async with rollup_of(tmp_path, asking, deployment) as rollup:
        deployment.deposit(FRIEND, 5)  # which none of them holds
        for _ in range(BATCHES):
            await rollup.sequencer.step()
            await rollup.sequencer.end_batch()
        await rollup.batches.step()
        l1.ask("evm_increaseTime", 2 * DAY_SECONDS)
        l1.mine()
        assert int(l1.ask("eth_getBlockByNumber", "latest", False)["timestamp"], 16) > deadline(deployment)

        await rollup.committer.step()
        await rollup.settle_on_l1(l1)
        assert deployment.status().last_committed == BATCHES

        await rollup.watcher.step()
        await rollup.sequencer.step()
        await rollup.sequencer.end_batch()
        await rollup.batches.step()
        await rollup.committer.step()
        await rollup.settle_on_l1(l1)
        assert rollup.balance(FRIEND) == 5
        assert deployment.status().last_committed == BATCHES + 1
