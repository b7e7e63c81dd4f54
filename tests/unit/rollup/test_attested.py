"""Attestations as wallets sign them (eth-account), as the contract's interface says, and as the shared vectors have them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from ethrex_node import _native
from ethrex_node.rollup import attested
from ethrex_node.rollup.coordinator import verifiers
from ethrex_node.rollup.coordinator.errors import InvalidProof, Unavailable
from ethrex_node.rollup.l1 import signers
from ethrex_node.rollup.l1.client import L1Client
from unit.rollup import l1_process

VECTORS = Path(__file__).parents[2] / "vectors" / "attestations.json"
DOMAIN = attested.Domain(31337, b"\xaa" * 20)
KEY = signers.local(b"\1" * 32)
CASES = json.loads(VECTORS.read_text())


@pytest.mark.parametrize("kind", attested.KIND_NUMBERS)
async def test_an_attestation_is_what_wallets_sign(kind: str) -> None:
    typed = {
        "types": {
            "EIP712Domain": [{"name": "name", "type": "string"}, {"name": "version", "type": "string"},
                             {"name": "chainId", "type": "uint256"}, {"name": "verifyingContract", "type": "address"}],
            "Attestation": [{"name": "kind", "type": "uint8"}, {"name": "batchHash", "type": "bytes32"}],
        },
        "primaryType": "Attestation",
        "domain": {"name": "Ethrex Attested Verifier", "version": "1", "chainId": 31337, "verifyingContract": "0x" + "aa" * 20},
        "message": {"kind": attested.KIND_NUMBERS[kind], "batchHash": b"\7" * 32},
    }  # fmt: skip
    theirs = Account.sign_message(encode_typed_data(full_message=typed), KEY._key)

    ours = await attested.sign(KEY, DOMAIN, b"\7" * 32, kind)

    assert ours == bytes(theirs.signature)
    assert attested.signer_of(ours, DOMAIN, b"\7" * 32, kind) == KEY.address


@pytest.mark.parametrize("case", CASES)
async def test_the_shared_vectors(case: dict[str, Any]) -> None:
    domain = attested.Domain(case["l1ChainId"], bytes.fromhex(case["verifier"][2:]))
    signer = signers.local(bytes.fromhex(case["key"][2:]))
    batch_hash = bytes.fromhex(case["batchHash"][2:])

    assert "0x" + signer.address.hex() == case["signer"]
    assert "0x" + _native.keccak256(attested.preimage(domain, batch_hash, case["kind"])).hex() == case["digest"]
    assert "0x" + (await attested.sign(signer, domain, batch_hash, case["kind"])).hex() == case["proof"]


async def test_every_part_of_what_is_signed_matters() -> None:
    proof = await attested.sign(KEY, DOMAIN, b"\7" * 32)

    others = [
        attested.signer_of(proof, attested.Domain(1, DOMAIN.verifier), b"\7" * 32),
        attested.signer_of(proof, attested.Domain(31337, b"\xab" * 20), b"\7" * 32),
        attested.signer_of(proof, DOMAIN, b"\x08" * 32),
        attested.signer_of(proof, DOMAIN, b"\7" * 32, "tee"),
        attested.signer_of(proof[:64] + bytes([55 - proof[64]]), DOMAIN, b"\7" * 32),
    ]

    assert KEY.address not in others
    for damaged in (proof[:64], proof + b"\0", proof[:64] + b"\0", b""):
        assert attested.signer_of(damaged, DOMAIN, b"\7" * 32) is None


# CALLDATALOAD(100) == the signer's address, returned as a word: stands in for the mapping of registered signers.
KNOWS_ONE = "0x73{address}6064351460005260206000f3"


async def test_the_contract_is_asked_whether_the_signer_is_registered(l1: l1_process.L1, asking: L1Client) -> None:
    l1.ask("anvil_setCode", "0x" + "aa" * 20, KNOWS_ONE.format(address=KEY.address.hex()))
    verify = verifiers.attested_verifier(DOMAIN, verifiers.registered_on_l1(asking, DOMAIN.verifier, 9))
    statement = verifiers.Statement(b"\7" * 32, 1)

    await verify(statement, await attested.sign(KEY, DOMAIN, statement.batch_hash))
    with pytest.raises(InvalidProof, match="is not registered"):
        await verify(statement, await attested.sign(signers.local(b"\2" * 32), DOMAIN, statement.batch_hash))


async def test_an_l1_that_is_away_is_no_verdict(asking: L1Client) -> None:
    verify = verifiers.attested_verifier(DOMAIN, verifiers.registered_on_l1(asking, b"\xcc" * 20, 9))

    with pytest.raises(Unavailable, match="cannot be asked"):  # no contract at this address
        await verify(verifiers.Statement(b"\7" * 32, 1), await attested.sign(KEY, DOMAIN, b"\7" * 32))
