"""Who keeps a validium's payloads, as L1 and the settings say; what does not fit is refused at the start."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp

from ..rollup.committee.committee import Committee, Member
from ..rollup.committee.folder import FolderMember
from ..rollup.committee.kept import Contract
from ..rollup.committee.remote import RemoteMember
from ..rollup.committee.vault import Vault
from ..rollup.l1 import signers
from ..rollup.l1.client import L1Client
from ..rollup.settings import RollupSettings


class CommitteeUnfit(Exception):
    """The members in the settings are none that L1 would be content with."""


async def opened(
    asked: RollupSettings, chain_id: int, contract: bytes | None, client: L1Client, session: aiohttp.ClientSession
) -> Committee | None:
    """
    `contract` is the chain's committee on L1; None: the chain publishes its data, and has none.

    Raises `CommitteeUnfit`, `SignerError`, `CannotKeep`, `L1Error`.
    """
    if contract is None:
        if asked.committee_members or asked.committee_folder is not None:
            raise CommitteeUnfit(f"chain {chain_id} publishes its data on L1: it has no data committee")
        return None
    where = Contract(client.chain_id, contract)
    members = await _members(asked, chain_id, where, session)
    committee = Committee(members, where, chain_id, client)
    needed = await committee.threshold()
    if needed > len(members):
        raise CommitteeUnfit(f"L1 asks for {needed} signatures of the data committee, {len(members)} members are named")
    return committee


async def _members(
    asked: RollupSettings, chain_id: int, where: Contract, session: aiohttp.ClientSession
) -> list[Member]:
    if asked.committee_folder is not None:
        return [await _folder(asked, asked.committee_folder, where, session)]
    if not asked.committee_members:
        raise CommitteeUnfit(f"chain {chain_id} is a validium: --committee.members is missing")
    found: dict[str, Member] = {}
    for url in asked.committee_members:
        if not url.startswith(("http://", "https://")):
            raise CommitteeUnfit(f"--committee.members: {url!r:.200} is not an http or https URL")
        member = RemoteMember(url, session, asked.committee_token, asked.committee_timeout)
        if member.name in found:
            raise CommitteeUnfit(f"--committee.members: {member.name} is named twice")
        found[member.name] = member
    return list(found.values())


async def _folder(asked: RollupSettings, folder: Path, where: Contract, session: aiohttp.ClientSession) -> FolderMember:
    if where.l1_chain_id not in signers.DEV_CHAINS:
        raise CommitteeUnfit(
            f"--committee.folder: a folder is nobody's committee; on L1 {where.l1_chain_id}, which is no dev chain, name "
            "--committee.members"
        )
    if asked.committee_members or asked.committee_key is None:
        raise CommitteeUnfit("--committee.folder goes with --committee.key and without --committee.members")
    signer = await signers.open_signer(asked.committee_key, where.l1_chain_id, session)
    return FolderMember(await asyncio.to_thread(Vault.open, folder), signer, where)
