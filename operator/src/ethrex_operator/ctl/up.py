"""``ethrexctl up``: a manifest as processes of this machine, with what they do shown, until ctrl-c."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp

from ..api.loading import Manifest
from ..chain import figures
from ..chain.errors import ChainError
from ..local import library
from ..local.run import Run, Seen
from ..topology import dev_accounts
from . import dev_funds
from .view import Screen, lines

DRAW_SECONDS: Final = 1.0
QUIET_SECONDS: Final = 10.0  # where there is no terminal


class NotUp(Exception):
    """It did not come up in the time that was given."""


@dataclass(frozen=True, slots=True)
class Wish:
    folder: Path
    manifest: Manifest
    secrets: dict[str, Path]
    timeout_seconds: float
    fund: bool
    once: bool = False  # come back when it is ready and leave it running


async def run(wish: Wish) -> None:
    """Raises `NotUp`, `InUse`, `Missing`, `NoPort`, `Unmet`."""
    shelf = library.of(wish.manifest.plain, wish.secrets)
    kept = Run(wish.folder, wish.manifest, shelf)
    stop = _stop_event()
    leave_running = False
    try:
        keeping = asyncio.create_task(kept.keep())
        stopped = asyncio.create_task(stop.wait())
        showing = asyncio.create_task(_show(wish, kept))
        try:
            await asyncio.wait((keeping, stopped, showing), return_when=asyncio.FIRST_COMPLETED)
            for failed in (one for one in (keeping, showing) if one.done()):
                failed.result()
            leave_running = wish.once and showing.done() and not stopped.done()
        finally:
            for task in (keeping, stopped, showing):
                task.cancel()
            await asyncio.gather(keeping, stopped, showing, return_exceptions=True)
            if not leave_running:
                await kept.end()
    finally:
        await kept.close()


async def _show(wish: Wish, kept: Run) -> None:
    screen = Screen()
    began = time.monotonic()
    funding: asyncio.Task[None] | None = None
    async with aiohttp.ClientSession() as session:
        try:
            while not (seen := kept.seen()).ready:
                if kept.unmet:
                    raise next(iter(kept.unmet.values()))
                if wish.fund and funding is None and seen.contracts:
                    funding = asyncio.create_task(dev_funds.deposit(session, wish.manifest, seen))
                if time.monotonic() - began > wish.timeout_seconds:
                    raise NotUp(f"not ready within {wish.timeout_seconds:g} s\n" + "\n".join(_waiting(seen)))
                if screen.is_terminal:
                    screen.draw(_waiting(seen) or ["starting"])
                await asyncio.sleep(0.1)
            if wish.fund:
                await (funding or dev_funds.deposit(session, wish.manifest, seen))
                await dev_funds.arrived(session, wish.manifest, seen)
        finally:
            if funding is not None:
                funding.cancel()
                await asyncio.gather(funding, return_exceptions=True)
        _greet(wish, seen, screen, time.monotonic() - began)
        if not wish.once:
            await _watch(session, kept, screen)


async def _watch(session: aiohttp.ClientSession, kept: Run, screen: Screen) -> None:
    while True:
        seen = kept.seen()
        text = []
        for name in seen.contracts:
            metrics = seen.urls.get(f"{name}-sequencer", {}).get("metrics", "")
            try:
                text += lines(name, await figures.of_sequencer(session, metrics))
            except ChainError as error:
                text.append(f"{name}   {error}")
        screen.draw([*text, *_waiting(seen)])
        await asyncio.sleep(DRAW_SECONDS if screen.is_terminal else QUIET_SECONDS)


def _waiting(seen: Seen) -> list[str]:
    return [
        f"{name:<24} {state.phase}{f'   {state.reason}' if state.reason else ''}"
        for name, state in seen.workloads.items()
        if state.phase not in ("Ready", "Done")
    ]


def _greet(wish: Wish, seen: Seen, screen: Screen, seconds: float) -> None:
    if screen.is_terminal:
        screen.draw([])
    screen.draw([])
    for name, url in seen.public.items():
        screen.say(f"{name:<24} {url}")
    for name, contracts in seen.contracts.items():
        screen.say(f"{name} settles on chain {contracts.l1_chain_id}: bridge {contracts.bridge}")
        screen.say(f"{'':<24} proposer {contracts.proposer}")
    if any(node.spec.network.dev for node in wish.manifest.l1_nodes):
        for number, address in enumerate(dev_accounts.ADDRESSES):
            screen.say(f"account {number:<16} {address}")
        screen.say(
            "Their keys are those of the mnemonic 'test test … junk': public knowledge, never for anything of value."
        )
    screen.say(f"data and logs            {wish.folder}")
    screen.say(f"ready after {seconds:.1f} s" + ("" if wish.once else "; ctrl-c ends all of it"))


def _stop_event() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        with contextlib.suppress(ValueError):
            loop.add_signal_handler(number, stop.set)
    return stop
