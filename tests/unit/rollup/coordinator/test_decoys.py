"""Jobs that nobody can prove: honest provers say so and lose nothing, who signs them is out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from ethrex_node import _native
from ethrex_node.rollup.coordinator import NewJob, Settings, decoys, wire
from ethrex_node.rollup.store import schema
from ethrex_node.rollup.store.environment import key
from ethrex_node.rollup.store.schema import JobState
from ethrex_prover.backends import native
from ethrex_prover.backends.attested import Attested
from ethrex_prover.coordinator import CoordinatorClient
from ethrex_prover.token import TokenFile
from ethrex_prover.worker import Settings as WorkerSettings
from ethrex_prover.worker import Worker
from unit.rollup.coordinator.served import (
    DOMAIN,
    KEY,
    ME,
    OBSERVER,
    OPERATOR,
    PROVER,
    RIVAL,
    VERSION,
    Served,
    serving,
)
from unit.rollup.rollups import COUNTER, MESSENGER, Rollup

SEED = b"\7" * 32
POINTER = b"\5" * 32
SETTINGS = Settings(decoy_rate=0.5, attempts_most=3)
LIMIT_SECONDS = 60.0


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with serving(tmp_path, settings=SETTINGS) as made:
        yield made


@pytest.fixture
def rollup(tmp_path: Path) -> Rollup:
    opened = Rollup.open(tmp_path)
    opened.seal(opened.send(COUNTER), items=(opened.item(b"\x07" * 20, 10**18),))
    opened.seal(opened.send(MESSENGER, data=b"\1" * 32), opened.send(b"\x08" * 20, 5), seconds=0)
    return opened


async def add(served: Served, made: _native.AssembledBatch) -> str:
    new = NewJob(
        batch=made.number, kind="attested", program_version=VERSION, batch_hash=made.hash, input=made.input,
        gas=1000, due_ms=made.number,
    )  # fmt: skip
    return (await served.coordinator.add(new)).job_id


def drawing(served: Served, *draws: bool) -> None:
    """Which of the next leases are decoys; none after them."""
    left = iter([0.0 if draw else 1.0 for draw in draws])
    served.chance = lambda: next(left, 1.0)


def row_of(served: Served, prover: str) -> schema.Prover:
    with served.store.read() as txn:
        row = txn.get(schema.PROVERS, key(prover))
    assert row is not None
    return row


def inputs(served: Served) -> set[bytes]:
    with served.store.read() as txn:
        return {at for at, _ in txn.scan(schema.INPUTS)}


# What a decoy is


@pytest.mark.parametrize("pointer", [None, POINTER], ids=["rollup", "validium"])
def test_a_decoy_is_refused_by_execution_and_by_nothing_before_it(rollup: Rollup, pointer: bytes | None) -> None:
    made = rollup.batch(pointer)

    decoy = decoys.make(made.input, SEED)

    with pytest.raises(_native.ProgramRefused, match="state root"):
        _native.execute_batch(decoy.input)
    assert decoy.input_hash == _native.keccak256(decoy.input) != _native.keccak256(made.input)
    assert decoy.batch_hash != made.hash


@pytest.mark.parametrize("pointer", [None, POINTER], ids=["rollup", "validium"])
def test_whoever_reads_a_decoy_without_executing_it_comes_to_its_hash(rollup: Rollup, pointer: bytes | None) -> None:
    made = rollup.batch(pointer)

    decoy = decoys.make(made.input, SEED)

    assert _native.batch_hash(read(decoy.input, made.encoded)) == decoy.batch_hash
    assert _native.batch_hash(read(made.input, made.encoded)) == made.hash, "the reader reads real inputs alike"


def read(prover_input: bytes, real: bytes) -> bytes:
    """The statement out of an input's bytes; what no lie is in, as it is in the real one."""
    fields = _native.rlp_decode(prover_input)
    header = _native.rlp_decode(fields[12][-1])[0]
    words = [real[at : at + 32] for at in range(0, len(real), 32)]
    words[4] = _native.batch_hash(fields[11])
    words[6] = header[3]
    words[9] = _native.keccak256(_native.rlp_encode(header))
    if len(fields) > 16:
        digest = _native.keccak256(fields[14])
        words[16] = _native.keccak256((1).to_bytes(32, "big") + fields[16] + digest)
        return b"".join(words)
    (versioned_hash,) = fields[15]
    blob = b"".join(b"\0" + fields[14][at : at + 31] for at in range(0, len(fields[14]), 31))
    digest = _native.keccak256(versioned_hash + _native.keccak256(fields[14]))
    z = (int.from_bytes(digest, "big") % decoys.FIELD_ORDER).to_bytes(32, "big")
    _, y = _native.compute_kzg_proof(blob, z)
    head = [number.to_bytes(32, "big") for number in (0, 1, 96, 1)]
    words[16] = _native.keccak256(b"".join([*head, versioned_hash, z, y]))
    return b"".join(words)


