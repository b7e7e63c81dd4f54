"""A member that signs for what it throws away, and gives other bytes instead: deployment, dev account, tokens, port."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from ethrex_node.rollup import deploy
from ethrex_node.rollup.committee.keeper import Keeper, Role, Settings
from ethrex_node.rollup.committee.kept import Contract
from ethrex_node.rollup.committee.vault import Vault
from ethrex_node.rollup.coordinator import identities
from ethrex_node.rollup.l1 import signers


class Sieve(Vault):
    def __init__(self) -> None:
        super().__init__(Path("/"), 0)

    def keep(self, digest: bytes, payload: bytes) -> None:
        self.payloads += 1

    def find(self, digest: bytes) -> bytes | None:
        return b"something else"


async def main(deployment: str, account: str, tokens: str, port: str) -> None:
    deployed = deploy.load(Path(deployment))
    assert deployed.data_committee is not None
    contract = Contract(deployed.l1_chain_id, deployed.data_committee)
    signer = await signers.open_signer(f"dev:{account}", deployed.l1_chain_id)
    known = identities.from_file(Path(tokens), Role)
    await Keeper(deployed.chain_id, contract, Sieve(), signer, known, Settings(port=int(port))).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
