"""A prover's worker against real coordinators over HTTP, with real signatures."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ethrex_node import _native
from ethrex_node.rollup import attested
from ethrex_node.rollup.coordinator import Settings as CoordinatorSettings
from ethrex_node.rollup.store.schema import INPUTS, Bytes, Job, JobState
from ethrex_prover.backends.attested import Attested
from ethrex_prover.backoff import Backoff
from ethrex_prover.coordinator import CoordinatorClient
from ethrex_prover.token import TokenFile
from ethrex_prover.worker import Drain, Settings, Worker
from unit.prover.standin import Executor
from unit.rollup.coordinator.served import DOMAIN, KEY, ME, PROVER, RIVAL, STRANGER, Served, serving

SHORT = CoordinatorSettings(lease_ms=3000, heartbeat_ms=100, retry_ms=1, retry_most_ms=1)
LIMIT_SECONDS = 60


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with serving(tmp_path, settings=SHORT, is_real_time=True) as made:
        yield made


class Prover:
    """A worker that runs, over some coordinators."""

    def __init__(self, worker: Worker, executor: Executor) -> None:
        self.worker = worker
        self.executor = executor
        self.task = asyncio.create_task(worker.run())

    async def stopped(self) -> None:
        self.worker.leave()
        await asyncio.wait_for(self.task, LIMIT_SECONDS)


@contextlib.asynccontextmanager
async def prover(
    *served: Served, token: str = PROVER, name: str = ME, signer: Any = KEY, **settings: Any
) -> AsyncIterator[Prover]:
    executor = Executor()
    given: dict[str, Any] = {"poll_seconds": 0.01, "backoff": Backoff(0.01, 0.05)}
    chosen = Settings(**given | settings)
    file = served[0].folder / f"token of {name}"
    file.write_text(token)
    async with aiohttp.ClientSession() as session:
        clients = [CoordinatorClient(one.service.url, TokenFile(file), name, session) for one in served]
        running = Prover(Worker(clients, Attested(executor, signer, DOMAIN), chosen), executor)
        try:
            yield running
        finally:
            executor.go_on.set()
            await running.stopped()


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(LIMIT_SECONDS):
        while not condition():
            await asyncio.sleep(0.005)


def job(served: Served, batch: int = 1) -> Job:
    return next(one for _, one in served.coordinator.jobs(b"", 100) if one.batch == batch)


async def test_jobs_are_proven_in_order(served: Served) -> None:
    for batch in range(5):
        await served.add(batch, due_ms=batch)

    async with prover(served) as running:
        await until(lambda: served.coordinator.proofs(4))

    proofs = [served.coordinator.proofs(batch)["attested"] for batch in range(5)]
    signers = [attested.signer_of(proof, DOMAIN, batch.to_bytes(32, "big")) for batch, proof in enumerate(proofs)]
    assert signers == [KEY.address] * 5
    assert running.worker.outcomes["proven"] == 5
    assert running.worker.gas == 5000


async def test_several_coordinators_are_served_in_turn(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    order: list[str] = []
    async with serving(tmp_path / "a") as first, serving(tmp_path / "b") as second:
        for name, one in (("a", first), ("b", second)):
            one.coordinator.listeners.append(functools.partial(lambda name, _: order.append(name), name))
            for batch in range(4):
                await one.add(batch)

        async with prover(first, second):
            await until(lambda: len(order) == 8)

    assert order == ["a", "b"] * 4


async def test_one_coordinator_that_is_away_does_not_keep_from_another(served: Served) -> None:
    await served.add()
    (served.folder / "token").write_text(PROVER)
    token = TokenFile(served.folder / "token")
    async with aiohttp.ClientSession() as session:
        clients = [CoordinatorClient(url, token, ME, session) for url in ("http://127.0.0.1:1", served.service.url)]
        settings = Settings(poll_seconds=0.01, backoff=Backoff(0.01, 0.05))
        running = Prover(Worker(clients, Attested(Executor(), KEY, DOMAIN), settings), Executor())
        await until(lambda: served.coordinator.proofs(1))
        await running.stopped()

    assert running.worker.outcomes["lease Unreachable"] >= 1


async def test_a_token_that_is_put_in_its_file_later_counts_at_once(served: Served) -> None:
    await served.add()
    async with prover(served, token="w" * 32) as running:
        await until(lambda: running.worker.outcomes["lease Refused"])
        file = served.folder / f"token of {ME}"
        file.unlink()
        file.write_text(PROVER)
        await until(lambda: served.coordinator.proofs(1))

        file.unlink()
        await served.add(2)
        await until(lambda: served.coordinator.proofs(2))


async def test_heartbeats_go_on_while_a_batch_is_executed(served: Served) -> None:
    await served.add()
    async with prover(served) as running:
        running.executor.hold()
        await until(running.executor.began.is_set)
        before = job(served).lease
        await until(lambda: (job(served).lease or before).until_ms > before.until_ms + 3 * SHORT.heartbeat_ms)  # type: ignore[union-attr]

        assert await served.lease("rival", RIVAL) is None
        running.executor.go_on.set()
        await until(lambda: served.coordinator.proofs(1))
    assert job(served).fences == 1


async def test_what_executes_to_another_hash_is_never_signed(served: Served) -> None:
    await served.add()
    async with prover(served) as running:
        running.executor.lie = b"\x66" * 32
        await until(lambda: job(served).state is JobState.UNPROVABLE)

    assert "claimed is" in job(served).reason
    assert running.worker.outcomes == {"unprovable": 1}


@pytest.mark.parametrize(
    "error", [_native.BlockInvalid("StateRoot", "state root differs"), ValueError("truncated input")]
)
async def test_a_batch_that_the_core_refuses_is_unprovable(served: Served, error: Exception) -> None:
    await served.add()
    async with prover(served) as running:
        running.executor.error = error
        await until(lambda: job(served).state is JobState.UNPROVABLE)

    assert str(error.args[-1]) in job(served).reason
    assert running.executor.executed == 1


class Panic(BaseException):
    """As PyO3's."""