def test_the_diff_of_a_decoy_ends_in_the_header_that_its_block_has(rollup: Rollup) -> None:
    made = rollup.batch(POINTER)
    decoy = decoys.make(made.input, SEED)
    rebuilt = _native.RebuiltState(rollup.genesis, rollup_genesis_batch(rollup))

    fields = _native.rlp_decode(decoy.input)
    statement = read(decoy.input, made.encoded)
    with pytest.raises(_native.ProgramRefused, match=r"batch hash|state root"):
        rebuilt.take_kept(statement, fields[16], fields[14])


def rollup_genesis_batch(rollup: Rollup) -> bytes:
    return _native.genesis_batch(rollup.genesis, l1_chain_id=1, proposer=b"\x05" * 20, salt=bytes(32))


def test_l1_takes_no_decoy_since_it_names_another_batch_before_it(rollup: Rollup) -> None:
    made = rollup.batch()

    previous = _native.rlp_decode(decoys.make(made.input, SEED).input)[11]

    assert _native.batch_hash(previous) != made.encoded[4 * 32 : 5 * 32]


def test_an_input_that_proves_nothing_makes_no_decoy(rollup: Rollup) -> None:
    fields = _native.rlp_decode(rollup.batch().input)

    with pytest.raises(_native.ProgramRefused):
        decoys.make(_native.rlp_encode([*fields[:13], b"\xc0", *fields[14:]]), SEED)


# Through the door


async def test_a_grant_of_a_decoy_looks_like_any_other(served: Served, rollup: Rollup) -> None:
    made = rollup.batch()
    job_id = await add(served, made)
    drawing(served, True)

    grant = await served.granted()
    data = await served.call("GET", f"/v1/inputs/0x{grant.input_hash.hex()}")

    assert (grant.job_id, grant.batch, grant.gas, grant.fence) == (job_id, made.number, 1000, 1)
    assert grant.batch_hash != made.hash
    assert _native.keccak256(data.body) == grant.input_hash
    real = await served.call("GET", f"/v1/inputs/0x{_native.keccak256(made.input).hex()}")
    assert real.status == 403, "the real input would give it away"
    assert (await served.note("heartbeat", grant, text="half")).status == 200


async def test_who_says_that_a_decoy_cannot_be_proven_loses_nothing(served: Served, rollup: Rollup) -> None:
    made = rollup.batch()
    job_id = await add(served, made)
    drawing(served, True)
    grant = await served.granted()

    answer = await served.note("failure", grant, text="state root", is_unprovable=True)

    assert (answer.status, answer.json) == (200, {"job": job_id, "state": "unprovable"})
    me = row_of(served, ME)
    assert (me.failures, me.decoys, me.is_cordoned, me.is_distrusted) == (0, 1, False, False)
    assert inputs(served) == {_native.keccak256(made.input)}, "the decoy is let go of"
    again = await served.granted()
    assert (again.job_id, again.batch_hash, again.fence) == (job_id, made.hash, 2)
    assert (await served.prove(again)).status == 200
    assert served.coordinator.events["unprovable"] == 0
    assert served.coordinator.events["decoy_refused"] == 1


async def test_real_jobs_that_cannot_be_proven_alarm_all_the_same(served: Served, rollup: Rollup) -> None:
    await add(served, rollup.batch())
    drawing(served, False)
    grant = await served.granted()

    await served.note("failure", grant, is_unprovable=True)

    assert served.coordinator.events["unprovable"] == 1


async def test_who_signs_a_decoy_is_out(served: Served, rollup: Rollup, caplog: pytest.LogCaptureFixture) -> None:
    first = await add(served, rollup.batch())
    rollup.seal(rollup.send(COUNTER))
    second = await add(served, rollup.batch())
    rollup.seal(rollup.send(COUNTER))
    third = await add(served, rollup.batch())
    drawing(served, False, True)
    assert (await served.prove(await served.granted())).status == 200
    held = await served.granted("pool-a.1")
    assert held.job_id == second
    await served.note("release", held)
    drawing(served, True)
    decoy = await served.granted()

    answer = await served.prove(decoy)

    assert (answer.status, answer.json["error"]) == (422, "InvalidProof")
    assert served.coordinator.proofs(1) == served.coordinator.proofs(2) == {}, "neither the old proof nor the new one"
    states = {job.job_id: job.state for _, job in served.coordinator.jobs(b"", 10)}
    assert states == {first: JobState.WAITING, second: JobState.WAITING, third: JobState.WAITING}
    assert "signs what it did not execute" in caplog.text
    assert served.coordinator.events["decoy_signed"] == 1
    (gauge,) = (one for one in served.coordinator.metrics() if one.name == "ethrex_proof_provers_distrusted")
    assert [sample.value for sample in gauge.samples] == [3], "the name, and both ids that came under it"


async def refused(served: Served, prover: str, token: str = PROVER) -> bool:
    answer = await served.call(
        "POST", "/v1/jobs/lease", wire.LeaseRequest(prover, ("attested",), VERSION).json(), token
    )
    assert answer.status in (200, 204, 403), answer
    return answer.status == 403


