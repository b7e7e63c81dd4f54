"""The parts of a dev chain, put together as a node does it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ethrex_node import _native
from ethrex_node.builder import Builder
from ethrex_node.chain import Chain, HeadChange
from ethrex_node.config.dev import CHAIN_ID, dev_genesis
from ethrex_node.dev.accounts import DevAccount
from ethrex_node.dev.blobs import BlobStore
from ethrex_node.dev.clock import BlockClock
from ethrex_node.dev.control import Control
from ethrex_node.dev.producer import Producer
from ethrex_node.dev.wallet import Wallet
from ethrex_node.pool import Account, Pool, Rules

NOW = 1_800_000_000


@dataclass
class Wired:
    chain: Chain
    pool: Pool
    producer: Producer
    control: Control
    reader: _native.Reader


def wire(folder: Path, accounts: Sequence[DevAccount]) -> Wired:
    """Manual mining, and a clock that stands at `NOW`."""
    genesis = dev_genesis([account.address for account in accounts], timestamp=NOW - 100)
    native = _native.Chain(folder / "chain", genesis.json, durable=False, map_size=1 << 28, remember_slots=True)
    chain = Chain(native)
    pool = Pool(lambda addresses: [Account(*facts) for facts in native.accounts(addresses)], rules_of(native))
    producer = Producer(
        chain,
        pool,
        Builder(chain, pool),
        clock=BlockClock(now=lambda: NOW),
        block_seconds=None,
        blobs=BlobStore(folder / "blobs"),
    )

    def follow(change: HeadChange) -> None:
        included = [one for block in change.applied for one in native.transaction_hashes(block)]
        pool.follow(rules_of(native), included, [])

    chain.listeners.append(follow)
    return Wired(chain, pool, producer, Control(producer, pool, Wallet(accounts)), native.reader())


def rules_of(native: _native.Chain) -> Rules:
    block = native.next_block(native.head().timestamp + 1)
    return Rules(
        chain_id=CHAIN_ID,
        fork=block.fork,
        kinds=frozenset(range(5)),
        gas_limit=block.gas_limit,
        base_fee_wei=block.base_fee_per_gas,
        blob_base_fee_wei=block.blob_base_fee,
        max_blobs=block.max_blobs,
        min_tip_wei=0,
        shanghai=True,
        osaka=True,
    )
