"""Service accounts' tokens: the good ones of a real issuer, hostile ones, keys that change, an issuer that is away."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import os
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from ethrex_node.node import admission
from ethrex_node.rollup.committee import keeper
from ethrex_node.rollup.coordinator import keyset, service_accounts
from ethrex_node.rollup.coordinator.errors import NotAllowed, Unavailable, Unidentified
from ethrex_node.rollup.coordinator.identities import Identity, Role
from ethrex_node.rollup.settings import RollupSettings
from unit.rollup.coordinator.issuer import AUDIENCE, EC, OTHER, RSA, SUBJECT, Issuer, certified, issuing, published
from unit.rollup.coordinator.served import ME, PROVER, serving

SUBJECTS = f"""
prover   {SUBJECT}                              h100     h100   # a pool
prover   system:serviceaccount:gpu:pool-*       any
operator system:serviceaccount:ethrex:operator  operator
observer system:serviceaccount:*:scaler         scaler
"""


class World:
    """What is asked, with a clock of its own for the fetches."""

    def __init__(self, folder: Path, issuer: Issuer) -> None:
        self.issuer = issuer
        self.seconds = 1000.0
        self.file = folder / "subjects"
        self.file.write_text(SUBJECTS)
        self.keys = keyset.KeySet(keyset.from_url(issuer.url + "/openid/v1/jwks"), lambda: self.seconds)
        self.subjects = service_accounts.Subjects(self.file)
        self.accounts = service_accounts.ServiceAccounts(issuer.url, AUDIENCE, self.keys, self.subjects)

    async def ask(self, **changed: Any) -> Identity:
        return await self.accounts(self.issuer.token(**changed))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with issuing() as issuer:
        yield World(tmp_path, issuer)


@pytest.mark.parametrize("key_id", ["one", "two"])
async def test_a_prover_is_called_by_its_pool_and_pod(world: World, key_id: str) -> None:
    identity = await world.ask(key_id=key_id)

    assert identity == Identity(Role.PROVER, "h100.prover-0", "h100")
    identity.must_own("h100.prover-0")
    with pytest.raises(NotAllowed):
        identity.must_own("h100.prover-1")
    assert world.accounts.outcomes == {"taken": 1}


async def test_the_first_rule_that_fits_says_who_somebody_is(world: World) -> None:
    async def of(subject: str, pod: str | None = None) -> Identity:
        return await world.ask(sub=subject, pod=pod)

    assert await of("system:serviceaccount:gpu:pool-a100", "x") == Identity(Role.PROVER, "any.x")
    assert await of("system:serviceaccount:ethrex:operator", "x") == Identity(Role.OPERATOR, "operator")
    assert await of("system:serviceaccount:somewhere:scaler") == Identity(Role.OBSERVER, "scaler")
    for stranger in ("system:serviceaccount:gpu:other", "system:serviceaccount:ethrex:operator2", "x" + SUBJECT, ""):
        with pytest.raises((NotAllowed, Unidentified)):
            await of(stranger)


def hmac_with_the_public_key(issuer: Issuer) -> str:
    """The old trick: the verifier's public key taken for a shared secret."""
    secret = RSA.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    words = [json.dumps({"alg": "HS256", "kid": "one"}).encode(), json.dumps(issuer.claims()).encode()]
    signed = b".".join(base64.urlsafe_b64encode(word).rstrip(b"=") for word in words)
    signature = base64.urlsafe_b64encode(hmac.digest(secret, signed, hashlib.sha256)).rstrip(b"=")
    return (signed + b"." + signature).decode()


def with_other_claims(issuer: Issuer) -> str:
    head, _, signature = issuer.token().split(".")
    claims = json.dumps(issuer.claims(sub="system:serviceaccount:ethrex:operator")).encode()
    return f"{head}.{base64.urlsafe_b64encode(claims).rstrip(b'=').decode()}.{signature}"


def unsigned(issuer: Issuer) -> str:
    return jwt.encode(issuer.claims(), "", "none", {"kid": "one"})


def now() -> int:
    return int(time.time())