async def liar(served: Served, rollup: Rollup) -> None:
    """`ME` signs a decoy of the first batch."""
    await add(served, rollup.batch())
    drawing(served, True)
    assert (await served.prove(await served.granted())).status == 422


async def test_a_liar_does_not_come_back_under_another_id_of_its_name_nor_after_a_restart(
    served: Served, rollup: Rollup
) -> None:
    await liar(served, rollup)
    served.ms += SETTINGS.retry_most_ms

    assert await refused(served, ME)
    assert await refused(served, "pool-a.7")
    await served.stop()
    await served.start()
    assert await refused(served, ME)
    assert await refused(served, "pool-a.8")
    assert not await refused(served, "rival", RIVAL), "others go on"


async def test_the_liar_s_proofs_are_made_again_by_others(served: Served, rollup: Rollup) -> None:
    await liar(served, rollup)
    served.ms += SETTINGS.retry_most_ms

    grant = await served.granted("rival", RIVAL)

    assert (await served.prove(grant, prover="rival", token=RIVAL)).status == 200
    assert served.coordinator.proofs(1).keys() == {"attested"}


async def test_an_operator_ends_the_distrust(served: Served, rollup: Rollup) -> None:
    await liar(served, rollup)
    provers = (await served.call("GET", "/v1/provers", token=OBSERVER)).json["provers"]
    assert {(one["prover"], one["state"], one["distrusted"]) for one in provers} >= {(ME, "cordoned", True)}

    for name in ("pool-a", ME):
        await served.call("DELETE", f"/v1/provers/{name}/cordon", token=OPERATOR)

    assert not await refused(served, ME)


async def test_garbage_for_a_decoy_is_an_invalid_proof_like_any_other(served: Served, rollup: Rollup) -> None:
    await add(served, rollup.batch())
    drawing(served, True)
    grant = await served.granted()

    assert (await served.prove(grant, b"\1" * 65)).status == 422
    assert row_of(served, ME).invalid_proofs == 1
    assert not row_of(served, ME).is_distrusted


async def test_a_decoy_whose_lease_runs_out_leaves_the_job_to_the_next(served: Served, rollup: Rollup) -> None:
    made = rollup.batch()
    await add(served, made)
    drawing(served, True)
    old = await served.granted()
    served.ms += SETTINGS.lease_ms

    taken = await served.granted("pool-a.1")

    assert taken.batch_hash == made.hash
    assert inputs(served) == {_native.keccak256(made.input)}
    assert (await served.prove(old)).status == 409


async def test_a_forgotten_batch_takes_its_decoy_along(served: Served, rollup: Rollup) -> None:
    await add(served, rollup.batch())
    drawing(served, True)
    await served.granted()

    await served.coordinator.forget(1)

    assert inputs(served) == set()


async def test_the_rate_is_of_leases_and_none_by_itself(served: Served, rollup: Rollup) -> None:
    await add(served, rollup.batch())
    seen = 0
    draws = iter((0.0, 0.49, 0.5, 0.99))
    served.chance = lambda: next(draws)
    for _ in range(4):
        grant = await served.granted()
        seen += served.coordinator.events["decoy_given"]
        served.coordinator.events["decoy_given"] = 0
        await served.note("release", grant)

    assert seen == 2
    assert Settings().decoy_rate == 0.0
    with pytest.raises(ValueError, match="0 to 1"):
        Settings(decoy_rate=1.5)


# With the prover's own code


def a_worker(served: Served, session: aiohttp.ClientSession, execute: native.Execute) -> Worker:
    (served.folder / "token").write_text(PROVER)
    client = CoordinatorClient(served.service.url, TokenFile(served.folder / "token"), ME, session)
    return Worker([client], Attested(execute, KEY, DOMAIN), WorkerSettings(poll_seconds=0.02))


async def until_done(served: Served, worker: Worker, event: str) -> None:
    running = asyncio.create_task(worker.run())
    async with asyncio.timeout(LIMIT_SECONDS):
        while not served.coordinator.events[event]:
            await asyncio.sleep(0.02)
    worker.leave()
    await running


async def test_an_honest_prover_sees_through_decoys_and_proves_the_batch(served: Served, rollup: Rollup) -> None:
    await add(served, rollup.batch())
    drawing(served, True, True)
    async with aiohttp.ClientSession() as session:
        worker = a_worker(served, session, native.execute_batch)

        await until_done(served, worker, "proven")

    assert worker.outcomes == {"unprovable": 2, "proven": 1}
    assert served.coordinator.events["decoy_refused"] == 2
    assert row_of(served, ME).failures == 0


async def test_a_prover_that_reads_headers_instead_of_executing_is_caught(served: Served, rollup: Rollup) -> None:
    made = rollup.batch()
    await add(served, made)
    drawing(served, True)

    def without_executing(prover_input: bytes) -> bytes:
        return _native.batch_hash(read(prover_input, made.encoded))

    async with aiohttp.ClientSession() as session:
        worker = a_worker(served, session, without_executing)

        await until_done(served, worker, "decoy_signed")

    assert worker.outcomes["refused"] == 1
    assert row_of(served, ME).is_distrusted
