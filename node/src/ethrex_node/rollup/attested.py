"""
The attested kind of proof: a signature over the batch hash, by a prover that executed the batch again.

EIP-712, as the contract ``IAttestedVerifier`` checks it: a signature is good for one verifier on one L1, and through the
batch hash for one deployment, chain and batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ethrex_node.rollup.l1 import signers, typed_data

KIND: Final = "attested"
KIND_NUMBERS: Final = {KIND: 1, "tee": 2}  # of the contracts; both are signatures
NAME: Final = "Ethrex Attested Verifier"
VERSION: Final = "1"
ATTESTATION_TYPE: Final = b"Attestation(uint8 kind,bytes32 batchHash)"


@dataclass(frozen=True, slots=True)
class Domain:
    """Where signatures are checked."""

    l1_chain_id: int
    verifier: bytes


def preimage(domain: Domain, batch_hash: bytes, kind: str = KIND) -> bytes:
    """What is hashed and signed."""
    where = typed_data.Domain(NAME, VERSION, domain.l1_chain_id, domain.verifier)
    return typed_data.preimage(where, ATTESTATION_TYPE, typed_data.word(KIND_NUMBERS[kind]), batch_hash)


async def sign(signer: signers.Signer, domain: Domain, batch_hash: bytes, kind: str = KIND) -> bytes:
    """A proof. Raises `signers.RemoteFailed`."""
    return await typed_data.sign(signer, preimage(domain, batch_hash, kind))


def signer_of(proof: bytes, domain: Domain, batch_hash: bytes, kind: str = KIND) -> bytes | None:
    """Whose attestation it is; None for bytes that are nobody's."""
    return typed_data.signer_of(proof, preimage(domain, batch_hash, kind))
