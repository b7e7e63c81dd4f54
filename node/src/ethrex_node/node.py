"""
A node put together: the chain, the pool, the RPC doors and, on a dev chain, the producer of blocks.

Who needs whom is decided here and nowhere else. A node lives from `start` to `stop`; `stop` ends the intake, waits for
the work in hand, and leaves a synced database.
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson

from . import _native
from .builder import Builder
from .builder import Settings as BuilderSettings
from .chain import Chain, HeadChange
from .config import dev as dev_config
from .config import genesis, networks, settings
from .dev import accounts as dev_accounts
from .dev import beacon, blobs, control, methods, producer, unlocked, wallet
from .pool import Account, Limits, Pool, Rules
from .pool.door import Door
from .pool.journal import Journal
from .rpc import parts, server, service
from .rpc import settings as rpc_settings

log = logging.getLogger(__name__)

CLIENT: Final = f"ethrex-py/v{_native.version()}"
DEV_NAMESPACES: Final = ("personal", "evm", "anvil", "hardhat")
SHANGHAI_ON: Final = frozenset({"Shanghai", "Cancun", "Prague"})
KINDS_BY_FORK: Final = {"Paris": 3, "Shanghai": 3, "Cancun": 4}  # transaction types; five from Prague on


@dataclass(frozen=True, slots=True)
class Opened:
    """A chain on disk (or in a folder that goes with the process)."""

    native: _native.Chain
    genesis: genesis.Genesis
    folder: Path
    scratch: tempfile.TemporaryDirectory[str] | None


def open_chain(wanted: settings.Settings) -> Opened:
    """Open the data folder that the settings name, or begin a chain in it. Raises the errors of config and storage."""
    if wanted.dev:
        addresses = [account.address for account in _dev_accounts(wanted)]
        first = dev_config.dev_genesis(addresses, chain_id=wanted.dev_chain_id, balance_wei=wanted.dev_balance * 10**18)
        name = "dev"
    else:
        network = networks.load(wanted.network)
        first, name = network.genesis, network.name
    scratch = None
    folder = wanted.datadir or networks.default_datadir(name)
    durable = True
    if wanted.datadir == settings.MEMORY:
        scratch = tempfile.TemporaryDirectory(prefix="ethrex-")
        folder, durable = Path(scratch.name), False
    folder.mkdir(parents=True, exist_ok=True)
    return Opened(_native.Chain(folder / "chain", first.json, durable=durable), first, folder, scratch)


def _dev_accounts(wanted: settings.Settings) -> list[dev_accounts.DevAccount]:
    return dev_accounts.derive(wanted.dev_mnemonic, wanted.dev_accounts)


class _Heads:
    """The chain's heads as the RPC wants them (`rpc.parts.Heads`)."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain

    def head(self) -> parts.BlockId:
        return parts.BlockId(self._chain.head.number, self._chain.head.hash)

    def syncing(self) -> None:
        return None

    def watch(self, listener: Callable[[parts.HeadChange], None]) -> Callable[[], None]:
        def tell(change: HeadChange) -> None:
            listener(self._translate(change))

        self._chain.listeners.append(tell)
        return lambda: self._chain.listeners.remove(tell)

    def _translate(self, change: HeadChange) -> parts.HeadChange:
        last = change.head.number
        base = last - len(change.applied)
        removed = [parts.BlockId(base + 1 + at, block) for at, block in enumerate(change.reverted)]
        added = [parts.BlockId(base + 1 + at, block) for at, block in enumerate(change.applied)]
        return parts.HeadChange(tuple(reversed(removed)), tuple(added))


