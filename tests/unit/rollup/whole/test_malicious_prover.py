"""
A prover that has a token and means harm, at the coordinator of a running rollup: each thing that it tries is refused,
logged and counted, and every batch is proven by the honest prover beside it and verified on L1.
"""

from __future__ import annotations

import asyncio
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest

from ethrex_node import _native
from ethrex_node.dev import accounts
from ethrex_node.rollup import attested
from ethrex_node.rollup.coordinator import wire
from ethrex_node.rollup.l1 import signers
from ethrex_node.rollup.settlement import contracts
from unit.rollup.whole import roles
from unit.rollup.whole.roles import patiently, text

CHAIN_ID: Final = 4_351
OTHER_CHAIN_ID: Final = 4_352
COMMITTER, SETTLER, PROVER, STRANGER = accounts.derive()[1:5]
ROGUE: Final = "r" * 32
LIMIT_SECONDS: Final = 120.0
GIGABYTE: Final = 1 << 30
WANTED: Final = 3  # of each kind of harm


def planned(chain_id: int) -> dict[str, Any]:
    proofs = {"attestedSigners": [text(PROVER.address)]}
    return {"chainId": chain_id, "committers": [text(COMMITTER.address)], "proofs": proofs}


@dataclass
class Rogue:
    """Calls of the coordinator with a prover's token, under a name of its own each time."""

    chain: roles.Chain
    session: aiohttp.ClientSession
    names: int = 0

    @property
    def domain(self) -> attested.Domain:
        deployed = self.chain.deployment
        return attested.Domain(deployed["l1ChainId"], bytes.fromhex(deployed["attestedVerifier"][2:]))

    async def call(
        self, method: str, path: str, body: Any = None, token: str | None = ROGUE, **headers: str
    ) -> tuple[int, bytes]:
        given = headers | ({"Authorization": f"Bearer {token}"} if token is not None else {})
        url = self.chain.coordinator_url + path
        async with self.session.request(method, url, data=body, headers=given) as answer:
            return answer.status, await answer.read()

    async def leased(self, other_than: int = 0) -> tuple[str, wire.Grant]:
        """A job, whenever it is quicker than the honest prover, of another batch than the one."""
        self.names += 1
        prover = f"rogue.{self.names}"
        request = wire.LeaseRequest(prover, ("attested",), 1).json()
        async with asyncio.timeout(LIMIT_SECONDS):
            while True:
                try:
                    status, body = await self.call("POST", "/v1/jobs/lease", request)
                except aiohttp.ClientConnectorError:
                    status, body = 503, b"the door opens once L1 has answered"
                assert status in (200, 204, 429, 503), body
                if status == 200:
                    grant = wire.Grant.read(body)
                    if grant.batch != other_than:
                        return prover, grant
                    await self.release(prover, grant)
                await asyncio.sleep(0.03)

    async def prove(self, prover: str, grant: wire.Grant, proof: bytes, fence: int | None = None) -> int:
        headers = {
            wire.PROVER_HEADER: prover,
            wire.FENCE_HEADER: str(grant.fence if fence is None else fence),
            wire.HASH_HEADER: wire.hex_of(_native.keccak256(proof)),
        }
        status, _ = await self.call("PUT", f"/v1/jobs/{grant.job_id}/proof", proof, **headers)
        return status

    async def signed(self, by: accounts.DevAccount, batch_hash: bytes) -> bytes:
        return await attested.sign(signers.local(by.key), self.domain, batch_hash)

    async def too_large(self, announced: bool) -> int:
        """A gigabyte, announced or in pieces, as far as it is read."""
        prover, grant = await self.leased()

        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(GIGABYTE >> 20):
                yield bytes(1 << 20)

        headers = {wire.PROVER_HEADER: prover, wire.FENCE_HEADER: str(grant.fence), wire.HASH_HEADER: "0x" + "00" * 32}
        if announced:
            headers["Content-Length"] = str(GIGABYTE)
        try:
            status, _ = await self.call("PUT", f"/v1/jobs/{grant.job_id}/proof", pieces(), **headers)
        except aiohttp.ClientError:
            status = 413  # the answer came while we wrote, and then the connection ended; it is counted below
        await self.release(prover, grant)
        return status

    async def release(self, prover: str, grant: wire.Grant) -> None:
        note = wire.Note(prover, grant.fence).json()
        await self.call("POST", f"/v1/jobs/{grant.job_id}/release", note)


@asynccontextmanager
async def rogue_at(chain: roles.Chain) -> AsyncIterator[Rogue]:
    async with aiohttp.ClientSession() as session:
        yield Rogue(chain, session)


