"""The command as a process: what it refuses, how it leaves, what a kill leaves to others."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from ethrex_node.rollup import attested
from ethrex_node.rollup.coordinator import NewJob
from ethrex_node.rollup.coordinator import Settings as CoordinatorSettings
from ethrex_node.rollup.store.schema import JobState
from unit.prover.test_worker import LIMIT_SECONDS, job, until
from unit.rollup.coordinator.served import DOMAIN, KEY, ME, PROVER, Served, serving
from unit.rollup.rollups import COUNTER, Rollup

STANDIN = str(Path(__file__).with_name("standin_process.py"))
COMMAND = str(Path(sys.executable).with_name("ethrex-prover"))
FAST, FOR_EVER = "0.01", "600"


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    settings = CoordinatorSettings(lease_ms=1000, heartbeat_ms=200)
    async with serving(tmp_path, settings=settings, is_real_time=True) as made:
        (tmp_path / "token").write_text(PROVER + "\n")
        yield made


def arguments(served: Served, *more: str) -> list[str]:
    return [
        "run", "--backend", "attested", "--coordinator", served.service.url, "--token-file", str(served.folder / "token"),
        "--id", ME, "--key", "env:KEY", "--l1-chain-id", "31337", "--verifier", "0x" + DOMAIN.verifier.hex(),
        "--poll", "0.02", *more,
    ]  # fmt: skip


@asynccontextmanager
async def process(served: Served, seconds: str, *more: str) -> AsyncIterator[Process]:
    environment = {**os.environ, "KEY": (b"\1" * 32).hex(), "STANDIN_SECONDS": seconds}
    command = [sys.executable, STANDIN, *arguments(served, *more)]
    started = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE, env=environment)
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
        await started.communicate()


async def run(*command: str) -> tuple[int, str]:
    """Status and standard error of a command that ends by itself."""
    environment = {**os.environ, "KEY": (b"\1" * 32).hex()}
    started = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE, env=environment)
    async with asyncio.timeout(LIMIT_SECONDS):
        _, told = await started.communicate()
    return started.returncode or 0, told.decode()


async def test_a_process_proves_serves_metrics_and_leaves(served: Served) -> None:
    await served.add(1)
    async with process(served, FAST, "--metrics-port", "0", "--log-format", "json") as running:
        assert running.stdout is not None
        greeting = (await running.stdout.readline()).decode()
        url = (await running.stdout.readline()).decode().split()[-1]
        await until(lambda: served.coordinator.proofs(1))
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            metrics = await answer.text()
        running.send_signal(signal.SIGTERM)
        _, logs = await asyncio.wait_for(running.communicate(), LIMIT_SECONDS)

    assert f"0x{KEY.address.hex()}" in greeting
    assert "ethrex_prover_gas_total" in metrics
    assert running.returncode == 0
    assert b'"outcome": "proven"' in logs
    assert PROVER.encode() not in logs
    assert (b"\1" * 32).hex().encode() not in logs


async def test_sigterm_gives_a_long_job_back_and_ends_the_process(served: Served) -> None:
    await served.add(1)
    async with process(served, FOR_EVER, "--drain", "release") as running:
        await until(lambda: job(served).state is JobState.LEASED)
        running.send_signal(signal.SIGTERM)
        await asyncio.wait_for(running.wait(), LIMIT_SECONDS)

        assert job(served).state is JobState.WAITING
    assert running.returncode == 0


async def test_sigterm_lets_a_short_job_be_finished(served: Served) -> None:
    await served.add(1)
    async with process(served, "1") as running:
        await until(lambda: job(served).state is JobState.LEASED)
        running.send_signal(signal.SIGTERM)
        await asyncio.wait_for(running.wait(), LIMIT_SECONDS)

        assert job(served).state is JobState.PROVEN
    assert running.returncode == 0


async def test_what_a_killed_process_held_goes_to_the_next(served: Served) -> None:
    await served.add(1)
    async with process(served, FOR_EVER) as first:
        await until(lambda: job(served).state is JobState.LEASED)
        first.kill()
        await first.wait()

        async with process(served, FAST):
            await until(lambda: served.coordinator.proofs(1))
    assert job(served).fences == 2


@pytest.mark.parametrize("more", [(), ("--cross-check", "py-evm")], ids=["one engine", "two engines"])
async def test_a_batch_of_a_real_chain_is_executed_and_signed(
    served: Served, tmp_path: Path, more: tuple[str, ...]
) -> None:
    rollup = Rollup.open(tmp_path)
    rollup.seal(rollup.send(COUNTER), items=(rollup.item(b"\7" * 20, 5),))
    made = rollup.batch()
    wanted = NewJob(
        batch=1, kind="attested", program_version=1, batch_hash=made.hash, input=made.input, gas=1, due_ms=1 << 50
    )
    await served.coordinator.add(wanted)

    environment = {**os.environ, "KEY": (b"\1" * 32).hex()}
    running = await asyncio.create_subprocess_exec(COMMAND, *arguments(served, *more), stdout=PIPE, env=environment)
    await until(lambda: served.coordinator.proofs(1))
    running.send_signal(signal.SIGTERM)
    await asyncio.wait_for(running.communicate(), LIMIT_SECONDS)

    proof = served.coordinator.proofs(1)["attested"]
    assert attested.signer_of(proof, DOMAIN, made.hash, attested.KIND) == KEY.address


async def test_a_process_says_that_a_decoy_is_unprovable_and_proves_the_batch(tmp_path: Path) -> None:
    rollup = Rollup.open(tmp_path)
    rollup.seal(rollup.send(COUNTER), items=(rollup.item(b"\7" * 20, 5),))
    made = rollup.batch()
    draws = iter([0.0])
    async with serving(
        tmp_path,
        settings=CoordinatorSettings(decoy_rate=0.5),
        is_real_time=True,
        chance=lambda: next(draws, 1.0),
    ) as served:
        (tmp_path / "token").write_text(PROVER + "\n")
        wanted = NewJob(
            batch=1, kind="attested", program_version=1, batch_hash=made.hash, input=made.input, gas=1, due_ms=1 << 50
        )
        await served.coordinator.add(wanted)
        environment = {**os.environ, "KEY": (b"\1" * 32).hex()}
        running = await asyncio.create_subprocess_exec(COMMAND, *arguments(served), stdout=PIPE, env=environment)
        await until(lambda: served.coordinator.proofs(1))
        running.send_signal(signal.SIGTERM)
        await asyncio.wait_for(running.communicate(), LIMIT_SECONDS)

        events = served.coordinator.events
        assert (events["decoy_given"], events["decoy_refused"], events["decoy_signed"]) == (1, 1, 0)
        assert (events["unprovable"], events["proven"]) == (0, 1)


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("--key", "11" * 32, "a key in clear is not taken"),
        ("--key", "env:NOBODY", "NOBODY is not set"),
        ("--token-file", "/nowhere", "cannot read the token file /nowhere"),
        ("--verifier", "0x12", "is not an address"),
        ("--coordinator", "ftp://x", "is not an http or https URL"),
        ("--l1-chain-id", "0", "0 is not in the range"),
    ],
)
async def test_what_cannot_work_is_refused_at_start(served: Served, option: str, value: str, reason: str) -> None:
    given = arguments(served)
    given[given.index(option) + 1] = value

    status, told = await run(sys.executable, STANDIN, *given)

    assert (status, reason in told) == (2, True), told
    assert "Traceback" not in told
    assert "11" * 32 not in told
