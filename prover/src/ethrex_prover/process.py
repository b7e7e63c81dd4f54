"""A prover process from start to stop: sessions, signals, the door for metrics and probes."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from ethrex_node.observe import admin, health, metrics, stall
from ethrex_node.rollup import attested
from ethrex_node.rollup.l1 import signers
from ethrex_prover import worker
from ethrex_prover.backends.attested import Attested
from ethrex_prover.backends.native import Execute
from ethrex_prover.coordinator import CoordinatorClient
from ethrex_prover.token import TokenFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """
    `key` names a signer (`signers.open_signer`), `prover` is this process's id at its coordinators. `token_files` is one
    for all of them, or one each.
    """

    coordinators: tuple[str, ...]
    token_files: tuple[Path, ...]
    prover: str
    key: str
    domain: attested.Domain
    metrics_port: int | None = None
    metrics_host: str = "127.0.0.1"
    worker: worker.Settings = field(default_factory=worker.Settings)


async def run(settings: Settings, execute: Execute) -> None:
    """Until SIGTERM or SIGINT. Raises `NotAble`, `signers.SignerError` and OSError before it takes any job."""
    async with aiohttp.ClientSession() as session:
        files = [TokenFile(path) for path in settings.token_files]
        tokens = files * len(settings.coordinators) if len(files) == 1 else files
        signer = await signers.open_signer(settings.key, settings.domain.l1_chain_id, session)
        clients = [
            CoordinatorClient(url, token, settings.prover, session)
            for url, token in zip(settings.coordinators, tokens, strict=True)
        ]
        working = worker.Worker(clients, Attested(execute, signer, settings.domain), settings.worker)
        print(f"prover     {settings.prover}, attested, signer 0x{signer.address.hex()}", flush=True)
        door = await _door(settings, working)
        loop = asyncio.get_running_loop()
        for one in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(one, working.leave)
        try:
            await working.run()
        finally:
            if door is not None:
                await door.stop()


async def _door(settings: Settings, working: worker.Worker) -> admin.AdminServer | None:
    if settings.metrics_port is None:
        return None
    figures, state, gaps = metrics.Metrics(), health.Health(), stall.StallMonitor()
    figures.add("prover", working.metrics)
    figures.add("loop", gaps.metrics)
    gaps.start()
    state.phase = None
    door = admin.AdminServer(settings.metrics_host, settings.metrics_port, figures, state)
    await door.start()
    print(f"metrics    http://{settings.metrics_host}:{door.port}/metrics", flush=True)
    return door