class Node:
    """One node of one chain. Made on the event loop."""

    def __init__(self, wanted: settings.Settings, opened: Opened) -> None:
        self.settings = wanted
        self.opened = opened
        self.native = opened.native
        self.chain = Chain(opened.native)
        self.pool = Pool(self._accounts, self._rules(), self._pool_limits())
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="intake")
        persistent = opened.scratch is None and wanted.mempool_journal
        self.door = Door(self.pool, self._threads, Journal(opened.folder / "pool.journal") if persistent else None)
        self.chain.listeners.append(self._follow)
        self.accounts = _dev_accounts(wanted) if wanted.dev else []
        self.identity = parts.Identity(CLIENT, opened.genesis.chain_id, opened.genesis.chain_id, str(opened.folder))
        self.reader = self.native.reader(self._reader_settings())
        self.producer = self._producer() if wanted.dev else None
        self.rpc = service.Service(
            _native.snapshot_methods(),
            self.reader,
            self.door,
            _Heads(self.chain),
            self.identity,
            _native.keccak256,
            limits=self._limits(),
            more=self._more(),
        )
        self.url = ""
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Open the doors. Raises OSError where an address is taken."""
        restored = await self.door.restore()
        if restored:
            log.info("pool restored", extra={"transactions": restored})
        await self.rpc.start()
        door = await self.rpc.listen(self._http(), pages=self._pages())
        self.url = f"http://{self.settings.http_addr}:{door.port}"
        if self.producer is not None:
            self._tasks.append(asyncio.create_task(self.producer.run()))

    async def stop(self) -> None:
        """End the intake, wait for what is in hand, leave a synced database."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.rpc.stop(min(self.settings.shutdown_grace, 5.0))
        self.door.save()
        self._threads.shutdown(wait=True)
        await self.chain.write(self.native.sync)
        self.chain.close()
        if self.opened.scratch is not None:
            self.opened.scratch.cleanup()

    def _producer(self) -> producer.Producer:
        extra = self.settings.builder_extra_data
        built = Builder(
            self.chain,
            self.pool,
            BuilderSettings(
                gas_limit=self.settings.builder_gas_limit,
                extra_data=bytes.fromhex(extra[2:]) if extra.startswith("0x") else extra.encode(),
                max_blobs=self.settings.builder_max_blobs,
            ),
        )
        kept = blobs.BlobStore(None if self.opened.scratch is not None else self.opened.folder / "blobs")
        return producer.Producer(self.chain, self.pool, built, block_seconds=self.settings.dev_block_time, blobs=kept)

    def _more(self) -> service.Groups:
        if self.producer is None:
            return ()
        levers = control.Control(self.producer, self.pool, wallet.Wallet(self.accounts))
        return methods.groups(unlocked.Unlocked(levers, self.reader, self.identity))

    def _pages(self) -> dict[str, server.PageHandler]:
        if self.producer is None:
            return {}
        return dict(beacon.Beacon(self.reader, self.producer.blobs, CLIENT).pages())

    def _http(self) -> rpc_settings.HttpSettings:
        wanted = self.settings
        namespaces = (*wanted.http_api, *DEV_NAMESPACES) if wanted.dev else wanted.http_api
        return rpc_settings.HttpSettings(
            host=wanted.http_addr,
            port=wanted.http_port,
            namespaces=tuple(dict.fromkeys(namespaces)),
            websocket=wanted.ws_enabled,
            vhosts=frozenset(wanted.http_vhosts),
            cors_origins=frozenset(wanted.http_corsdomain),
            websocket_origins=frozenset(wanted.ws_origins),
            prefix=wanted.http_prefix,
            limits=self._limits(),
        )

    def _limits(self) -> rpc_settings.Limits:
        wanted = self.settings
        return rpc_settings.Limits(
            body_bytes=wanted.rpc_max_body,
            message_bytes=wanted.rpc_max_message,
            batch_items=wanted.rpc_batch_items,
            batch_response_bytes=wanted.rpc_batch_bytes,
            answer_seconds=wanted.rpc_timeout,
            idle_seconds=wanted.rpc_idle_timeout,
            connections=wanted.rpc_connections,
            filters=wanted.rpc_filters,
            filter_seconds=wanted.rpc_filter_timeout,
            subscriptions=wanted.rpc_subscriptions,
        )

    def _reader_settings(self) -> bytes:
        return orjson.dumps({"client_version": CLIENT, "network_id": self.opened.genesis.chain_id})

    def _pool_limits(self) -> Limits:
        wanted = self.settings
        return Limits(
            total=wanted.mempool_maxsize,
            blob_total=wanted.mempool_blobs,
            free_gap_percent=wanted.mempool_gap_share,
            queued_per_sender=wanted.mempool_queued,
            price_bump_percent=wanted.mempool_bump,
            blob_price_bump_percent=wanted.mempool_blob_bump,
            min_tip_wei=wanted.mempool_min_tip,
            lifetime_seconds=int(wanted.mempool_lifetime),
        )

    def _accounts(self, addresses: Sequence[bytes]) -> list[Account]:
        return [Account(*facts) for facts in self.native.accounts(addresses)]

    def _rules(self) -> Rules:
        """The next block, as far as the pool needs it."""
        head = self.native.head()
        block = self.native.next_block(max(int(time.time()), head.timestamp + 1))
        old = block.fork in SHANGHAI_ON or block.fork == "Paris"
        return Rules(
            chain_id=self.opened.genesis.chain_id,
            fork=block.fork,
            kinds=frozenset(range(KINDS_BY_FORK.get(block.fork, 5))),
            gas_limit=block.gas_limit,
            base_fee_wei=block.base_fee_per_gas,
            blob_base_fee_wei=block.blob_base_fee,
            max_blobs=block.max_blobs,
            min_tip_wei=self.settings.mempool_min_tip,
            shanghai=block.fork != "Paris",
            osaka=not old,
        )

    def _follow(self, change: HeadChange) -> None:
        included = [one for block in change.applied for one in self.native.transaction_hashes(block)]
        returned = (
            []
            if change.rewound
            else [one for block in change.reverted for one in self.native.pooled_transactions(block)]
        )
        self.pool.follow(self._rules(), included, returned)
