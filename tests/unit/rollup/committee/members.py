"""Real members behind real doors, their contract on a real dev L1."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from ethrex_node import _native
from ethrex_node.dev import accounts
from ethrex_node.rollup.committee import kept
from ethrex_node.rollup.committee.keeper import Keeper, Role, Settings
from ethrex_node.rollup.committee.remote import RemoteMember
from ethrex_node.rollup.committee.vault import Vault
from ethrex_node.rollup.coordinator import identities
from ethrex_node.rollup.deploy import create2
from ethrex_node.rollup.l1 import abi, signers
from unit.rollup.l1_process import L1
from unit.rollup.whole.deployment import send, text

CHAIN_ID = 73
L1_CHAIN_ID = 31337
WRITER, READER = "w" * 32, "r" * 32
OWNER = accounts.derive()[0]
KEPT = abi.Function("requireAvailable(uint256,bytes)", "(bytes32)")
SET_MEMBER = abi.Function("setMember(address,bool,uint256)")
SECONDS = 20.0


def account(number: int) -> accounts.DevAccount:
    return accounts.derive()[number]


def on_l1(l1: L1, members: Sequence[int], threshold: int) -> kept.Contract:
    """A committee of dev accounts."""
    arguments = (text(OWNER.address), [text(account(one).address) for one in members], threshold)
    made = create2.creation("DataCommittee", bytes(32), ("address", "address[]", "uint256"), arguments)
    send(l1, OWNER.address, create2.DEPLOYER, made.call_data)
    return kept.Contract(L1_CHAIN_ID, made.address)


@dataclass
class Running:
    keeper: Keeper
    vault: Vault
    member: RemoteMember
    session: aiohttp.ClientSession

    async def ask(self, method: str, digest: bytes, body: bytes | None = None, **more: Any) -> tuple[int, bytes]:
        """With the writer's token, unless `token` says another; for the chain, unless `chain` does."""
        token, chain = more.get("token", WRITER), more.get("chain", CHAIN_ID)
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        url = f"{self.keeper.url}/v1/chains/{chain}/payloads/{more.get('text', '0x' + digest.hex())}"
        async with self.session.request(method, url, data=body, headers=headers) as answer:
            return answer.status, await answer.read()


@asynccontextmanager
async def running(
    folder: Path, contract: kept.Contract, number: int, token: str = WRITER, **settings: Any
) -> AsyncIterator[Running]:
    """The member with the key of a dev account; `token` is what its caller shows."""
    home = folder / f"member-{number}"
    home.mkdir(exist_ok=True)
    (home / "tokens").write_text(f"writer sequencer {WRITER}\nreader archive {READER}\n")
    (home / "token").write_text(token)
    vault = await asyncio.to_thread(Vault.open, home / "payloads")
    signer = signers.local(account(number).key)
    known = identities.from_file(home / "tokens", Role)
    keeper = Keeper(CHAIN_ID, contract, vault, signer, known, Settings(port=0, **settings))
    await keeper.start()
    async with aiohttp.ClientSession() as session:
        try:
            yield Running(keeper, vault, RemoteMember(keeper.url, session, home / "token", SECONDS), session)
        finally:
            await keeper.stop()


def digest_of(payload: bytes) -> bytes:
    return _native.keccak256(payload)