def figures(url: str) -> dict[str, float]:
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[:1] != "#")}


async def do_harm(rogue: Rogue, foreign: bytes) -> dict[str, list[int]]:
    """The answers to each kind of it. `foreign`: an honest proof of another chain's batch."""
    prover, first = await rogue.leased()
    seen = await rogue.signed(PROVER, first.batch_hash)  # as it will stand on L1 for all to see
    await rogue.release(prover, first)
    answers: dict[str, list[int]] = {}

    def note(what: str, status: int) -> None:
        answers.setdefault(what, []).append(status)

    for _ in range(WANTED):
        prover, grant = await rogue.leased()
        note("a stranger's signature", await rogue.prove(prover, grant, await rogue.signed(STRANGER, grant.batch_hash)))
        prover, grant = await rogue.leased(other_than=first.batch)
        note("another batch's proof", await rogue.prove(prover, grant, seen))
        prover, grant = await rogue.leased()
        note("another chain's proof", await rogue.prove(prover, grant, foreign))
        prover, grant = await rogue.leased()
        await rogue.release(prover, grant)
        good = await rogue.signed(PROVER, grant.batch_hash)
        note("a lease that was given back", await rogue.prove(prover, grant, good))
        note("a fence to come", await rogue.prove(prover, grant, good, grant.fence + 7))
        note("no token", (await rogue.call("POST", "/v1/jobs/lease", b"{}", None))[0])
        note("a token of nobody", (await rogue.call("GET", "/v1/jobs", None, "x" * 32))[0])
        note(
            "an input that is not its own", (await rogue.call("GET", f"/v1/inputs/{wire.hex_of(grant.input_hash)}"))[0]
        )
        note("a prover's name", (await rogue.call("PUT", "/v1/provers/pool.0/cordon"))[0])
    for announced in (True, False):
        note("a gigabyte", await rogue.too_large(announced))
    return answers


EXPECTED: Final = {
    "a stranger's signature": 422,
    "another batch's proof": 422,
    "another chain's proof": 422,
    "a lease that was given back": 409,
    "a fence to come": 409,
    "no token": 401,
    "a token of nobody": 401,
    "an input that is not its own": 403,
    "a prover's name": 403,
    "a gigabyte": 413,
}


@pytest.mark.timeout(400)
async def test_a_malicious_prover_gets_nothing_and_honest_work_goes_on(tmp_path: Path) -> None:
    admin = roles.free_port()
    with roles.l1(tmp_path) as (l1_url, _):
        roles.deploy(tmp_path, l1_url, [planned(CHAIN_ID), planned(OTHER_CHAIN_ID)])
        flags = ("--metrics", "--metrics.port", str(admin), "--committer.idle-time", "1")
        keys, tokens = roles.Keys(COMMITTER, SETTLER, PROVER), [f"prover rogue {ROGUE}"]
        with roles.chain(tmp_path, l1_url, CHAIN_ID, keys, *flags, tokens=tokens) as chain:
            async with rogue_at(chain) as rogue:
                record = contracts.RECORD.call(OTHER_CHAIN_ID, 0)
                call = {"to": chain.deployment["proposer"], "data": "0x" + record.hex()}
                answer = await asyncio.to_thread(patiently, l1_url, "eth_call", call, "latest")
                (other,) = contracts.RECORD.result(bytes.fromhex(answer[2:]))
                foreign = await rogue.signed(PROVER, other[0])

                answers = await do_harm(rogue, foreign)

                assert answers == {what: [status] * len(answers[what]) for what, status in EXPECTED.items()}
                counted = await asyncio.to_thread(figures, f"http://127.0.0.1:{admin}")
                assert counted['ethrex_proof_events_total{event="invalid"}'] == 3 * WANTED
                for status, least in (
                    (401, 2 * WANTED),
                    (403, 2 * WANTED),
                    (409, 2 * WANTED),
                    (413, 2),
                    (422, 3 * WANTED),
                ):
                    assert counted[f'ethrex_coordinator_answers_total{{status="{status}"}}'] >= least, status
                made = int(await asyncio.to_thread(patiently, chain.url, "ethrex_batchNumber"), 16)
                await verified(chain, made + 1)
        log = chain.sequencer.log.read_text()
        assert log.count("an invalid proof was refused") == 3 * WANTED
        assert log.count("refused") > 8 * WANTED


async def verified(chain: roles.Chain, batch: int) -> None:
    async with asyncio.timeout(LIMIT_SECONDS):
        while (await asyncio.to_thread(chain.last_committed_and_verified))[1] < batch:
            await asyncio.sleep(0.2)