HOSTILE: dict[str, tuple[str, Callable[[Issuer], str]]] = {
    "no signature": ("algorithm", unsigned),
    "a shared secret": ("algorithm", hmac_with_the_public_key),
    "RSA-PSS": ("algorithm", lambda one: jwt.encode(one.claims(), RSA, "PS256", {"kid": "one"})),
    "no key id": ("algorithm", lambda one: jwt.encode(one.claims(), RSA, "RS256")),
    "another algorithm than the key's": ("algorithm", lambda one: one.token("one", OTHER)),
    "another key under a known id": ("signature", lambda one: one.token("two", OTHER)),
    "an unknown key": ("unknown key", lambda one: one.token("three", OTHER)),
    "other claims under the signature": ("signature", with_other_claims),
    "a wrong audience": ("audience", lambda one: one.token(aud=["https://kubernetes.default.svc"])),
    "no audience": ("malformed", lambda one: one.token(aud=None)),
    "a wrong issuer": ("issuer", lambda one: one.token(iss=one.url + "/")),
    "no issuer": ("malformed", lambda one: one.token(iss=None)),
    "expired": ("expired", lambda one: one.token(exp=now() - 60)),
    "for ever": ("malformed", lambda one: one.token(exp=None)),
    "not yet": ("early", lambda one: one.token(nbf=now() + 600)),
    "no subject": ("malformed", lambda one: one.token(sub=None)),
    "an unknown subject": ("subject", lambda one: one.token(sub="system:serviceaccount:gpu:other")),
    "a pod that is no name": ("malformed", lambda one: one.token(pod="../x")),
    "two words": ("malformed", lambda _: "a.b"),
    "no words": ("malformed", lambda _: "..."),
    "not text": ("malformed", lambda _: "\udcff.\u0663.x"),
    "a header that is none": ("malformed", lambda _: "W10." + "e30.AAAA"),
    "very long": ("malformed", lambda one: one.token() + "A" * 5000),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_token_is_refused_and_counted(world: World, name: str) -> None:
    outcome, make = HOSTILE[name]

    with pytest.raises((Unidentified, NotAllowed)):
        await world.accounts(make(world.issuer))
    assert world.accounts.outcomes == {outcome: 1}


async def test_clocks_may_differ_a_little(world: World) -> None:
    assert await world.ask(exp=now() - 10)
    assert await world.ask(nbf=now() + 10, iat=now() + 10)


# keys


async def test_a_new_key_is_asked_for_and_not_too_often(world: World) -> None:
    await world.ask()
    world.issuer.keys["three"] = OTHER
    with pytest.raises(Unavailable, match="asked again in 10 s"):
        await world.ask(key_id="three")

    world.seconds += keyset.APART_SECONDS
    await asyncio.gather(*(world.ask(key_id="three") for _ in range(5)))
    for _ in range(20):
        with pytest.raises((Unidentified, Unavailable)):
            await world.accounts(world.issuer.token(os.urandom(4).hex(), OTHER))

    assert len(world.issuer.asked) == 2
    assert await world.ask(key_id="two")


async def test_while_the_issuer_is_away_known_keys_go_on(world: World) -> None:
    await world.ask()
    world.issuer.status = 500
    world.issuer.keys["three"] = OTHER
    world.seconds += keyset.APART_SECONDS

    with pytest.raises(Unavailable, match="does not answer"):
        await world.ask(key_id="three")
    assert await world.ask()

    world.issuer.status = 200
    world.seconds += keyset.APART_SECONDS
    assert await world.ask(key_id="three")
    assert world.keys.fetches == {"done": 2, "failed": 1}


async def test_a_withdrawn_key_is_forgotten_by_the_next_regular_fetch(world: World) -> None:
    await world.ask(key_id="one")
    token = world.issuer.token("one")
    del world.issuer.keys["one"]

    running = asyncio.create_task(world.keys.run())
    async with asyncio.timeout(30):
        while len(world.issuer.asked) < 2 or world.keys.fetches["done"] < 2:
            await asyncio.sleep(0.005)
    running.cancel()

    world.seconds += keyset.APART_SECONDS
    with pytest.raises(Unidentified, match="none of the issuer's"):
        await world.accounts(token)


@pytest.mark.parametrize("answer", [b"", b"[]", b"{}", b'{"keys": 5}', b'{"keys": [5]}', b"\xff", b"x" * (2 << 20)])
async def test_an_answer_that_is_no_set_of_keys_changes_nothing(world: World, answer: bytes) -> None:
    await world.ask()
    world.issuer.answer = answer
    world.seconds += keyset.APART_SECONDS

    with pytest.raises(Unavailable):
        await world.accounts(world.issuer.token("three", OTHER))
    assert await world.ask()


def test_keys_that_are_weak_or_for_something_else_are_left_out() -> None:
    weak = rsa.generate_private_key(65537, 1024)
    shared = {"kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0", "kid": "shared", "alg": "HS256"}
    keys = [
        published("weak", weak),
        shared,
        published("two", EC) | {"use": "enc"},
        {name: value for name, value in published("x", EC).items() if name != "kid"},
        published("curve", EC) | {"crv": "P-384"},
        published("good", RSA),
    ]

    assert keyset.keys_of(json.dumps({"keys": keys}).encode()).keys() == {"good"}
    with pytest.raises(keyset.KeysUnusable, match="none of 5 keys is usable"):
        keyset.keys_of(json.dumps({"keys": keys[:5]}).encode())


async def test_the_pods_own_token_is_shown_and_read_each_time(world: World, tmp_path: Path) -> None:
    (tmp_path / "own").write_text("first\n")
    fetch = keyset.from_url(world.issuer.url + "/openid/v1/jwks", None, tmp_path / "own")

    await fetch()
    (tmp_path / "own").write_text("second\n")
    await fetch()

    assert world.issuer.asked == ["Bearer first", "Bearer second"]
    (tmp_path / "own").unlink()
    with pytest.raises(keyset.KeysUnusable, match="own"):
        await fetch()


async def test_an_api_servers_own_authority_is_believed_where_it_is_named(tmp_path: Path) -> None:
    async with issuing(certified(tmp_path)) as issuer:
        url = issuer.url + "/openid/v1/jwks"

        assert keyset.keys_of(await keyset.from_url(url, tmp_path / "ca.pem")())
        with pytest.raises(keyset.KeysUnusable, match="certificate verify failed"):
            await keyset.from_url(url)()
        with pytest.raises(keyset.KeysUnusable, match="No such file"):
            await keyset.from_url(url, tmp_path / "nowhere")()


@pytest.mark.parametrize("url", ["http://10.0.0.1/x", "http://issuer/x", "ftp://x", "file:///x"])
def test_keys_over_a_way_that_others_may_change_are_not_taken(url: str) -> None:
    with pytest.raises(ValueError, match="use https"):
        keyset.from_url(url)


# who may come


async def test_the_file_of_subjects_is_read_again_when_it_changes(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await world.ask()

    def replace(text: str) -> None:
        """As a mounted file changes: another one in its place."""
        fresh = world.file.with_name("fresh")
        fresh.write_text(text)
        fresh.replace(world.file)

    replace(f"prover {SUBJECT} other\n")
    assert (await world.ask()).name == "other.prover-0"
    replace("king nobody x\n")
    assert (await world.ask()).name == "other.prover-0"
    assert any("stays as it was" in record.message for record in caplog.records)
    replace("prover somebody else\n")
    with pytest.raises(NotAllowed, match="may not come here"):
        await world.ask()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "names nobody"),
        ("prover x", "line 1: expected"),
        ("king x y", "role one of"),
        ("# all\nprover * all", "line 2: . would let in everybody"),
        ("prover x ../y", "is not a name"),
    ],
)
def test_a_file_of_subjects_that_is_none_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "subjects").write_text(text)

    with pytest.raises(service_accounts.BadSubjectsFile, match=reason):
        service_accounts.Subjects(tmp_path / "subjects")


