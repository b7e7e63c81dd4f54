"""Run a node until SIGINT or SIGTERM, and tell what it is doing."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Coroutine, Iterable, Iterator
from typing import Any

from ethrex_node import node
from ethrex_node.cli import asked, transfer
from ethrex_node.config import settings
from ethrex_node.observe import logs
from ethrex_node.rpc import loops

STATUS_SECONDS = 1.0


def run(given: dict[str, Any]) -> None:
    everything = asked.told(given)
    with logged(everything.settings, everything.warnings):
        loops.run(_watched(everything.settings))


@contextlib.contextmanager
def logged(wanted: settings.Settings, warnings: Iterable[str]) -> Iterator[None]:
    """Logs as the settings want them; what the settings themselves deserve is said first."""
    logging = logs.start(wanted.log_level, wanted.log_format, wanted.log_color)
    try:
        for warning in warnings:
            print(f"warning: {warning}", file=sys.stderr)
        yield
    finally:
        logging.stop()


def stop_event() -> asyncio.Event:
    """Set by SIGINT and SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for one in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(one, stop.set)
    return stop


async def _watched(wanted: settings.Settings) -> None:
    """The operators' door first: it tells how far the start has come."""
    stop = stop_event()
    watch = node.Watch(wanted)
    await watch.start()
    try:
        watch.health.phase = "opening the database"
        opened = await asyncio.to_thread(node.open_chain, wanted)
        if wanted.import_file is not None:
            watch.health.phase = f"importing {wanted.import_file}"
            await asyncio.to_thread(transfer.import_into, opened.native, wanted.import_file, stop.is_set)
        if not stop.is_set():
            await _serve(wanted, opened, watch, stop)
    finally:
        await watch.stop()


async def _serve(wanted: settings.Settings, opened: node.Opened, watch: node.Watch, stop: asyncio.Event) -> None:
    running = node.Node(wanted, opened, watch)
    await running.start()
    greet(running)
    status = asyncio.create_task(_status(running)) if sys.stdout.isatty() else None
    await stop.wait()
    if status is not None:
        status.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await status
        print()
    await running.stop()


async def started(start: Coroutine[Any, Any, None], stop: asyncio.Event) -> bool:
    """Whether a role of a rollup came up before somebody stopped it: it may wait for an L1."""
    starting, stopped = asyncio.create_task(start), asyncio.create_task(stop.wait())
    await asyncio.wait((starting, stopped), return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if not starting.done():
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        return False
    starting.result()
    return True


def greet(running: node.Node) -> None:
    print(f"JSON-RPC   {running.url}")
    if running.ipc is not None:
        print(f"IPC        {running.ipc}")
    if running.auth_url:
        print(f"Engine API {running.auth_url}")
    if running.watch.admin is not None:
        print(f"metrics    http://{running.settings.metrics_addr}:{running.watch.admin.port}/metrics")
    print(f"chain id   {running.identity.chain_id}")
    if running.opened.forked is not None:
        print(f"fork of    {running.opened.forked.upstream.name} after block {running.opened.forked.block}")
    print(f"data       {running.identity.data_folder}")
    print("peers      none: this node runs without a peer-to-peer network")
    for number, account in enumerate(running.accounts):
        print(f"account {number:>2} 0x{account.address.hex()}  key 0x{account.key.hex()}")
    if running.accounts:
        print("These keys are public knowledge: never send anything of value to these accounts.")
    sys.stdout.flush()


async def _status(running: node.Node) -> None:
    while True:
        head = running.chain.head
        pending, queued = running.pool.counts()
        print(f"\rblock {head.number}  gas {head.gas_used:,}  pool {pending} + {queued} waiting   ", end="", flush=True)
        await asyncio.sleep(STATUS_SECONDS)
