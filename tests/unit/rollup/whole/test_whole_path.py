"""
The whole path of a rollup with nothing faked on it: a deposit on L1 is spent on L2, the batch is published in blobs,
executed again and signed by the real prover process, verified by the contracts, and a withdrawal is claimed on L1.
"""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ethrex_node.dev import accounts
from ethrex_node.rollup.coordinator import identities, service
from ethrex_node.rollup.l1 import abi
from ethrex_node.rollup.l1.client import L1Client
from ethrex_node.rollup.settlement import batches
from ethrex_node.rollup.store import batches as stored
from unit.rollup import l1_process
from unit.rollup.rollups import CHAIN_ID
from unit.rollup.whole.deployment import L1_CHAIN_ID, Deployment, text
from unit.rollup.whole.stepped import ALICE, Rollup, rollup_of

ALICE_ADDRESS = bytes.fromhex(ALICE.address[2:])
BOB = b"\x0b" * 20
BRIDGE_L2 = bytes(18) + b"\xff\xff"
WITHDRAW = abi.Function("withdraw(address)")
ETHER = 10**18
TOKEN = "p" * 32
LIMIT_SECONDS = 60.0


@pytest.fixture
def l1() -> Iterator[l1_process.L1]:
    with l1_process.dev_chain("--dev.block-time", "0") as running:
        yield running


@asynccontextmanager
async def prover(rollup: Rollup, deployment: Deployment, folder: Path) -> AsyncIterator[None]:
    """`ethrex-prover` beside the coordinator's door."""
    (folder / "tokens").write_text(f"prover pool {TOKEN}\n")
    (folder / "token").write_text(TOKEN + "\n")
    door = service.Service(rollup.coordinator, identities.from_file(folder / "tokens"), service.Settings(port=0))
    await door.start()
    command = [
        *(str(Path(sys.executable).with_name("ethrex-prover")), "run", "--backend", "attested"),
        *("--coordinator", door.url, "--token-file", str(folder / "token"), "--id", "pool.0", "--key", "env:KEY"),
        *(
            "--l1-chain-id",
            str(L1_CHAIN_ID),
            "--verifier",
            text(deployment.addresses.attested_verifier),
            "--poll",
            "0.05",
        ),
    ]
    environment = {**os.environ, "KEY": accounts.derive()[2].key.hex()}
    running = await asyncio.create_subprocess_exec(*command, stdout=DEVNULL, env=environment)
    try:
        yield
    finally:
        running.terminate()
        await asyncio.wait_for(running.wait(), LIMIT_SECONDS)
        await door.stop()


async def until(is_so: Callable[[], object]) -> None:
    async with asyncio.timeout(LIMIT_SECONDS):
        while not is_so():
            await asyncio.sleep(0.02)


async def test_from_deposit_to_claim(l1: l1_process.L1, asking: L1Client, tmp_path: Path) -> None:
    deployment = await Deployment.make(l1, asking, CHAIN_ID, tmp_path)
    async with rollup_of(tmp_path, asking, deployment) as rollup:
        # A deposit is there after the watcher has seen it and a block has taken it.
        deployment.deposit(ALICE_ADDRESS, 5 * ETHER)
        assert await rollup.watcher.step() == 1
        await rollup.sequencer.step()
        assert rollup.balance(ALICE_ADDRESS) == 5 * ETHER

        # It is spent, and a part of it withdrawn.
        rollup.send(BOB, ETHER)
        withdrawal = rollup.send(BRIDGE_L2, 2 * ETHER, WITHDRAW.call(text(BOB)))
        await rollup.sequencer.step()
        assert rollup.balance(BOB) == ETHER
        assert rollup.balance(BRIDGE_L2) == 0

        # The batch is published: the contract opens its blob and compares the queue.
        await rollup.sequencer.end_batch()
        (batch,) = await rollup.batches.step()
        (commit,) = await rollup.committer.step()
        await rollup.settle_on_l1(l1)
        assert deployment.status().last_committed == 1, l1.ask("debug_traceTransaction", text(commit.attempts[-1].hash))

        # It is executed again and signed by a process of its own, and verified on L1 by that signature.
        async with prover(rollup, deployment, tmp_path):
            await until(lambda: rollup.coordinator.proofs(1))
        assert await rollup.settler.step() is not None
        await rollup.settle_on_l1(l1)
        assert deployment.status().last_verified == 1

        # The withdrawal is claimed with a proof out of the store.
        with rollup.store.read() as txn:
            (message,) = stored.messages_of_transaction(txn, withdrawal)
            proof = batches.message_proof(txn, message)
        before = l1.balance(BOB)
        deployment.claim(BOB, 2 * ETHER, batch.number, message.message_id, proof)
        assert l1.balance(BOB) - before == 2 * ETHER
