"""Every role of a rollup in one process, stepped by a test, over the real contracts of an L1 of its own."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from eth_account import Account as Signing

from ethrex_node import _native
from ethrex_node.builder import Builder
from ethrex_node.chain import Chain, HeadChange
from ethrex_node.dev import accounts
from ethrex_node.pool import Account, Pool
from ethrex_node.rollup import attested
from ethrex_node.rollup.coordinator import Coordinator, verifiers
from ethrex_node.rollup.coordinator import Settings as QueueSettings
from ethrex_node.rollup.l1 import signers
from ethrex_node.rollup.l1.client import L1Client
from ethrex_node.rollup.outbox import Outbox
from ethrex_node.rollup.outbox import Settings as OutboxSettings
from ethrex_node.rollup.sequencer import Sequencer, Settings
from ethrex_node.rollup.settlement import batches, committer, settler, watcher
from ethrex_node.rollup.store import Store
from ethrex_node.rollup.store.schema import TABLES
from unit.rollup import l1_process
from unit.rollup.rollups import CHAIN_ID, GWEI
from unit.rollup.sequencer.sequencers import rules
from unit.rollup.whole.deployment import L1_CHAIN_ID, PROGRAM_VERSION, Deployment

ALICE: Final = Signing.from_key(b"\x0a" * 32)


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
