"""
Putting the RPC together: one table, one set of counters, a dispatcher and a server a door.

`Service` is the RPC of the writing process; ``workers`` builds the same table without the writer's state and forwards
what needs it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ethrex_node.rpc import (
    dispatch,
    filters,
    ipc,
    parts,
    server,
    settings,
    stats,
    subscriptions,
    table,
)
from ethrex_node.rpc.methods import eth, net, txpool, web3
from ethrex_node.rpc.node import Local, Node

Native = Sequence[tuple[str, int]]  # _native.snapshot_methods()
Groups = Sequence[tuple[table.Group, object]]  # further methods, each group with its state


def methods(native: Native, local: Local, node: Node | None, more: Groups = ()) -> table.Table:
    """The table. `node` is None in a worker: the writer's methods are known there by name and are forwarded."""
    whole = table.Table(native)
    whole.add(web3.METHODS, local)
    for group in (net.METHODS, txpool.METHODS, eth.METHODS):
        whole.add(group, node)
    for group, state in more:
        whole.add(group, state)
    return whole


class Service:
    """Filters, subscriptions and doors of the writing process, from `start` to `stop`."""

    def __init__(
        self,
        native: Native,
        reader: parts.Reader,
        pool: parts.Pool,
        heads: parts.Heads,
        identity: parts.Identity,
        keccak: Callable[[bytes], bytes],
        *,
        peers: parts.Peers | None = None,
        limits: settings.Limits | None = None,
        more: Groups = (),
        pending: parts.PendingBlock | None = None,
        upstream: parts.Upstream | None = None,
    ) -> None:
        self.limits = limits or settings.Limits()
        self.reader = reader
        self._pending = pending
        self._clock = _Clock()
        self.filters = filters.Filters(reader, heads, pool, self.limits, self._clock)
        self.subscriptions = subscriptions.Subscriptions(reader, heads, pool, self.limits)
        self.node = Node(
            identity=identity,
            keccak=keccak,
            reader=reader,
            pool=pool,
            heads=heads,
            peers=peers or parts.NoPeers(identity),
            filters=self.filters,
            subscriptions=self.subscriptions,
            limits=self.limits,
            upstream=upstream,
        )
        self.table = methods(native, Local(identity, keccak, self.modules), self.node, more)
        self.further = [function.name for group, _ in more for function in group.functions]
        self.stats = stats.Stats([row.name for row in self.table.rows])
        self._threads = ThreadPoolExecutor(self.limits.heavy_threads, "rpc")
        self._servers: list[server.Server | ipc.SocketServer] = []
        self._namespaces: set[str] = set()

    def dispatcher(
        self, namespaces: Sequence[str], extra: Sequence[str] = (), limits: settings.Limits | None = None
    ) -> dispatch.Dispatcher:
        """A view of the table for one door: whole namespaces and single methods beside them."""
        self._namespaces.update(namespaces)
        served = self.table.served(namespaces, (*settings.ALWAYS_SERVED, *extra))
        return self._view(served, limits or self.limits)

    def _view(self, served: frozenset[str], limits: settings.Limits) -> dispatch.Dispatcher:
        return dispatch.Dispatcher(
            self.table,
            self.reader,
            served,
            limits,
            counters=self.stats,
            threads=self._threads,
            pending=self._pending,
            waits=self.node.upstream is not None,
        )

    async def start(self) -> None:
        self._clock.loop = asyncio.get_running_loop()
        self.subscriptions.start()

    async def listen(
        self,
        rules: settings.HttpSettings,
        *,
        extra: Sequence[str] = (),
        pages: Mapping[str, server.PageHandler] | None = None,
        authorize: server.Authorize | None = None,
    ) -> server.Server:
        """Open a door. Raises OSError where the address is taken."""
        served = self.dispatcher(rules.namespaces, extra, rules.limits)
        door = server.Server(served, rules, pages=pages, authorize=authorize)
        await door.start()
        self._servers.append(door)
        return door

    async def listen_socket(self, path: Path) -> ipc.SocketServer:
        """Open the IPC door, which serves every namespace. Raises OSError where it cannot be bound."""
        served = self._view(self.table.served(self.table.namespaces()), self.limits)
        door = ipc.SocketServer(path, served, self.limits)
        await door.start()
        self._servers.append(door)
        return door

    async def stop(self, grace_seconds: float = 5.0) -> None:
        """Close the doors after what is in hand, then the rest."""
        await asyncio.gather(*(door.stop(grace_seconds) for door in self._servers))
        await self.subscriptions.close()
        self.filters.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def modules(self) -> list[str]:
        """The namespaces that some door serves."""
        return sorted(self._namespaces | {"rpc"})


class _Clock:
    """The event loop's clock, once there is a loop."""

    loop: asyncio.AbstractEventLoop | None = None

    def __call__(self) -> float:
        return self.loop.time() if self.loop is not None else 0.0
