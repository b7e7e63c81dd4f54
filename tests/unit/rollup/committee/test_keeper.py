"""A member over HTTP: it signs for what is on its disk, and for nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from ethrex_node.rollup.committee import kept
from ethrex_node.rollup.committee.errors import MemberFailed
from ethrex_node.rollup.committee.keeper import Role
from ethrex_node.rollup.committee.kept import Kept
from ethrex_node.rollup.coordinator.identities import BadTokenFile, from_file
from unit.rollup.committee.members import CHAIN_ID, READER, Running, account, digest_of, running

CONTRACT = kept.Contract(31337, b"\xdc" * 20)
PAYLOAD = b"payload" * 1000
DIGEST = digest_of(PAYLOAD)


@pytest.fixture
async def member(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path, CONTRACT, 5, most_bytes=10_000) as found:
        yield found


async def test_what_is_signed_for_is_on_disk_and_is_given_back(member: Running) -> None:
    what = Kept.of(CHAIN_ID, PAYLOAD)

    signature = await member.member.keep(what, PAYLOAD)

    assert kept.signer_of(signature, CONTRACT, what) == account(5).address
    assert member.vault.find(DIGEST) == PAYLOAD
    assert await member.member.payload(what) == PAYLOAD
    assert await member.member.keep(what, PAYLOAD) == signature, "the same again"


async def test_it_comes_back_after_a_restart(tmp_path: Path) -> None:
    what = Kept.of(CHAIN_ID, PAYLOAD)
    async with running(tmp_path, CONTRACT, 5) as first:
        await first.member.keep(what, PAYLOAD)
    async with running(tmp_path, CONTRACT, 5) as second:
        assert await second.member.payload(what) == PAYLOAD


@pytest.mark.parametrize(
    ("body", "token", "chain", "text", "status", "reason"),
    [
        (PAYLOAD + b"x", "w" * 32, CHAIN_ID, None, 400, "digest is not"),
        (b"", "w" * 32, CHAIN_ID, None, 400, "0 bytes came"),
        (bytes(10_001), "w" * 32, CHAIN_ID, None, 413, "may have 10000 bytes"),
        (PAYLOAD, None, CHAIN_ID, None, 401, "a bearer token is needed"),
        (PAYLOAD, "x" * 32, CHAIN_ID, None, 401, "is not known"),
        (PAYLOAD, READER, CHAIN_ID, None, 403, "may not do this"),
        (PAYLOAD, "w" * 32, 74, None, 404, "of chain 73 are kept here, not of 74"),
        (PAYLOAD, "w" * 32, CHAIN_ID, "0x12", 400, "is not a hash"),
    ],
)
async def test_what_is_not_its_chain_s_payload_is_not_signed_for(
    member: Running, body: bytes, token: str | None, chain: int, text: str | None, status: int, reason: str
) -> None:
    more = {"token": token, "chain": chain} | ({} if text is None else {"text": text})

    got, answer = await member.ask("PUT", DIGEST, body, **more)

    assert (got, reason in orjson.loads(answer)["message"]) == (status, True), answer
    assert member.vault.payloads == 0


async def test_a_gigabyte_that_is_announced_is_not_read(member: Running) -> None:
    host, port = member.keeper.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        f"PUT /v1/chains/{CHAIN_ID}/payloads/0x{DIGEST.hex()} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {'w' * 32}\r\n"
        f"Content-Length: {1 << 30}\r\n\r\n".encode()
    )
    await writer.drain()

    assert b" 413 " in await reader.readline()
    writer.close()
    await writer.wait_closed()


async def test_everybody_may_read_unless_it_is_private(member: Running, tmp_path: Path) -> None:
    await member.member.keep(Kept.of(CHAIN_ID, PAYLOAD), PAYLOAD)
    assert await member.ask("GET", DIGEST, token=None) == (200, PAYLOAD)
    assert (await member.ask("GET", bytes(32), token=None))[0] == 404
    (tmp_path / "private").mkdir()
    async with running(tmp_path / "private", CONTRACT, 5, is_private=True) as private:
        await private.member.keep(Kept.of(CHAIN_ID, PAYLOAD), PAYLOAD)
        assert (await private.ask("GET", DIGEST, token=None))[0] == 401
        assert await private.ask("GET", DIGEST, token=READER) == (200, PAYLOAD)


async def test_a_disk_that_fails_is_said_and_nothing_is_signed(member: Running) -> None:
    in_the_way = member.vault.folder / DIGEST.hex()[:2] / DIGEST.hex()
    in_the_way.mkdir()

    with pytest.raises(MemberFailed, match="status 503"):
        await member.member.keep(Kept.of(CHAIN_ID, PAYLOAD), PAYLOAD)
    assert member.keeper.trouble is not None

    in_the_way.rmdir()
    await member.member.keep(Kept.of(CHAIN_ID, PAYLOAD), PAYLOAD)
    assert member.keeper.trouble is None
    samples = {(s.name, *s.labels.values()): s.value for f in member.keeper.metrics() for s in f.samples}
    assert samples["ethrex_committee_events_total", "kept"] == 1
    assert samples["ethrex_committee_events_total", "disk failed"] == 1
    assert samples["ethrex_committee_payloads",] == 1


async def test_what_a_member_gives_is_held_against_the_digest(member: Running) -> None:
    await member.member.keep(Kept.of(CHAIN_ID, PAYLOAD), PAYLOAD)

    with pytest.raises(MemberFailed, match="status 404"):
        await member.member.payload(Kept.of(CHAIN_ID, b"other"))
    member.vault.find = lambda digest: b"other"  # type: ignore[method-assign]
    with pytest.raises(MemberFailed, match="are not the payload"):
        await member.member.payload(Kept.of(CHAIN_ID, PAYLOAD))


def test_a_token_file_has_the_roles_of_this_door(tmp_path: Path) -> None:
    (tmp_path / "tokens").write_text(f"prover x {'k' * 32}\n")

    with pytest.raises(BadTokenFile, match="role one of writer, reader"):
        from_file(tmp_path / "tokens", Role)
