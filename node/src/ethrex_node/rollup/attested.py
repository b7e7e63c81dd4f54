"""
The attested kind of proof: a signature over the batch hash, by a prover that executed the batch again.

EIP-712, as the contract ``IAttestedVerifier`` checks it: a signature is good for one verifier on one L1, and through the
batch hash for one deployment, chain and batch. The bytes are r, s, v with v 27 or 28, as Solidity's libraries take them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ethrex_node import _native
from ethrex_node.rollup.l1 import signers

KIND: Final = "attested"
KIND_NUMBERS: Final = {KIND: 1, "tee": 2}  # of the contracts; both are signatures
NAME: Final = b"Ethrex Attested Verifier"
VERSION: Final = b"1"
DOMAIN_TYPE: Final = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
ATTESTATION_TYPE: Final = b"Attestation(uint8 kind,bytes32 batchHash)"
SIGNATURE_BYTES: Final = 65


@dataclass(frozen=True, slots=True)
class Domain:
    """Where signatures are checked."""

    l1_chain_id: int
    verifier: bytes

    @property
    def separator(self) -> bytes:
        parts = (_hash(DOMAIN_TYPE), _hash(NAME), _hash(VERSION), _word(self.l1_chain_id), bytes(12) + self.verifier)
        return _hash(b"".join(parts))


def preimage(domain: Domain, batch_hash: bytes, kind: str = KIND) -> bytes:
    """What is hashed and signed."""
    attestation = _hash(_hash(ATTESTATION_TYPE) + _word(KIND_NUMBERS[kind]) + batch_hash)
    return b"\x19\x01" + domain.separator + attestation


async def sign(signer: signers.Signer, domain: Domain, batch_hash: bytes, kind: str = KIND) -> bytes:
    """A proof. Raises `signers.RemoteFailed`."""
    signature = await signer.sign(preimage(domain, batch_hash, kind))
    return signature[:64] + bytes([27 + signature[64]])


def signer_of(proof: bytes, domain: Domain, batch_hash: bytes, kind: str = KIND) -> bytes | None:
    """Whose attestation it is; None for bytes that are nobody's."""
    if len(proof) != SIGNATURE_BYTES or proof[64] not in (27, 28):
        return None
    return signers.recover(_hash(preimage(domain, batch_hash, kind)), proof[:64] + bytes([proof[64] - 27]))


def _hash(data: bytes) -> bytes:
    return _native.keccak256(data)


def _word(value: int) -> bytes:
    return value.to_bytes(32, "big")
