"""A batch is made once of what the sequencer ended, kept whole, and its proofs are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ethrex_node import _native
from ethrex_node.rollup import attested
from ethrex_node.rollup.coordinator import Coordinator, verifiers
from ethrex_node.rollup.coordinator import Settings as QueueSettings
from ethrex_node.rollup.settlement import batches, contracts
from ethrex_node.rollup.store import batches as stored
from ethrex_node.rollup.store import schema
from unit.rollup.rollups import COUNTER, MESSENGER, USER
from unit.rollup.sequencer.sequencers import Running

DOMAIN = attested.Domain(31337, b"\xaa" * 20)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    opened = Running(tmp_path).open()
    yield opened
    opened.close()


async def nobody(program_version: int, signer: bytes) -> bool:
    return False


def make(running: Running, kinds: tuple[str, ...] = ("attested",)) -> tuple[batches.Batches, Coordinator]:
    checks = {kind: verifiers.attested_verifier(DOMAIN, nobody, kind) for kind in kinds}
    coordinator = Coordinator(running.store, checks, QueueSettings(), lambda: int(running.seconds * 1000))
    genesis = _native.genesis_batch(running.user.genesis, l1_chain_id=31337, proposer=b"\xa0" * 20, salt=bytes(32))
    settings = batches.Settings(program_version=3, kinds=kinds)
    reader = running.native.reader()
    return batches.Batches(running.store, reader, coordinator, genesis, settings, lambda: running.seconds), coordinator


async def seal(running: Running, *transactions: _native.Transaction) -> None:
    for transaction in transactions:
        running.admit(transaction)
    await running.sequencer.step()


async def test_what_ended_becomes_batches_on_each_other(running: Running) -> None:
    making, coordinator = make(running)
    await running.sequencer.start()
    for _ in range(2):
        await seal(running, running.user.send(COUNTER))
        await seal(running, running.user.send(COUNTER))
        await running.sequencer.end_batch()
    await seal(running)

    made = await making.step()

    assert [(batch.number, batch.first_block, batch.last_block) for batch in made] == [(1, 1, 2), (2, 3, 4)]
    assert contracts.field_of(made[1].statement, "previousBatchHash") == made[0].batch_hash
    assert await making.step() == []
    assert [(job.batch, job.kind, job.program_version) for job in coordinator.open_jobs()] == [
        (1, "attested", 3),
        (2, "attested", 3),
    ]


async def test_a_prover_s_input_proves_the_batch(running: Running) -> None:
    making, coordinator = make(running)
    await running.sequencer.start()
    await seal(running, running.user.send(COUNTER))
    await running.sequencer.end_batch()
    (batch,) = await making.step()

    with running.store.read() as txn:
        given = txn.get(schema.INPUTS, batch.input_hash)

    assert given is not None
    assert _native.execute_batch(given.data) == batch.statement
    assert coordinator.open_jobs()[0].batch_hash == _native.keccak256(batch.statement)


async def test_messages_are_found_by_their_transaction_and_proven(running: Running) -> None:
    making, _ = make(running)
    await running.sequencer.start()
    sent = [running.user.send(MESSENGER, data=bytes([word]) * 32) for word in (1, 2, 3)]
    await seal(running, *sent)
    await running.sequencer.end_batch()
    (batch,) = await making.step()
    root = contracts.field_of(batch.statement, "messagesRoot")

    with running.store.read() as txn:
        for number, transaction in enumerate(sent, start=1):
            (message,) = stored.messages_of_transaction(txn, transaction.hash)
            assert (message.message_id, message.sender, message.data_hash) == (number, USER, bytes([number]) * 32)
            node = message.leaf
            for sibling in batches.message_proof(txn, message):
                node = _native.keccak256(min(node, sibling) + max(node, sibling))
            assert node == root


async def test_a_crash_before_the_proofs_were_asked_for_is_made_good(running: Running) -> None:
    making, coordinator = make(running)
    await running.sequencer.start()
    await seal(running, running.user.send(COUNTER))
    await running.sequencer.end_batch()
    (batch,) = await making.step()
    await coordinator.forget(batch.number)
    assert coordinator.open_jobs() == []

    assert await making.ask_again(0) == 1

    assert [job.input_hash for job in coordinator.open_jobs()] == [batch.input_hash]
    assert await making.ask_again(0) == 0
    assert await making.ask_again(1) == 0


async def test_a_crash_between_the_kinds_of_proof_leaves_none_out(running: Running) -> None:
    only_one, _ = make(running, ("attested",))
    await running.sequencer.start()
    await seal(running, running.user.send(COUNTER))
    await running.sequencer.end_batch()
    await only_one.step()
    making, coordinator = make(running, ("attested", "tee"))

    assert await making.ask_again(0) == 1

    assert sorted(job.kind for job in coordinator.open_jobs()) == ["attested", "tee"]
    assert await making.ask_again(0) == 0


async def test_blobs_are_kept_with_their_openings(running: Running) -> None:
    making, _ = make(running)
    await running.sequencer.start()
    await seal(running)
    await running.sequencer.end_batch()
    (batch,) = await making.step()

    kept = making.openings(batch.number)

    assert [opening.versioned_hash for opening in kept] == list(batch.blob_hashes)
    assert all(_native.verify_kzg_proof(one.commitment, one.z, one.y, one.proof) for one in kept)
