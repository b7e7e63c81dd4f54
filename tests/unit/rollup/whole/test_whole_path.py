"""
The whole path of a rollup with nothing faked on it: a deposit on L1 is spent on L2, the batch is published in blobs,
executed again and signed by the real prover process, verified by the contracts, and a withdrawal is claimed on L1.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from eth_account import Account as Signing

from ethrex_node import _native
from ethrex_node.builder import Builder
from ethrex_node.chain import Chain, HeadChange
from ethrex_node.dev import accounts
from ethrex_node.pool import Account, Pool
from ethrex_node.rollup import attested
from ethrex_node.rollup.coordinator import Coordinator, identities, service, verifiers
from ethrex_node.rollup.coordinator import Settings as QueueSettings
from ethrex_node.rollup.l1 import abi, signers
from ethrex_node.rollup.l1.client import L1Client
from ethrex_node.rollup.outbox import Outbox
from ethrex_node.rollup.outbox import Settings as OutboxSettings
from ethrex_node.rollup.sequencer import Sequencer, Settings
from ethrex_node.rollup.settlement import batches, committer, settler, watcher
from ethrex_node.rollup.store import Store
from ethrex_node.rollup.store import batches as stored
from ethrex_node.rollup.store.schema import TABLES
from unit.rollup import l1_process
from unit.rollup.rollups import CHAIN_ID, GWEI
from unit.rollup.sequencer.sequencers import rules
from unit.rollup.whole.deployment import L1_CHAIN_ID, PROGRAM_VERSION, Deployment, text

ALICE = Signing.from_key(b"\x0a" * 32)
ALICE_ADDRESS = bytes.fromhex(ALICE.address[2:])
BOB = b"\x0b" * 20
BRIDGE_L2 = bytes(18) + b"\xff\xff"
WITHDRAW = abi.Function("withdraw(address)")
ETHER = 10**18
TOKEN = "p" * 32
LIMIT_SECONDS = 60.0


@dataclass
class Rollup:
    """Every role in one process, stepped by the test."""

    native: _native.Chain
    chain: Chain
    pool: Pool
    store: Store
    sequencer: Sequencer
    watcher: watcher.Watcher
    batches: batches.Batches
    coordinator: Coordinator
    outbox: Outbox
    committer: committer.Committer
    settler: settler.Settler
    nonce: int = 0

    def send(self, to: bytes, value: int, data: bytes = b"", gas: int = 300_000) -> bytes:
        fees = {"maxFeePerGas": 100 * GWEI, "maxPriorityFeePerGas": 2 * GWEI, "gas": gas}
        facts = {"chainId": CHAIN_ID, "nonce": self.nonce, "to": to, "value": value, "data": data}
        signed = ALICE.sign_transaction(facts | fees)
        self.nonce += 1
        (admitted,) = _native.admit_transactions([bytes(signed.raw_transaction)])
        assert not isinstance(admitted, str), admitted
        assert self.pool.add([admitted], local=False) == [None]
        return bytes(signed.hash)

    def balance(self, address: bytes) -> int:
        return self.native.accounts([address])[0][1]

    async def settle_on_l1(self, l1: l1_process.L1) -> None:
        """Rounds of the outbox and blocks of L1 until nothing is open."""
        for _ in range(20):
            if not await self.outbox.round():
                return
            l1.mine()
        raise AssertionError(self.outbox.open_entries())


@pytest.fixture
def l1() -> Iterator[l1_process.L1]:
    with l1_process.dev_chain("--dev.block-time", "0") as running:
        yield running


@asynccontextmanager
async def rollup_of(folder: Path, client: L1Client, deployment: Deployment) -> AsyncIterator[Rollup]:
    first = deployment.genesis()
    native = _native.Chain(folder / "chain", first.json, durable=False, map_size=1 << 28)
    chain, store = Chain(native), Store.open(folder / "rollup", TABLES)
    pool = Pool(lambda wanted: [Account(*facts) for facts in native.accounts(wanted)], rules(native))

    def follow(change: HeadChange) -> None:
        pool.follow(rules(native), [one for block in change.applied for one in native.transaction_hashes(block)], [])

    chain.listeners.append(follow)
    addresses = deployment.addresses
    domain = attested.Domain(L1_CHAIN_ID, addresses.attested_verifier)
    is_signer = verifiers.registered_on_l1(client, addresses.attested_verifier, CHAIN_ID)
    checks = {"attested": verifiers.attested_verifier(domain, is_signer)}
    coordinator = Coordinator(store, checks, QueueSettings(), lambda: int(time.time() * 1000))
    market = await client.market()
    sequencer = Sequencer(
        chain, Builder(chain, pool), store, lambda: (market.base_fee, market.blob_base_fee), Settings()
    )
    making = batches.Batches(
        store,
        native.reader(),
        coordinator,
        deployment.deployed.statement(first),
        batches.Settings(program_version=PROGRAM_VERSION),
    )
    signer = signers.local(accounts.derive()[1].key)
    outbox = Outbox(store, client, signer, OutboxSettings(), lambda: int(time.time() * 1000))
    await sequencer.start()
    yield Rollup(
        native,
        chain,
        pool,
        store,
        sequencer,
        watcher.Watcher(store, client, addresses, watcher.Settings(tag="latest")),
        making,
        coordinator,
        outbox,
        committer.Committer(store, making, outbox, client, addresses, committer.Settings()),
        settler.Settler(making, coordinator, outbox, client, addresses, settler.Settings()),
    )
    chain.close()
    store.close()


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
