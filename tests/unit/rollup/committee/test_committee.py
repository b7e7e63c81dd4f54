"""Signatures of real members, and the real contract that reads them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ethrex_node.node import data_committee
from ethrex_node.rollup.committee import kept
from ethrex_node.rollup.committee.committee import Committee
from ethrex_node.rollup.committee.errors import MemberFailed, TooFew
from ethrex_node.rollup.committee.folder import FolderMember
from ethrex_node.rollup.committee.kept import Kept
from ethrex_node.rollup.committee.remote import RemoteMember
from ethrex_node.rollup.committee.vault import Vault
from ethrex_node.rollup.l1 import abi, errors, signers
from ethrex_node.rollup.l1.client import L1Client
from ethrex_node.rollup.settings import RollupSettings
from unit.rollup import l1_process
from unit.rollup.committee.members import CHAIN_ID, KEPT, OWNER, SET_MEMBER, Running, account, digest_of, on_l1, running
from unit.rollup.whole.deployment import send, text

PAYLOAD = b"payload" * 1000
MEMBERS = (5, 6, 7)
STRANGER = 8


@pytest.fixture(scope="module")
def contract(l1: l1_process.L1) -> kept.Contract:
    return on_l1(l1, MEMBERS, 2)


@pytest.fixture
async def members(contract: kept.Contract, tmp_path: Path) -> AsyncIterator[dict[int, Running]]:
    async with AsyncExitStack() as stack:
        yield {
            number: await stack.enter_async_context(running(tmp_path, contract, number))
            for number in (*MEMBERS, STRANGER)
        }


class Silent:
    """Is asked, and says nothing until it is let."""

    def __init__(self, behind: RemoteMember) -> None:
        self.name = "silent"
        self.go_on = asyncio.Event()
        self._behind = behind

    async def keep(self, what: Kept, payload: bytes) -> bytes:
        await self.go_on.wait()
        return await self._behind.keep(what, payload)


class Saying:
    """Says always the same."""

    def __init__(self, said: bytes) -> None:
        self.name = "saying"
        self.asked = 0
        self._said = said

    async def keep(self, what: Kept, payload: bytes) -> bytes:
        self.asked += 1
        return self._said


async def accepted(client: L1Client, contract: kept.Contract, certificate: bytes) -> bytes:
    """What L1 makes of a certificate. Raises `CallFailed`."""
    answer = await client.call(contract.address, KEPT.call(CHAIN_ID, certificate), (await client.head()).number)
    (data_hash,) = KEPT.result(answer)
    return bytes(data_hash)


async def test_l1_takes_what_the_members_sign(
    asking: L1Client, contract: kept.Contract, members: dict[int, Running]
) -> None:
    for chosen in ((5, 6), (7, 5), (6, 7, 5)):
        committee = Committee([members[one].member for one in chosen], contract, CHAIN_ID, asking)

        certificate = await committee.certificate(PAYLOAD)

        assert await accepted(asking, contract, certificate) == Kept.of(CHAIN_ID, PAYLOAD).data_hash
        assert len(abi.decode(kept.CERTIFICATE, certificate, "it")[2]) == 2 * 65
        await committee.close()


async def test_who_is_slow_is_not_waited_for_and_has_it_in_the_end(
    asking: L1Client, contract: kept.Contract, members: dict[int, Running]
) -> None:
    slow = Silent(members[7].member)
    committee = Committee([slow, members[5].member, members[6].member], contract, CHAIN_ID, asking)

    certificate = await committee.certificate(PAYLOAD)
    assert members[7].vault.payloads == 0
    slow.go_on.set()
    async with asyncio.timeout(30):
        while not members[7].vault.payloads:
            await asyncio.sleep(0.005)

    assert await accepted(asking, contract, certificate)
    await committee.close()


async def test_too_few_are_told_with_what_each_says_and_asked_again(
    asking: L1Client, contract: kept.Contract, members: dict[int, Running]
) -> None:
    nonsense = Saying(b"\1" * 65)
    async with aiohttp.ClientSession() as session:
        away = RemoteMember("http://127.0.0.1:1", session, None, 5)
        known = Saying(await kept.sign(signers.local(account(5).key), contract, Kept.of(CHAIN_ID, PAYLOAD)))
        known.name = "known"
        committee = Committee([away, nonsense, known], contract, CHAIN_ID, asking)

        for _ in range(3):
            with pytest.raises(TooFew, match="1 of 2 signatures") as few:
                await committee.certificate(PAYLOAD)

        assert "127.0.0.1:1: Cannot connect" in str(few.value)
        assert "saying: what it signs is not that it keeps this payload" in str(few.value)
        assert (known.asked, nonsense.asked) == (1, 3), "who has signed is not asked again"
        assert committee.failures == {"127.0.0.1:1": 3, "saying": 3}


async def test_a_stranger_and_one_member_twice_do_not_count(
    asking: L1Client, contract: kept.Contract, members: dict[int, Running]
) -> None:
    echo = Saying(await kept.sign(signers.local(account(5).key), contract, Kept.of(CHAIN_ID, PAYLOAD)))
    committee = Committee([members[5].member, echo, members[STRANGER].member], contract, CHAIN_ID, asking)

    with pytest.raises(TooFew, match=f"1 of 2 .*{text(account(STRANGER).address)} is not of the committee"):
        await committee.certificate(PAYLOAD)
    what = Kept.of(CHAIN_ID, PAYLOAD)
    signature = await members[5].member.keep(what, PAYLOAD)
    twice = kept.certificate(what, {account(5).address: signature, b"x": signature})
    with pytest.raises(errors.CallFailed):
        await accepted(asking, contract, twice)


async def test_members_and_threshold_are_those_of_now(
    l1: l1_process.L1, asking: L1Client, members: dict[int, Running]
) -> None:
    contract = on_l1(l1, (5, 6), 2)
    known = Saying(await kept.sign(signers.local(account(5).key), contract, Kept.of(CHAIN_ID, PAYLOAD)))
    committee = Committee([known], contract, CHAIN_ID, asking)
    with pytest.raises(TooFew, match="1 of 2"):
        await committee.certificate(PAYLOAD)

    send(l1, OWNER.address, contract.address, SET_MEMBER.call(text(account(5).address), False, 1))

    with pytest.raises(TooFew, match=r"0 of 1 .* is not of the committee"):
        await committee.certificate(PAYLOAD)


async def test_a_folder_signs_as_a_committee_of_one(l1: l1_process.L1, asking: L1Client, tmp_path: Path) -> None:
    contract = on_l1(l1, (5,), 1)
    asked = RollupSettings(committee_folder=tmp_path / "payloads", committee_key="dev:5")
    async with aiohttp.ClientSession() as session:
        committee = await data_committee.opened(asked, CHAIN_ID, contract.address, asking, session)
        assert committee is not None

        certificate = await committee.certificate(PAYLOAD)

    assert await accepted(asking, contract, certificate)
    assert Vault.open(tmp_path / "payloads").find(digest_of(PAYLOAD)) == PAYLOAD
    broken = Vault(tmp_path / "nowhere", 0)
    with pytest.raises(MemberFailed, match="nowhere"):
        await FolderMember(broken, signers.local(account(5).key), contract).keep(Kept.of(CHAIN_ID, PAYLOAD), PAYLOAD)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({}, "is a validium: --committee.members is missing"),
        ({"committee_members": ("http://a",)}, "L1 asks for 2 signatures of the data committee, 1 members are named"),
        ({"committee_members": ("http://a", "http://a/x")}, "a is named twice"),
        ({"committee_members": ("a:1",)}, "is not an http or https URL"),
        ({"committee_folder": Path("x")}, "goes with --committee.key"),
        ({"committee_folder": Path("x"), "committee_key": "dev:1", "committee_members": ("http://a",)}, "without"),
    ],
)
async def test_members_that_l1_would_not_be_content_with_are_refused_at_the_start(
    asking: L1Client, contract: kept.Contract, given: dict[str, Any], reason: str
) -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(data_committee.CommitteeUnfit, match=reason):
            await data_committee.opened(RollupSettings(**given), CHAIN_ID, contract.address, asking, session)


async def test_a_chain_that_publishes_has_no_committee(asking: L1Client) -> None:
    async with aiohttp.ClientSession() as session:
        assert await data_committee.opened(RollupSettings(), CHAIN_ID, None, asking, session) is None
        asked = RollupSettings(committee_members=("http://a",))
        with pytest.raises(data_committee.CommitteeUnfit, match="publishes its data"):
            await data_committee.opened(asked, CHAIN_ID, None, asking, session)


class OnMainnet:
    chain_id = 1


async def test_a_folder_is_no_committee_where_something_is_at_stake(tmp_path: Path) -> None:
    asked = RollupSettings(committee_folder=tmp_path / "payloads", committee_key="dev:5")
    async with aiohttp.ClientSession() as session:
        with pytest.raises(data_committee.CommitteeUnfit, match="a folder is nobody's committee; on L1 1"):
            await data_committee.opened(asked, CHAIN_ID, b"\xdc" * 20, OnMainnet(), session)  # type: ignore[arg-type]

    assert not (tmp_path / "payloads").exists()
