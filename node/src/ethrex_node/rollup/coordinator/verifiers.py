"""
Proofs are checked before they count: one function a kind.

A verifier takes what is to be proven and the proof, and raises `InvalidProof` with the reason.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from ethrex_node.rollup import attested
from ethrex_node.rollup.coordinator.errors import InvalidProof, Unavailable
from ethrex_node.rollup.l1 import abi, errors
from ethrex_node.rollup.l1.client import L1Client

KEY_OF: Final = abi.Function("keyOf(uint256,uint32,uint8)", "(address,bytes32)")
VERIFY: Final = abi.Function("verify(uint256,uint32,uint8,bytes32,bytes32,bytes)", "(bool)")
IS_SIGNER: Final = abi.Function("isSigner(uint256,uint32,uint8,address)", "(bool)")


@dataclass(frozen=True, slots=True)
class Statement:
    """The one thing that any kind proves: the hash of a batch, by a program version."""

    batch_hash: bytes
    program_version: int


Verifier = Callable[[Statement, bytes], Awaitable[None]]
# Program version, address -> whether the contract accepts its signatures. Raises `Unavailable`.
IsSigner = Callable[[int, bytes], Awaitable[bool]]


def attested_verifier(domain: attested.Domain, is_signer: IsSigner, kind: str = attested.KIND) -> Verifier:
    """A signature over the batch hash by a key that is registered on L1."""

    async def verify(statement: Statement, proof: bytes) -> None:
        signer = attested.signer_of(proof, domain, statement.batch_hash, kind)
        if signer is None:
            raise InvalidProof("these bytes are not a signature (r, s, v: 65 bytes, s in the lower half)")
        if not await is_signer(statement.program_version, signer):
            raise InvalidProof(
                f"0x{signer.hex()} is not registered for program version {statement.program_version}, "
                "or the signature is one over another batch, chain or contract"
            )

    return verify


def registered_on_l1(client: L1Client, verifier: bytes, chain_id: int, kind: str = attested.KIND) -> IsSigner:
    """Ask the contract `verifier` for each proof: a signer that was revoked a moment ago is refused here already."""
    number = attested.KIND_NUMBERS[kind]

    async def is_signer(program_version: int, signer: bytes) -> bool:
        data = IS_SIGNER.call(chain_id, program_version, number, "0x" + signer.hex())
        try:
            head = await client.head()
            (answer,) = IS_SIGNER.result(await client.call(verifier, data, head.number))
        except errors.L1Error as error:
            raise Unavailable(f"L1 cannot be asked for the signer: {error}") from error
        return bool(answer)

    return is_signer


def contract_verifier(client: L1Client, registry: bytes, chain_id: int, number: int) -> Verifier:
    """Ask the contract that will check the proof on L1, with the key that is registered for the program version. `number`: of the kind."""

    async def verify(statement: Statement, proof: bytes) -> None:
        try:
            head = await client.head()
            data = KEY_OF.call(chain_id, statement.program_version, number)
            contract, key = KEY_OF.result(await client.call(registry, data, head.number))
        except errors.L1Error as error:
            raise Unavailable(f"L1 cannot be asked for the verifier: {error}") from error
        data = VERIFY.call(chain_id, statement.program_version, number, key, statement.batch_hash, proof)
        try:
            answer = await client.call(bytes.fromhex(contract[2:]), data, head.number)
            is_good = VERIFY.result(answer) == (True,)
        except (errors.CallFailed, errors.Malformed):
            is_good = False
        except errors.L1Error as error:
            raise Unavailable(f"L1 cannot be asked to verify: {error}") from error
        if not is_good:
            raise InvalidProof(f"{contract} does not accept it for program version {statement.program_version}")

    return verify
