"""
What a contract of L1 has signed for it (EIP-712): structs of words, under a domain of name, version, chain and contract.

Signatures go to the contract as r, s, v with v 27 or 28, as Solidity's libraries take them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ethrex_node import _native
from ethrex_node.rollup.l1 import signers

DOMAIN_TYPE: Final = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
SIGNATURE_BYTES: Final = 65


@dataclass(frozen=True, slots=True)
class Domain:
    """Where signatures are checked."""

    name: str
    version: str
    l1_chain_id: int
    contract: bytes

    @property
    def separator(self) -> bytes:
        texts = (_hash(text.encode()) for text in (self.name, self.version))
        return _hash(b"".join((_hash(DOMAIN_TYPE), *texts, word(self.l1_chain_id), bytes(12) + self.contract)))


def preimage(domain: Domain, struct: bytes, *words: bytes) -> bytes:
    """What is hashed and signed: `struct` is its type, `words` are its fields."""
    return b"\x19\x01" + domain.separator + _hash(_hash(struct) + b"".join(words))


async def sign(signer: signers.Signer, signed: bytes) -> bytes:
    """A signature of a `preimage`. Raises `signers.RemoteFailed`."""
    signature = await signer.sign(signed)
    return signature[:64] + bytes([27 + signature[64]])


def signer_of(signature: bytes, signed: bytes) -> bytes | None:
    """Whose signature it is; None for bytes that are nobody's."""
    if len(signature) != SIGNATURE_BYTES or signature[64] not in (27, 28):
        return None
    return signers.recover(_hash(signed), signature[:64] + bytes([signature[64] - 27]))


def word(value: int) -> bytes:
    return value.to_bytes(32, "big")


def _hash(data: bytes) -> bytes:
    return _native.keccak256(data)