# at the door


def settings(folder: Path, issuer: Issuer, **more: Any) -> admission.Ways:
    (folder / "subjects").write_text(SUBJECTS)
    given = {"coordinator_issuer": issuer.url, "coordinator_audience": AUDIENCE}
    asked = RollupSettings(**given | {"coordinator_subjects": folder / "subjects"} | more)
    return admission.of_coordinator(asked)


async def test_through_the_coordinators_door(tmp_path: Path) -> None:
    async with issuing() as issuer, serving(tmp_path) as served:
        opened = admission.opened(settings(tmp_path, issuer, coordinator_tokens=tmp_path / "tokens"))
        await served.guard(opened.authenticate)
        await served.add(1)
        await served.add(2)
        pod, operator = issuer.token(), issuer.token("one", sub="system:serviceaccount:ethrex:operator")

        grant = await served.granted("h100.prover-0", pod)
        assert (await served.prove(grant, prover="h100.prover-0", token=pod)).status == 200
        (prover,) = (await served.call("GET", "/v1/provers", token=operator)).json["provers"]
        assert (prover["prover"], prover["pool"]) == ("h100.prover-0", "h100")
        assert await served.granted(ME, PROVER), "tokens of the file are known as well"

        note = b'{"prover": "h100.prover-1", "fence": 1}'
        assert (await served.call("POST", "/v1/jobs/1-attested-1/heartbeat", note, pod)).status == 403
        assert (await served.call("GET", "/v1/queue", token=pod)).status == 403
        assert (await served.call("PUT", "/v1/provers/h100.prover-0/cordon", token=operator)).status == 200
        assert await served.lease("h100.prover-0", pod) is None
        for name, (_, make) in HOSTILE.items():
            if name != "not text":
                answer = await served.call("GET", "/v1/queue", token=make(issuer))
                assert answer.status in (401, 403, 503), name
        issuer.keys["three"] = OTHER
        answer = await served.call("GET", "/v1/queue", token=issuer.token("three"))
        assert (answer.status, answer.json["error"]) == (503, "Unavailable")
        samples = {s.labels.get("outcome"): s.value for f in opened.metrics() for s in f.samples}
        assert samples["expired"] == 1
        assert samples["taken"] >= 5


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"coordinator_issuer": None}, "issuer is missing"),
        ({"coordinator_audience": None}, "needs --proof-coordinator.audience"),
        ({"coordinator_subjects": None}, "needs --proof-coordinator.audience and --proof-coordinator.subjects"),
        ({"coordinator_jwks": "http://far/keys"}, "use https"),
        (
            {"coordinator_issuer": None, "coordinator_audience": None, "coordinator_subjects": None},
            "nobody may come",
        ),
    ],
)
async def test_settings_that_let_nobody_in_are_refused(tmp_path: Path, changed: dict[str, Any], reason: str) -> None:
    async with issuing() as issuer:
        with pytest.raises(admission.NobodyMayCome, match=reason):
            admission.opened(settings(tmp_path, issuer, **changed))


async def test_another_door_has_roles_of_its_own(tmp_path: Path) -> None:
    async with issuing() as issuer:
        (tmp_path / "subjects").write_text(f"writer {SUBJECT} sequencer\n")
        ways = admission.Ways(
            prefix="--", tokens=None, issuer=issuer.url, audience=AUDIENCE, subjects=tmp_path / "subjects"
        )

        identity = await admission.opened(ways, keeper.Role).authenticate(issuer.token())

        assert identity == Identity(keeper.Role.WRITER, "sequencer")
        with pytest.raises(service_accounts.BadSubjectsFile, match="role one of prover"):
            admission.opened(ways)


async def test_keys_may_come_from_a_file(tmp_path: Path) -> None:
    async with issuing() as issuer:
        (tmp_path / "jwks").write_bytes(issuer.document())
        opened = admission.opened(settings(tmp_path, issuer, coordinator_jwks=str(tmp_path / "jwks")))

        assert (await opened.authenticate(issuer.token())).name == "h100.prover-0"
        assert issuer.asked == []
