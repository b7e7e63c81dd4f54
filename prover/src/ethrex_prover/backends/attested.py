"""
The attested kind: execute the batch again, and sign its hash with a key that is registered on L1.

It signs what it computed itself. Where that is not what the batch claims there is no signature, whoever asks.
"""

from __future__ import annotations

from dataclasses import dataclass

from ethrex_node.rollup import attested
from ethrex_node.rollup.l1 import signers
from ethrex_prover import errors
from ethrex_prover.backends import native


@dataclass(frozen=True)
class Attested:
    execute: native.Execute
    signer: signers.Signer
    domain: attested.Domain

    @property
    def kind(self) -> str:
        return attested.KIND

    async def prove(self, prover_input: bytes, batch_hash: bytes) -> bytes:
        """A signature. Raises `Unprovable`, `Failed`."""
        computed = await native.in_thread(self.execute, prover_input)
        if computed != batch_hash:
            raise errors.Unprovable(f"executing gives batch hash 0x{computed.hex()}, claimed is 0x{batch_hash.hex()}")
        try:
            return await attested.sign(self.signer, self.domain, computed)
        except signers.RemoteFailed as error:
            raise errors.Failed(str(error)) from error
