"""
A chain whose policy asks for an attested and an SP1 proof, with Succinct's own verifier contract on L1: one of the two settles
nothing, the node's answers say which one is missing, and a real SP1 proof of something else is refused everywhere.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest

from ethrex_node import _native
from ethrex_node.dev import accounts
from ethrex_node.rollup.coordinator import wire
from ethrex_node.rollup.l1.abi import Function
from ethrex_node.rollup.l1.fees import Fees
from ethrex_node.rollup.l1.transaction import Transaction
from unit.rollup.whole import roles
from unit.rollup.whole.processes import until
from unit.rollup.whole.roles import GWEI, OWNER, patiently, text

CHAIN_ID: Final = 4_355
L1_CHAIN_ID: Final = 31337
COMMITTER, SETTLER, PROVER = accounts.derive()[1:4]
ZK_TOKEN: Final = "z" * 32
LIMIT_SECONDS: Final = 90.0
FIXTURES: Final = Path(__file__).parents[4] / "contracts/test/fixtures"
CREATION: Final = bytes.fromhex((FIXTURES / "sp1-v5-groth16.hex").read_text().strip()[2:])
PROOF: Final[dict[str, Any]] = json.loads((FIXTURES / "sp1-v5.json").read_text())
VERIFY_PROOF: Final = Function("verifyProof(bytes32,bytes,bytes)")


def data_of(field: str) -> bytes:
    return bytes.fromhex(PROOF[field][2:])


def deploy_verifier(l1_url: str) -> str:
    """As anybody deploys a contract."""
    nonce = int(patiently(l1_url, "eth_getTransactionCount", text(OWNER.address), "latest"), 16)
    transaction = Transaction(
        chain_id=L1_CHAIN_ID, nonce=nonce, to=b"", gas_limit=5_000_000, fees=Fees(100 * GWEI, GWEI), data=CREATION
    )
    sent = patiently(l1_url, "eth_sendRawTransaction", "0x" + roles.signed(transaction, OWNER.key).raw.hex())
    until(lambda: patiently(l1_url, "eth_getTransactionReceipt", sent) is not None)
    address: str = patiently(l1_url, "eth_getTransactionReceipt", sent)["contractAddress"]
    return address


def planned(verifier: str) -> dict[str, Any]:
    return {
        "chainId": CHAIN_ID,
        "committers": [text(COMMITTER.address)],
        "proofs": {
            "required": ["attested", "sp1"],
            "attestedSigners": [text(PROVER.address)],
            "sp1": {"verifier": verifier, "key": PROOF["program_vkey"]},
        },
    }


async def bring(chain: roles.Chain, proof: bytes) -> tuple[int, str]:
    """Whoever has a token of the pool for SP1 takes a job and brings these bytes."""
    headers = {"Authorization": f"Bearer {ZK_TOKEN}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        request = wire.LeaseRequest("zk.0", ("sp1",), 1).json()
        async with asyncio.timeout(LIMIT_SECONDS):
            while True:
                async with session.post(f"{chain.coordinator_url}/v1/jobs/lease", data=request) as answer:
                    if answer.status == 200:
                        grant = wire.Grant.read(await answer.read())
                        break
                await asyncio.sleep(0.1)
        given = {
            wire.PROVER_HEADER: "zk.0",
            wire.FENCE_HEADER: str(grant.fence),
            wire.HASH_HEADER: wire.hex_of(_native.keccak256(proof)),
        }
        url = f"{chain.coordinator_url}/v1/jobs/{grant.job_id}/proof"
        async with session.put(url, data=proof, headers=given) as answer:
            return answer.status, str((await answer.json())["message"])


@pytest.mark.timeout(400)
def test_one_of_two_kinds_settles_nothing(tmp_path: Path) -> None:
    with roles.l1(tmp_path) as (l1_url, _):
        verifier = deploy_verifier(l1_url)
        good = VERIFY_PROOF.call(data_of("program_vkey"), data_of("public_values"), data_of("proof"))
        bad = VERIFY_PROOF.call(data_of("program_vkey"), bytes(32), data_of("proof"))
        patiently(l1_url, "eth_call", {"to": verifier, "data": "0x" + good.hex()}, "latest")
        with pytest.raises(AssertionError):
            patiently(l1_url, "eth_call", {"to": verifier, "data": "0x" + bad.hex()}, "latest")

        roles.deploy(tmp_path, l1_url, [planned(verifier)])
        keys = roles.Keys(COMMITTER, SETTLER, PROVER)
        flags = ("--committer.idle-time", "3")
        with roles.chain(tmp_path, l1_url, CHAIN_ID, keys, *flags, tokens=[f"prover zk {ZK_TOKEN}"]) as chain:
            until(lambda: chain.last_committed_and_verified()[0] >= 2)
            until(lambda: state_of(chain, 2) == {"attested": "proven", "sp1": "waiting"})
            status, told = asyncio.run(bring(chain, data_of("proof")))
            assert (status, "does not accept it" in told) == (422, True), told
            until(lambda: chain.last_committed_and_verified()[0] >= 4)

            assert chain.last_committed_and_verified()[1] == 0
            for number in (1, 2):
                batch = patiently(chain.url, "ethrex_getBatchByNumber", hex(number))
                assert batch["status"] == "committed"
                assert batch["proofs"] == {"attested": "proven", "sp1": "waiting"}
                assert batch["verify_tx"] is None
        assert "L1 would refuse a verification" not in chain.sequencer.log.read_text()


def state_of(chain: roles.Chain, batch: int) -> Any:
    return patiently(chain.url, "ethrex_getBatchByNumber", hex(batch))["proofs"]
