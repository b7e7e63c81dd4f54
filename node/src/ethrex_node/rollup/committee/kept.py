"""
What a member signs and what L1 is shown of it, as the contract ``DataCommittee`` reads it.

EIP-712: a signature is good for one committee on one L1, one chain and one payload.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ethrex_node import _native
from ethrex_node.rollup.l1 import abi, signers, typed_data

NAME: Final = "Ethrex Data Committee"
VERSION: Final = "1"
KEPT_TYPE: Final = b"Kept(uint256 chainId,bytes32 dataHash)"
VALIDIUM: Final = 1  # of the contracts' `DataMode`
POINTER: Final = bytes(32)  # a committee finds a payload by its digest alone
CERTIFICATE: Final = ("bytes32", "bytes32", "bytes")
SIGNATURE_BYTES: Final = typed_data.SIGNATURE_BYTES


@dataclass(frozen=True, slots=True)
class Contract:
    """Where signatures are checked."""

    l1_chain_id: int
    address: bytes


@dataclass(frozen=True, slots=True)
class Kept:
    """A chain's payload; `digest` is its keccak."""

    chain_id: int
    pointer: bytes
    digest: bytes

    @classmethod
    def of(cls, chain_id: int, payload: bytes) -> Kept:
        return cls(chain_id, POINTER, _native.keccak256(payload))

    @property
    def data_hash(self) -> bytes:
        """What the batch names."""
        return _native.keccak256(typed_data.word(VALIDIUM) + self.pointer + self.digest)


def preimage(contract: Contract, kept: Kept) -> bytes:
    """What is hashed and signed."""
    where = typed_data.Domain(NAME, VERSION, contract.l1_chain_id, contract.address)
    return typed_data.preimage(where, KEPT_TYPE, typed_data.word(kept.chain_id), kept.data_hash)


async def sign(signer: signers.Signer, contract: Contract, kept: Kept) -> bytes:
    """Raises `signers.RemoteFailed`."""
    return await typed_data.sign(signer, preimage(contract, kept))


def signer_of(signature: bytes, contract: Contract, kept: Kept) -> bytes | None:
    return typed_data.signer_of(signature, preimage(contract, kept))


def certificate(kept: Kept, signatures: Mapping[bytes, bytes]) -> bytes:
    """For `commitBatch`: signatures by the address of who made them, which the contract wants in rising order."""
    ordered = b"".join(signature for _, signature in sorted(signatures.items()))
    return abi.encode(CERTIFICATE, (kept.pointer, kept.digest, ordered))


def read_certificate(content: bytes, chain_id: int, where: str) -> Kept:
    """Raises `Malformed`."""
    pointer, digest, _ = abi.decode(CERTIFICATE, content, where)
    return Kept(chain_id, pointer, digest)
