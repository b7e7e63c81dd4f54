"""What a report keeps of a text and what it does not."""

from __future__ import annotations

import pytest

from ethrex_operator.ctl.redact import GONE, Redactor

HASH = "0x" + "ab12" * 16


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ("https://user:pw@host:8545/a", f"https://{GONE}@host:8545/a"),
        ("https://host/v3/0123456789abcdef0123456789abcdef", f"https://host/v3/{GONE}"),
        ("https://host/x?apikey=abc&y=2", f"https://host/x?apikey={GONE}&y={GONE}"),
        ("postgres://u:p@db/x", f"postgres://{GONE}@db/x"),
        ("web3signer:https://u:p@signer:9000#0xab", f"web3signer:https://{GONE}@signer:9000"),
        ("password: hunter2", f"password: {GONE}"),
        ('{"apiKey": "abc def", "n": 1}', f'{{"apiKey": "{GONE}", "n": 1}}'),
        ("keystore:/etc/a?password=/etc/b", f"keystore:/etc/a?password={GONE}"),
        ("ETHREX_JWT_SECRET=abcdef", f"ETHREX_JWT_SECRET={GONE}"),
        ("--rpc.token abc --http", f"--rpc.token {GONE} --http"),
        ("Authorization: Basic dXNlcjpwdw==", f"Authorization: {GONE} {GONE}"),
        ("jwtSecret=null", "jwtSecret=null"),
        (f"transaction {HASH} failed", "transaction 0xab12ab12… failed"),
        ("block 0xab of 0x" + "cd" * 20, "block 0xab of 0x" + "cd" * 20),
        ("image@sha256:" + "ab" * 32, "image@sha256:" + "ab" * 32),
        ("the token has expired, ask for another one", "the token has expired, ask for another one"),
        ("http://rollup-sequencer.team.svc:1729", "http://rollup-sequencer.team.svc:1729"),
    ],
)
def test_text(given: str, left: str) -> None:
    assert Redactor().text(given) == left


def test_what_is_known_to_be_secret_is_gone_whatever_it_looks_like() -> None:
    redactor = Redactor(["plain words", "abc"])

    assert redactor.text("it said plain words and abc") == f"it said {GONE} and abc"


def test_objects_are_judged_by_their_names() -> None:
    given = {
        "env": [{"name": "DB_PASSWORD", "value": "x"}, {"name": "HEIGHT", "value": "7"}],
        "args": ["--api-token", "x", "--port", "80"],
        "secret": {"name": "keys", "passwordKey": "password"},
        "clientSecret": "x",
    }

    assert Redactor().object(given) == {
        "env": [{"name": "DB_PASSWORD", "value": GONE}, {"name": "HEIGHT", "value": "7"}],
        "args": ["--api-token", GONE, "--port", "80"],
        "secret": {"name": "keys", "passwordKey": "password"},
        "clientSecret": GONE,
    }


@pytest.mark.parametrize("word", ["a", "eyJ-", "token", "abc ", "https", "-----BEGIN PRIVATE KEY-----", "0x", "--key."])
def test_megabytes_of_one_word_are_read_in_one_go(word: str) -> None:
    """A pattern that looks for its end from every place would not come back from this."""
    left = Redactor(["known secret"]).text(word * (1_000_000 // len(word)))

    assert len(left) <= 1_000_000
