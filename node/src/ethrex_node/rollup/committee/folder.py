"""A folder of the sequencer's own as the whole committee: what it loses nobody has. Only where nothing is at stake."""

from __future__ import annotations

import asyncio

from ethrex_node.rollup.committee import kept
from ethrex_node.rollup.committee.errors import CannotKeep, MemberFailed
from ethrex_node.rollup.committee.kept import Contract, Kept
from ethrex_node.rollup.committee.vault import Vault
from ethrex_node.rollup.l1 import signers


class FolderMember:
    """A `committee.Member`."""

    def __init__(self, vault: Vault, signer: signers.Signer, contract: Contract) -> None:
        self.name = str(vault.folder)
        self._vault = vault
        self._signer = signer
        self._contract = contract

    async def keep(self, what: Kept, payload: bytes) -> bytes:
        try:
            await asyncio.to_thread(self._vault.keep, what.digest, payload)
            return await kept.sign(self._signer, self._contract, what)
        except (CannotKeep, signers.RemoteFailed) as error:
            raise MemberFailed(str(error)) from error
