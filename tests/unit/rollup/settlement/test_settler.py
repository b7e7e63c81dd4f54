"""
The settler over the real contracts: several batches at once, one by one where that is refused, and proofs made again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from ethrex_node.dev import accounts
from ethrex_node.rollup import attested
from ethrex_node.rollup.coordinator.queue import Wanted
from ethrex_node.rollup.l1 import abi, signers
from ethrex_node.rollup.l1.client import L1Client
from ethrex_node.rollup.l1.client import Settings as L1Settings
from ethrex_node.rollup.store.schema import Job, JobState, OutboxEntry
from unit.rollup import l1_process
from unit.rollup.rollups import CHAIN_ID
from unit.rollup.whole.deployment import L1_CHAIN_ID, OWNER, PROGRAM_VERSION, Deployment, send, text
from unit.rollup.whole.stepped import Rollup, rollup_of

pytestmark = pytest.mark.timeout(400)  # blobs are committed to and proven on a busy machine

GOOD, FALLEN = (signers.local(accounts.derive()[number].key) for number in (2, 3))
LIMIT_SECONDS: Final = 60.0
HIGH_FEE: Final = 10**12
REVOKE: Final = abi.Function("revokeSigner(uint256,uint32,uint8,address)")


@dataclass
class Settling:
    """A rollup with batches on L1, and the hands of its provers and of the deployment's owner."""

    l1: l1_process.L1
    deployment: Deployment
    rollup: Rollup

    @property
    def verified(self) -> int:
        return self.deployment.status().last_verified

    async def commit(self, count: int) -> None:
        for _ in range(count):
            await self.rollup.sequencer.step()
            await self.rollup.sequencer.end_batch()
        await self.rollup.batches.step()
        await self.rollup.committer.step()
        await self.settle_on_l1()

    async def settle_on_l1(self) -> None:
        await self.rollup.settle_on_l1(self.l1)

    async def prove(self, by: Sequence[signers.Signer]) -> None:
        """The next jobs, each by a prover whose key is named."""
        domain = attested.Domain(L1_CHAIN_ID, self.deployment.addresses.attested_verifier)
        for signer in by:
            job = await self._leased(text(signer.address)[2:])
            assert job.lease is not None
            proof = await attested.sign(signer, domain, job.batch_hash)
            await self.rollup.coordinator.proof(job.job_id, job.lease.prover, job.lease.fence, proof)

    async def _leased(self, prover: str) -> Job:
        wanted = Wanted(prover, frozenset({"attested"}), PROGRAM_VERSION)
        async with asyncio.timeout(LIMIT_SECONDS):
            while (job := await self.rollup.coordinator.lease(wanted, "pool")) is None:
                await asyncio.sleep(0.1)  # it rests after its proof was refused
        return job

    def revoke(self, signer: signers.Signer, *, is_mined: bool = True) -> None:
        data = REVOKE.call(CHAIN_ID, PROGRAM_VERSION, attested.KIND_NUMBERS["attested"], text(signer.address))
        verifier = self.deployment.addresses.attested_verifier
        if is_mined:
            send(self.l1, OWNER.address, verifier, data)
            return
        call = {"from": text(OWNER.address), "to": text(verifier), "data": "0x" + data.hex(), "gas": hex(200_000)}
        fees = {"maxFeePerGas": hex(HIGH_FEE), "maxPriorityFeePerGas": hex(HIGH_FEE)}
        self.l1.ask("eth_sendTransaction", call | fees)

    async def step(self) -> OutboxEntry | None:
        return await self.rollup.settler.step()

    def state_of(self, batch: int) -> JobState:
        (job,) = (job for _, job in self.rollup.coordinator.jobs(b"", 1000) if job.batch == batch)
        return job.state

    def invalid_proofs(self) -> dict[str, int]:
        found = {prover.prover_id: prover.invalid_proofs for _, prover in self.rollup.coordinator.provers(b"", 100)}
        return {name: count for name, count in found.items() if count}


@pytest.fixture
def l1() -> Iterator[l1_process.L1]:
    with l1_process.dev_chain("--dev.block-time", "0") as running:
        yield running


@asynccontextmanager
async def settling(l1: l1_process.L1, client: L1Client, folder: Path) -> AsyncIterator[Settling]:
    provers = (GOOD.address, FALLEN.address)
    deployment = await Deployment.make(l1, client, CHAIN_ID, folder, attested_signers=provers)
    async with rollup_of(folder, client, deployment) as rollup:
        yield Settling(l1, deployment, rollup)


@asynccontextmanager
async def slow_to_be_final(l1: l1_process.L1) -> AsyncIterator[L1Client]:
    client = await L1Client.open(L1Settings(urls=(l1.url,), final_depth=3))
    yield client
    await client.close()


async def test_batches_that_are_proven_are_verified_in_one_transaction(
    l1: l1_process.L1, asking: L1Client, tmp_path: Path
) -> None:
    async with settling(l1, asking, tmp_path) as chain:
        await chain.commit(4)
        await chain.prove([GOOD, GOOD, GOOD])

        entry = await chain.step()
        await chain.settle_on_l1()

        assert entry is not None
        assert entry.purpose == "verify/1-3"
        assert chain.verified == 3
        assert await chain.step() is None, "the fourth is not proven"


async def test_a_bad_proof_holds_up_no_batch_before_it_and_is_made_again(
    l1: l1_process.L1, asking: L1Client, tmp_path: Path
) -> None:
    async with settling(l1, asking, tmp_path) as chain:
        await chain.commit(4)
        await chain.prove([GOOD, GOOD, FALLEN, GOOD])
        chain.revoke(FALLEN)

        purposes = []
        for _ in range(4):
            entry = await chain.step()
            purposes.append(None if entry is None else entry.purpose)
            await chain.settle_on_l1()

        assert purposes == [None, "verify/1-1", "verify/2-2", None]
        assert chain.verified == 2
        assert (chain.state_of(3), chain.state_of(4)) == (JobState.WAITING, JobState.PROVEN)
        assert chain.invalid_proofs() == {text(FALLEN.address)[2:]: 1}

        await chain.prove([GOOD])
        for _ in range(2):
            await chain.step()
            await chain.settle_on_l1()
        assert chain.verified == 4


async def test_a_verification_that_reverts_on_l1_has_its_proof_made_again(l1: l1_process.L1, tmp_path: Path) -> None:
    async with slow_to_be_final(l1) as client, settling(l1, client, tmp_path) as chain:
        await chain.commit(1)
        await chain.prove([FALLEN])
        assert await chain.step() is not None, "L1 would take it now"
        l1.ask("evm_setAutomine", False)
        chain.revoke(FALLEN, is_mined=False)
        await chain.rollup.outbox.round()
        l1.mine()
        l1.ask("evm_setAutomine", True)

        await chain.rollup.outbox.round()
        (entry,) = chain.rollup.outbox.open_entries()
        assert entry.mined is not None
        assert not entry.mined.succeeded
        assert await chain.step() is None, "nothing is decided before that is final"
        assert chain.state_of(1) is JobState.PROVEN
        await chain.settle_on_l1()
        assert await chain.step() is None
        assert chain.state_of(1) is JobState.WAITING
        assert chain.invalid_proofs() == {text(FALLEN.address)[2:]: 1}

        await chain.prove([GOOD])
        await chain.step()
        await chain.settle_on_l1()
        assert chain.verified == 1
