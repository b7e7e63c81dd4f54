"""
Proofs are checked before they count: one function a kind.

A verifier takes what is to be proven and the proof, and raises `InvalidProof` with the reason.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ethrex_node.rollup import attested
from ethrex_node.rollup.coordinator.errors import InvalidProof


@dataclass(frozen=True, slots=True)
class Statement:
    """The one thing that any kind proves: the hash of a batch, by a program version."""

    batch_hash: bytes
    program_version: int


Verifier = Callable[[Statement, bytes], Awaitable[None]]
# The signers that the contract accepts for a program version, as the L1 says.
SignersOf = Callable[[int], frozenset[bytes]]


def attested_verifier(domain: attested.Domain, signers_of: SignersOf) -> Verifier:
    """A signature over the batch hash by a key that is registered on L1."""

    async def verify(statement: Statement, proof: bytes) -> None:
        signer = attested.signer_of(proof, domain, statement.batch_hash)
        if signer is None:
            raise InvalidProof("these bytes are not a signature (r, s, v: 65 bytes, s in the lower half)")
        if signer not in signers_of(statement.program_version):
            raise InvalidProof(
                f"0x{signer.hex()} is not registered for program version {statement.program_version}, "
                "or the signature is one over another batch, chain or contract"
            )

    return verify