@pytest.mark.parametrize(
    "error", [MemoryError("no memory"), OSError("disk"), _native.StorageError("map full"), Panic("p")]
)
async def test_what_goes_wrong_here_is_tried_again(served: Served, error: BaseException) -> None:
    await served.add()
    async with prover(served) as running:
        running.executor.error = error
        await until(lambda: running.worker.outcomes["failed"] >= 2)
        running.executor.error = None
        await until(lambda: served.coordinator.proofs(1))


async def test_a_coordinator_that_restarts_meanwhile_gets_the_proof(served: Served) -> None:
    await served.add()
    async with prover(served) as running:
        running.executor.hold()
        await until(running.executor.began.is_set)
        port = int(served.service.url.rpartition(":")[2])
        await served.stop()
        running.executor.go_on.set()
        await until(lambda: running.executor.executed == 1)

        await served.start(port)
        await until(lambda: served.coordinator.proofs(1))
    assert running.executor.executed == 1


async def test_a_lost_lease_is_let_go(served: Served) -> None:
    await served.add()
    async with prover(served) as running:
        running.executor.hold()
        await until(running.executor.began.is_set)
        await served.coordinator.forget(1)
        await served.add(2)
        running.executor.go_on.set()
        await until(lambda: served.coordinator.proofs(2))

    assert running.worker.outcomes == {"lost": 1, "proven": 1}


async def test_told_to_leave_it_finishes_the_job_in_hand(served: Served) -> None:
    await served.add(1)
    await served.add(2)
    async with prover(served) as running:
        running.executor.hold()
        await until(running.executor.began.is_set)
        running.worker.leave()
        running.executor.go_on.set()
        await asyncio.wait_for(running.task, LIMIT_SECONDS)

    assert served.coordinator.proofs(1)
    assert job(served, 2).state is JobState.WAITING


async def test_told_to_leave_it_does_not_wait_for_a_coordinator_that_nobody_hears(served: Served) -> None:
    await served.add()
    async with prover(served, grace_seconds=10 * LIMIT_SECONDS) as running:
        running.executor.hold()
        await until(running.executor.began.is_set)
        running.worker.leave()
        await served.stop()
        running.executor.go_on.set()
        await asyncio.wait_for(running.task, LIMIT_SECONDS)
    await served.start()

    assert running.worker.outcomes == {"unheard": 1}
    assert job(served).state is JobState.LEASED


@pytest.mark.parametrize("settings", [{"drain": Drain.RELEASE}, {"drain": Drain.FINISH, "grace_seconds": 0.05}])
async def test_told_to_leave_it_gives_back_what_it_does_not_finish(served: Served, settings: dict[str, Any]) -> None:
    await served.add()
    async with prover(served, **settings) as running:
        running.executor.hold()
        await until(running.executor.began.is_set)
        running.worker.leave()
        await asyncio.wait_for(running.task, LIMIT_SECONDS)

        assert job(served).state is JobState.WAITING
        assert job(served).attempts == 0
        assert await served.lease("rival", RIVAL) is not None
    assert running.worker.outcomes == {"released": 1}


async def test_a_prover_whose_key_is_not_registered_is_told_and_others_go_on(served: Served) -> None:
    await served.add()
    async with prover(served, signer=STRANGER) as wrong:
        await until(lambda: wrong.worker.outcomes["refused"] >= 1)
        async with prover(served, token=RIVAL, name="rival"):
            await until(lambda: served.coordinator.proofs(1))

    assert job(served).proven_by == "rival"


async def test_a_wrong_token_is_told_and_tried_again(served: Served) -> None:
    await served.add()
    async with prover(served, token="x" * 32) as running:
        await until(lambda: running.worker.outcomes["lease Refused"] >= 2)

    assert job(served).fences == 0


async def test_an_input_that_is_not_what_was_asked_for_is_not_executed(served: Served) -> None:
    await served.add()
    await served.store.write(lambda txn: txn.put(INPUTS, job(served).input_hash, Bytes(b"other bytes")))

    async with prover(served) as running:
        await until(lambda: running.worker.outcomes["failed"] >= 1)

    assert running.executor.executed == 0
    assert "not the input" in job(served).reason


async def test_metrics_say_what_was_done(served: Served) -> None:
    await served.add()
    async with prover(served) as running:
        await until(lambda: running.worker.outcomes["proven"] == 1)
        await until(lambda: running.worker.busy_with is None)

    samples: dict[Any, float] = {
        (s.name, *s.labels.values()): s.value for f in running.worker.metrics() for s in f.samples
    }
    assert samples["ethrex_prover_jobs_total", "proven"] == 1
    assert samples["ethrex_prover_gas_total",] == 1000
    assert samples["ethrex_prover_busy",] == 0
    assert samples["ethrex_prover_seconds_count",] == 1
