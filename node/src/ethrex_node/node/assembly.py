"""
A node put together: the chain, the pool, the RPC doors and, on a dev chain, the producer of blocks.

Who needs whom is decided here and nowhere else. A node lives from `start` to `stop`; `stop` ends the intake, waits for
the work in hand, and leaves a synced database.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import orjson

from .. import _native
from ..builder import Builder, PendingBlocks
from ..builder import Settings as BuilderSettings
from ..chain import Chain, HeadChange, StorageFailed
from ..config import contradictions, genesis, networks, settings
from ..config import dev as dev_config
from ..dev import accounts as dev_accounts
from ..dev import beacon, blobs, control, methods, producer, unlocked, wallet
from ..dev.clock import BlockClock
from ..engine import jwt, testing
from ..engine import methods as engine_methods
from ..observe import health
from ..pool import Account, Limits, Pool, Rules
from ..pool.door import Door, Forward
from ..pool.journal import Journal
from ..rpc import parts, server, service, stats, table, workers
from ..rpc import settings as rpc_settings
from . import consensus, figures, forking
from .watch import Watch

log = logging.getLogger(__name__)

ENGINE_BODY_BYTES: Final = 128 << 20  # a payload may hold a block of 10 MiB as hex, and blobs beside it
ENGINE_ANSWER_SECONDS: Final = 120.0
READERS_SECONDS: Final = 60.0  # between two looks at who reads the database
CLIENT: Final = f"ethrex-py/v{_native.version()}"
FORK_SECONDS: Final = 60.0  # a call waits for another node's answers, one after the other
FORK_THREADS: Final = 16  # most of them wait
DEV_NAMESPACES: Final = ("personal", "evm", "anvil", "hardhat")
BEFORE_OSAKA: Final = frozenset({"Paris", "Shanghai", "Cancun", "Prague"})
NO_BLOBS: Final = frozenset({3})
KINDS_BY_FORK: Final = {"Paris": 3, "Shanghai": 3, "Cancun": 4}  # transaction types; five from Prague on


@dataclass(frozen=True, slots=True)
class Opened:
    """A chain on disk (or in a folder that goes with the process)."""

    native: _native.Chain
    genesis: genesis.Genesis
    folder: Path
    scratch: tempfile.TemporaryDirectory[str] | None
    forked: forking.Forked | None = None


def open_chain(wanted: settings.Settings, start: tuple[bytes, bytes] | None = None) -> Opened:
    """
    Open the data folder that the settings name, or begin a chain in it, with `start` where given (RLP of a header, document
    with the state). Raises the errors of config and storage.
    """
    if wanted.fork_url is not None:
        return _open_fork(wanted)
    if wanted.dev:
        addresses = [account.address for account in _dev_accounts(wanted)]
        chain_id = wanted.dev_chain_id or dev_config.CHAIN_ID
        first = dev_config.dev_genesis(addresses, chain_id=chain_id, balance_wei=wanted.dev_balance * 10**18)
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
    begin = functools.partial(_native.Chain, folder / "chain", first.json, durable=durable, remember_slots=wanted.dev)
    return Opened(begin() if start is None else begin(start=start), first, folder, scratch)


def _open_fork(wanted: settings.Settings) -> Opened:
    addresses = [account.address for account in _dev_accounts(wanted)]
    scratch = tempfile.TemporaryDirectory(prefix="ethrex-")
    try:
        forked = forking.open_fork(wanted, Path(scratch.name), addresses)
    except BaseException:
        scratch.cleanup()
        raise
    return Opened(forked.native, forked.genesis, Path(scratch.name), scratch, forked)


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
        added = [parts.BlockId(work.number, work.hash) for work in change.work]
        return parts.HeadChange(tuple(reversed(removed)), tuple(added))


class Node:
    """
    One node of one chain. Made on the event loop. `watch` is running already and ends after the node, by its owner.

    `groups` are further methods of the RPC. A rollup's chain has no consensus client: whoever runs the node drives it, and
    gives `pending`, the block that it would seal next; without one that tag means the latest block. `forward` is who decides
    about users' transactions instead of this node's pool.
    """

    def __init__(
        self,
        wanted: settings.Settings,
        opened: Opened,
        watch: Watch,
        groups: service.Groups = (),
        pending: parts.PendingBlock | None = None,
        forward: Forward | None = None,
    ) -> None:
        self.settings = wanted
        self.opened = opened
        self.rollup: Mapping[str, Any] | None = opened.genesis.config.get("rollup")
        self._groups = groups
        self.native = opened.native
        self.chain = Chain(opened.native)
        self.clock = BlockClock(offset=self._clock_offset())
        self.pool = Pool(self._accounts, self._rules(), self._pool_limits())
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="intake")
        persistent = opened.scratch is None and wanted.mempool_journal
        self.door = Door(
            self.pool,
            self._threads,
            Journal(opened.folder / "pool.journal") if persistent else None,
            forward,
            warm=None if opened.forked is None else self._accounts,
        )
        self.chain.listeners.append(self._follow)
        self.accounts = _dev_accounts(wanted) if wanted.dev else []
        self.identity = parts.Identity(CLIENT, opened.genesis.chain_id, opened.genesis.chain_id, str(opened.folder))
        self.builder = self._builder()
        self.producer = self._producer() if wanted.dev else None
        self._pending = pending if self.producer is None else self._pending_of(self.producer)
        self.reader = self.native.reader(self._reader_settings())
        self.payloads = consensus.Payloads(self.builder)
        self.engine = self._engine()
        self.rpc = service.Service(
            _native.snapshot_methods(),
            self.reader,
            self.door,
            _Heads(self.chain),
            self.identity,
            _native.keccak256,
            limits=self._limits(),
            more=self._more(),
            pending=self._pending,
            upstream=None if opened.forked is None else opened.forked.upstream,
        )
        self.url = ""
        self.auth_url = ""
        self.ipc: Path | None = None
        self.watch = watch
        self.health = watch.health
        self.database = self.native.database()
        self.oldest = figures.OldestReader()
        self.workers: workers.Workers | None = None
        self._tasks: list[asyncio.Task[Any]] = []

    async def start(self) -> None:
        """Open the doors. Raises OSError where an address is taken, BadSecret, StartFailed."""
        self._expose()
        self.health.phase = "restoring the pool"
        restored = await self.door.restore()
        if restored:
            log.info("pool restored", extra={"transactions": restored})
        await self.rpc.start()
        if self.producer is None and self.rollup is None:  # others are driven from inside
            await self._listen_engine()
        await self._listen()
        if self.producer is not None:
            self._tasks.append(asyncio.create_task(self.producer.run()))
        self._tasks.append(asyncio.create_task(self._look_after_readers()))
        self.health.phase = None
        # The trusted setup of blobs takes a second to read; the first blob transaction shall not wait for it.
        _native.warm_up_kzg()

    async def _listen(self) -> None:
        """HTTP, with WebSocket on the same door or on one of its own; from worker processes where there are some."""
        wanted, rules = self.settings, self._http()
        apart = wanted.ws_enabled and (
            wanted.ws_port not in (None, wanted.http_port)
            or wanted.ws_addr not in (None, wanted.http_addr)
            or wanted.ws_api is not None
        )
        if wanted.http_workers:
            self.rpc.dispatcher(rules.namespaces)  # the namespaces are known to `rpc_modules` before workers ask
            here = replace(rules, websocket=rules.websocket and not apart)
            self.workers = workers.Workers(
                self.rpc,
                here,
                wanted.http_workers,
                self.opened.folder / "chain",
                log_level=wanted.log_level.upper(),
                reader=self._reader_settings().decode(),
                pages=self._pages(),
            )
            await self.workers.start()
            port = self.workers.port
        else:
            here = replace(rules, websocket=rules.websocket and not apart)
            port = (await self.rpc.listen(here, pages=self._pages())).port
        if apart:
            own = replace(
                rules,
                http=False,
                websocket=True,
                host=wanted.ws_addr or wanted.http_addr,
                port=wanted.http_port if wanted.ws_port is None else wanted.ws_port,
                namespaces=contradictions.namespaces(wanted.ws_api or rules.namespaces, dev=wanted.dev),
            )
            await self.rpc.listen(own)
        self.url = f"http://{wanted.http_addr}:{port}"
        if wanted.ipc_path is not None:
            self.ipc = (await self.rpc.listen_socket(self.opened.folder / wanted.ipc_path)).path

    async def _listen_engine(self) -> None:
        wanted = self.settings
        secret = jwt.load_secret(wanted.authrpc_jwtsecret or self.opened.folder / "jwt.hex")
        rules = rpc_settings.HttpSettings(
            host=wanted.authrpc_addr,
            port=wanted.authrpc_port,
            namespaces=rpc_settings.AUTH_NAMESPACES,
            websocket=True,
            vhosts=frozenset(wanted.authrpc_vhosts),
            limits=replace(self._limits(), body_bytes=ENGINE_BODY_BYTES, answer_seconds=ENGINE_ANSWER_SECONDS),
        )
        door = await self.rpc.listen(rules, authorize=jwt.guard(secret, time.time))
        self.auth_url = f"http://{wanted.authrpc_addr}:{door.port}"

    async def stop(self) -> None:
        """End the intake, wait for what is in hand, leave a synced database."""
        self.health.leaving = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.workers is not None:
            await self.workers.stop()
        await self.rpc.stop(min(self.settings.shutdown_grace, 5.0))
        if self.opened.forked is not None:
            await asyncio.to_thread(self.opened.forked.upstream.close)  # whoever waits for it is let go
        await self.engine.close()
        self.door.save()
        self._threads.shutdown(wait=True)
        await self.chain.write(self.native.sync)
        self.chain.close()
        if self.opened.scratch is not None:
            self.opened.scratch.cleanup()

    def _expose(self) -> None:
        add = self.watch.metrics.add
        add("chain", lambda: figures.chain(self.chain.head, time.time()))
        add("pool", lambda: figures.pool(self.pool))
        add("database", lambda: figures.database(self.opened.folder / "chain", self.database.stats(), self.oldest))
        add("rpc", lambda: figures.rpc(self._rpc_rows()))
        if self.producer is None and self.settings.ready_head_age:
            most = self.settings.ready_head_age
            self.health.add("head", lambda: health.stale(time.time() - self.chain.head.timestamp, most))

    async def _look_after_readers(self) -> None:
        """Free what processes that died held; note since when the oldest snapshot stands."""
        while True:
            await asyncio.to_thread(self.database.clear_stale_readers)
            self.oldest.note(await asyncio.to_thread(self.database.stats), time.monotonic())
            await asyncio.sleep(READERS_SECONDS)

    def _rpc_rows(self) -> list[stats.Row]:
        return [*self.rpc.stats.rows(), *(self.workers.rows() if self.workers is not None else ())]

    def _builder(self) -> Builder:
        wanted = self.settings
        limits = BuilderSettings(
            gas_limit=wanted.builder_gas_limit,
            extra_data=contradictions.extra_data(wanted.builder_extra_data),
            max_blobs=wanted.builder_max_blobs,
        )
        return Builder(self.chain, self.pool, limits)

    def _producer(self) -> producer.Producer:
        kept = blobs.BlobStore(None if self.opened.scratch is not None else self.opened.folder / "blobs")
        seconds = self.settings.dev_block_time
        return producer.Producer(
            self.chain, self.pool, self.builder, clock=self.clock, block_seconds=seconds, blobs=kept
        )

    def _clock_offset(self) -> int:
        """A fork goes on from the time of the block that it forks."""
        return 0 if self.opened.forked is None else self.chain.head.timestamp - int(time.time())

    def _pending_of(self, made_by: producer.Producer) -> PendingBlocks:
        def build() -> Awaitable[_native.Pending]:
            return self.builder.build_pending(self.chain.head.hash, made_by.next_attributes())

        return PendingBlocks(self.chain, self.pool, build, made_by.next_attributes)

    def _engine(self) -> engine_methods.Engine:
        return engine_methods.Engine(
            consensus.Tree(self.chain, self.opened.genesis.config.get("terminalTotalDifficulty", 0)),
            self.payloads,
            consensus.PoolBlobs(self.pool),
            consensus.Codec(),
            version=CLIENT,
        )

    def _more(self) -> service.Groups:
        more: list[tuple[table.Group, object]] = [
            *self._groups,
            (engine_methods.METHODS, self.engine),
            (testing.METHODS, testing.Testing(self.engine, self.payloads)),
        ]
        if self.producer is not None:
            forked = self.opened.forked
            first = 0 if forked is None else forked.block
            held = wallet.Wallet(self.accounts)
            levers = control.Control(self.producer, self.pool, held, first, self.clock.offset)
            facts = {} if forked is None else forked.facts()
            more += methods.groups(unlocked.Unlocked(levers, self.reader, self.identity, self.door.keep, facts))
        return more

    def _pages(self) -> dict[str, server.PageHandler]:
        if self.producer is None:
            return {}
        return dict(beacon.Beacon(self.reader, self.producer.blobs, CLIENT).pages())

    def _http(self) -> rpc_settings.HttpSettings:
        wanted = self.settings
        namespaces = contradictions.namespaces(wanted.http_api, dev=wanted.dev)
        if wanted.dev:
            namespaces += DEV_NAMESPACES
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
        limits = rpc_settings.Limits(
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
        if self.opened.forked is None:
            return limits
        seconds = max(limits.answer_seconds, FORK_SECONDS)
        return replace(limits, heavy_threads=FORK_THREADS, answer_seconds=seconds)

    def _reader_settings(self) -> bytes:
        wanted = self.settings
        return orjson.dumps(
            {
                "client_version": CLIENT,
                "network_id": self.opened.genesis.chain_id,
                "gas_cap": wanted.rpc_gas_cap,
                "evm_timeout_seconds": max(wanted.rpc_evm_timeout, FORK_SECONDS if self.opened.forked else 0),
                "log_range": wanted.rpc_log_range,
                "log_results": wanted.rpc_log_results,
                "elsewhere": "pool" if self._pending is None else "pending_block",
            }
        )

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
        try:
            return [Account(*facts) for facts in self.native.accounts(addresses)]
        except _native.StorageError as error:
            raise StorageFailed(*error.args) from None

    def _rules(self) -> Rules:
        """The next block, as far as the pool needs it."""
        head = self.native.head()
        block = self.native.next_block(self.clock.peek(head.timestamp))
        return Rules(
            chain_id=self.opened.genesis.chain_id,
            fork=block.fork,
            kinds=frozenset(range(KINDS_BY_FORK.get(block.fork, 5))) - (NO_BLOBS if self.rollup else frozenset()),
            gas_limit=block.gas_limit,
            base_fee_wei=block.base_fee_per_gas,
            blob_base_fee_wei=block.blob_base_fee,
            max_blobs=block.max_blobs,
            min_tip_wei=max(self.settings.mempool_min_tip, self._operator_fee()),
            shanghai=block.fork != "Paris",
            osaka=block.fork not in BEFORE_OSAKA,
        )

    def _operator_fee(self) -> int:
        """A rollup takes its operator's fee out of the tip."""
        return int((self.rollup or {}).get("operatorFeePerGas", 0))

    def _follow(self, change: HeadChange) -> None:
        included = [one for block in change.applied for one in self.native.transaction_hashes(block)]
        self.pool.follow(self._rules(), included, change.returned)
        self.watch.blocks.note(len(change.reverted), change.work, change.commit_seconds)
