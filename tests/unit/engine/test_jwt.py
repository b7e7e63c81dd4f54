"""
The guard of the door: secrets and tokens.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import resource
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.engine.conftest import Desk
from unit.rpc.client import Http, close_all, request, rpc

from ethrex_node.engine import jwt
from ethrex_node.rpc import server, settings

SECRET = bytes(range(32))
NOW = 1_700_000_000.0


def token(head: Any, claims: Any, secret: bytes = SECRET, signature: bytes | None = None) -> str:
    parts = [orjson.dumps(head), orjson.dumps(claims)]
    text = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    signed = hmac.digest(secret, text, hashlib.sha256) if signature is None else signature
    return (text + b"." + base64.urlsafe_b64encode(signed).rstrip(b"=")).decode()


HS256 = {"alg": "HS256", "typ": "JWT"}


@pytest.mark.parametrize("drift", [-60, -59, 0, 59, 60])
def test_a_token_near_now_is_welcome(drift: int) -> None:
    jwt.verify(jwt.sign(SECRET, NOW + drift), SECRET, NOW)


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (jwt.sign(SECRET, NOW - 61), "stale token"),
        (jwt.sign(SECRET, NOW + 61), "future token"),
        (jwt.sign(SECRET, NOW, exp=NOW - 1), "token is expired"),
        (jwt.sign(SECRET, NOW, exp="soon"), "token is expired"),
        (jwt.sign(b"x" * 32, NOW), "signature is invalid"),
        (token(HS256, {}), "missing issued-at"),
        (token(HS256, {"iat": "now"}), "missing issued-at"),
        (token(HS256, {"iat": True}), "missing issued-at"),
        (token(HS256, [1]), "token is malformed"),
        (token([], {"iat": NOW}), "token is malformed"),
        (token({"alg": "none"}, {"iat": NOW}, signature=b""), "signing method none is invalid"),
        (token({"alg": "HS512"}, {"iat": NOW}), "signing method HS512 is invalid"),
        (token({"alg": "RS256"}, {"iat": NOW}), "signing method RS256 is invalid"),
        (token({}, {"iat": NOW}), "signing method None is invalid"),
        (jwt.sign(SECRET, NOW)[:-5], "signature is invalid"),
        (jwt.sign(SECRET, NOW) + "!!", "malformed"),
        ("a.b", "invalid number of segments"),
        ("a.b.c.d", "invalid number of segments"),
        ("..", "token is malformed"),
        ("\u00e9.\u00e9.\u00e9", "token is malformed"),
        ("x" * 5000, "token too long"),
    ],
)
def test_other_tokens_are_refused_with_a_reason(made: str, reason: str) -> None:
    with pytest.raises(jwt.BadToken, match=reason):
        jwt.verify(made, SECRET, NOW)


def test_extra_claims_do_no_harm() -> None:
    jwt.verify(jwt.sign(SECRET, NOW, id="x", clv="y", exp=NOW + 5), SECRET, NOW)


@given(st.text())
def test_no_text_gets_in_or_breaks_the_guard(text: str) -> None:
    with pytest.raises(jwt.BadToken):
        jwt.verify(text, SECRET, NOW)


def test_the_alphabet_is_that_of_urls_alone() -> None:
    made = next(token for at in range(1000) if set("-_") & set(token := jwt.sign(SECRET, NOW + at / 1000)))

    jwt.verify(made, SECRET, NOW)
    with pytest.raises(jwt.BadToken, match="malformed"):
        jwt.verify(made.replace("-", "+").replace("_", "/"), SECRET, NOW)


@given(st.integers(min_value=0), st.integers(min_value=0, max_value=255))
def test_a_token_with_one_byte_changed_is_refused(position: int, value: int) -> None:
    made = bytearray(jwt.sign(SECRET, NOW).encode())
    position %= len(made) - 1  # the last character has two bits that no byte uses
    if made[position] == value:
        return
    made[position] = value
    with pytest.raises(jwt.BadToken):
        jwt.verify(made.decode("latin-1"), SECRET, NOW)


def test_a_missing_secret_is_made_for_this_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "jwt.hex"
    secret = jwt.load_secret(path)
    assert len(secret) == 32
    assert path.stat().st_mode & 0o777 == 0o600
    assert jwt.load_secret(path) == secret


@pytest.mark.parametrize("text", ["0x" + "ab" * 32, "ab" * 32, "  0x" + "AB" * 32 + "\n"])
def test_a_secret_is_hex_with_or_without_prefix(tmp_path: Path, text: str) -> None:
    path = tmp_path / "jwt.hex"
    path.write_text(text)
    assert jwt.load_secret(path) == b"\xab" * 32


@pytest.mark.parametrize("text", ["", "0x", "ab" * 31, "ab" * 33, "zz" * 32, "0x" + "ab " * 32, "\u00e9"])
def test_a_bad_secret_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "jwt.hex"
    path.write_text(text)
    with pytest.raises(jwt.BadSecret, match=r"jwt\.hex"):
        jwt.load_secret(path)


def test_a_secret_that_could_not_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    file = tmp_path / "jwt.hex"
    most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, most[1]))
    try:
        with pytest.raises(jwt.BadSecret, match="cannot create the JWT secret"):
            jwt.load_secret(file)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, most)

    assert list(tmp_path.iterdir()) == []
    assert jwt.load_secret(file) == jwt.load_secret(file)


def test_a_secret_that_came_meanwhile_is_the_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "jwt.hex"
    theirs = bytes(range(32))

    def late(count: int) -> bytes:
        file.write_text(theirs.hex())
        return bytes(count)

    monkeypatch.setattr("secrets.token_bytes", late)

    assert jwt.load_secret(file) == theirs


def test_a_secret_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(jwt.BadSecret):
        jwt.load_secret(tmp_path / "file" / "jwt.hex")


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("Bearer " + jwt.sign(SECRET, NOW), 200),
        ("bearer " + jwt.sign(SECRET, NOW), 200),
        ("Basic " + jwt.sign(SECRET, NOW), 401),
        ("Bearer", 401),
        ("Bearer ", 401),
        (jwt.sign(SECRET, NOW), 401),
        ("", 401),
        ("Bearer " + jwt.sign(SECRET, NOW - 100), 401),
    ],
)
async def test_the_door_asks_for_a_token(desk: Desk, header: str, status: int) -> None:
    rules = settings.HttpSettings(port=0, websocket=True)
    door = server.Server(desk.dispatcher, rules, authorize=jwt.guard(SECRET, lambda: NOW))
    await door.start()
    http = await Http.connect(door.port)

    answer = await http.post(rpc("engine_exchangeCapabilities", []), authorization=header)

    assert answer.status == status
    if status == 401:
        assert answer.body
        assert await http.closed() == b""
    upgrade = {"connection": "Upgrade", "upgrade": "websocket", "sec_websocket_version": "13"}
    other = await Http.connect(door.port)
    other.send(_upgrade(header, upgrade))
    assert (await other.receive(head=True)).status == (101 if status == 200 else 401)
    await close_all()
    await door.stop(0)


def _upgrade(header: str, upgrade: dict[str, str]) -> bytes:
    key = "dGhlIHNhbXBsZSBub25jZQ=="
    return request(b"", "GET", content_type="", sec_websocket_key=key, authorization=header, **upgrade)


async def test_a_token_is_not_good_for_ever_on_one_connection(desk: Desk) -> None:
    now = NOW
    door = server.Server(desk.dispatcher, settings.HttpSettings(port=0), authorize=jwt.guard(SECRET, lambda: now))
    await door.start()
    http = await Http.connect(door.port)
    header = "Bearer " + jwt.sign(SECRET, NOW)
    assert (await http.post(rpc("eth_syncing"), authorization=header)).status == 200
    now += 100
    refused = await http.post(rpc("eth_syncing"), authorization=header)
    assert (refused.status, refused.body) == (401, b"stale token\n")
    await close_all()
    await door.stop(0)
