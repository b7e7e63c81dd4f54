"""Keys: where they may lie, what is refused, a remote signer that answers rightly and wrongly."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import coincurve
import orjson
import pytest
from aiohttp import web
from eth_keyfile import keyfile

from ethrex_node import _native
from ethrex_node.dev import accounts
from ethrex_node.rollup.l1 import signers

SECRET = bytes(31) + b"\x05"
ADDRESS = signers.local(SECRET).address
PUBLIC = coincurve.PrivateKey(SECRET).public_key.format(compressed=False)[1:]
MAINNET = 1


async def test_a_keystore_opens_with_its_password(tmp_path: Path) -> None:
    content = keyfile.create_keyfile_json(SECRET, b"open", kdf="pbkdf2", iterations=1)
    (tmp_path / "key.json").write_bytes(orjson.dumps(content))
    (tmp_path / "password").write_text("open\n")

    signer = await signers.open_signer(f"keystore:{tmp_path}/key.json?password={tmp_path}/password", MAINNET)

    assert signer.address == ADDRESS
    assert signers.recover(_native.keccak256(b"m"), await signer.sign(b"m")) == ADDRESS
    (tmp_path / "password").write_text("wrong")
    with pytest.raises(signers.KeyUnusable, match=r"key\.json"):
        await signers.open_signer(f"keystore:{tmp_path}/key.json?password={tmp_path}/password", MAINNET)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"crypto": 3, "version": 3}', b'{"version": 9}', b"\xff"])
async def test_a_file_that_is_no_keystore_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key.json").write_bytes(content)
    (tmp_path / "password").write_text("x")

    with pytest.raises(signers.KeyUnusable, match=r"key\.json"):
        await signers.open_signer(f"keystore:{tmp_path}/key.json?password={tmp_path}/password", MAINNET)


async def test_a_key_from_the_environment() -> None:
    environment = {"KEY": "0x" + SECRET.hex()}

    assert (await signers.open_signer("env:KEY", MAINNET, environment=environment)).address == ADDRESS
    with pytest.raises(signers.KeyUnusable, match="OTHER is not set"):
        await signers.open_signer("env:OTHER", MAINNET, environment=environment)


async def test_a_key_from_a_file_as_a_cluster_mounts_it(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"0x{SECRET.hex()}\n")

    assert (await signers.open_signer(f"file:{tmp_path}/key", MAINNET)).address == ADDRESS
    with pytest.raises(signers.KeyUnusable, match=r"the key file .*/other: .*No such file"):
        await signers.open_signer(f"file:{tmp_path}/other", MAINNET)


@pytest.mark.parametrize("value", ["zz", "0x12", "00" * 32, "ff" * 32])
async def test_a_value_that_is_no_key_is_refused_and_not_shown(value: str, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(value)
    for reference in ("env:KEY", f"file:{tmp_path}/key"):
        with pytest.raises(signers.KeyUnusable) as refused:
            await signers.open_signer(reference, MAINNET, environment={"KEY": value})
        assert value not in str(refused.value)


@pytest.mark.parametrize("text", [SECRET.hex(), "0x" + SECRET.hex()])
async def test_a_key_in_clear_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(signers.BadReference, match="a key in clear") as refused:
        await signers.open_signer(text, MAINNET)
    assert SECRET.hex() not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    ["", "key.json", "fil:x", "web3signer:http://h#zz", "dev:", "dev:20", "dev:-1", "dev:x", "dev:0x1", "dev:٣"],
)
async def test_what_names_no_key_is_refused(text: str) -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(signers.BadReference):
            await signers.open_signer(text, MAINNET, session)


async def test_a_dev_chains_key_is_refused_elsewhere() -> None:
    environment = {"KEY": accounts.derive()[3].key.hex()}

    with pytest.raises(signers.DevelopmentKey, match="chain 1 is none"):
        await signers.open_signer("env:KEY", MAINNET, environment=environment)
    assert await signers.open_signer("env:KEY", 31337, environment=environment)


async def test_an_account_of_a_dev_chain_is_named_by_its_number() -> None:
    known = accounts.derive(count=20)

    for number in (0, 3, 19):
        assert (await signers.open_signer(f"dev:{number}", 31337)).address == known[number].address
    with pytest.raises(signers.DevelopmentKey, match="chain 1 is none"):
        await signers.open_signer("dev:3", MAINNET)


def test_a_key_shows_in_no_repr() -> None:
    assert SECRET.hex() not in repr(signers.local(SECRET))
    assert repr(SECRET) not in repr(signers.local(SECRET))


class Remote:
    """Web3Signer's door, with the right key or another."""

    def __init__(self) -> None:
        self.key = SECRET
        self.status = 200
        self.text: str | None = None

    async def handle(self, request: web.Request) -> web.Response:
        assert request.match_info["key"] == "0x" + PUBLIC.hex()
        data = bytes.fromhex((await request.json())["data"][2:])
        signature = _native.sign_hash(self.key, _native.keccak256(data))
        text = "0x" + signature[:64].hex() + bytes([signature[64] + 27]).hex()
        return web.Response(status=self.status, text=self.text or text)


@pytest.fixture
async def remote() -> AsyncIterator[tuple[Remote, signers.Signer]]:
    served = Remote()
    application = web.Application()
    application.router.add_post("/api/v1/eth1/sign/{key}", served.handle)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    async with aiohttp.ClientSession() as session:
        yield (
            served,
            await signers.open_signer(f"web3signer:http://127.0.0.1:{port}#0x{PUBLIC.hex()}", MAINNET, session),
        )
    await runner.cleanup()


async def test_a_remote_signer_signs(remote: tuple[Remote, signers.Signer]) -> None:
    _, signer = remote

    assert signer.address == ADDRESS
    assert signers.recover(_native.keccak256(b"m"), await signer.sign(b"m")) == ADDRESS


async def test_a_remote_signer_with_another_key_is_caught(remote: tuple[Remote, signers.Signer]) -> None:
    served, signer = remote
    served.key = bytes(31) + b"\x06"

    with pytest.raises(signers.RemoteFailed, match="is not that of"):
        await signer.sign(b"m")


@pytest.mark.parametrize(("status", "text"), [(500, "broken"), (200, "nothing"), (200, "0x00")])
async def test_a_remote_signer_that_fails_is_named(
    remote: tuple[Remote, signers.Signer], status: int, text: str
) -> None:
    served, signer = remote
    served.status, served.text = status, text

    with pytest.raises(signers.RemoteFailed, match="remote signer"):
        await signer.sign(b"m")
