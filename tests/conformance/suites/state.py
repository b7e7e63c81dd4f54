"""
State tests: one transaction on ``pre`` in block ``env``, per fork; then the state root and the hash of the logs.

A case is one entry of ``post[fork]``. With ``expectException`` the transaction must be refused and the root stays that of
``pre``. Filled files carry the signed transaction; older ones its parts, to be put together and signed here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson

from conformance import fixture, networks, signing
from conformance.case import Case, Mismatch, Skip, Suite, equal
from ethrex_node import _native


@dataclass(frozen=True, slots=True)
class Post:
    test: dict[str, Any]
    fork: str
    pre: bytes
    expected: dict[str, Any]


def cases(_file: str, data: bytes) -> Iterator[Case]:
    for name, test in fixture.named(data):
        if {"env", "pre", "transaction", "post"} <= test.keys():
            pre = orjson.dumps(test["pre"])
            for fork, posts in test["post"].items():
                for index, expected in enumerate(posts):
                    yield Case(f"{name}[{fork}][{index}]", Post(test, fork, pre, expected))


def check(case: Case) -> None:
    post: Post = case.data
    if networks.is_unscheduled(post.fork):
        raise Skip("unscheduled-fork")
    config = networks.from_fixture(post.test, post.fork)
    transaction = _transaction(post)
    root, logs, refusal = _native.run_state_test(
        orjson.dumps(config), post.pre, orjson.dumps(_header(config, post.test["env"])), transaction
    )
    exception = post.expected.get("expectException")
    if exception and refusal is None:
        raise Mismatch(f"executed, expected {exception}")
    if refusal is not None and not exception:
        raise Mismatch(f"refused: {refusal}")
    equal("state root", root, fixture.unhex(post.expected["hash"]))
    if refusal is None:
        equal("logs hash", logs, fixture.unhex(post.expected["logs"]))


def _transaction(post: Post) -> bytes:
    if "txbytes" in post.expected:
        return fixture.unhex(post.expected["txbytes"])
    return signing.signed(post.test["transaction"], post.expected["indexes"])


def _header(config: dict[str, Any], env: dict[str, Any]) -> dict[str, Any]:
    """The block around the transaction; only the fields that its fork has."""
    header: dict[str, Any] = {
        "beneficiary": env["currentCoinbase"],
        "gasLimit": fixture.number(env["currentGasLimit"]),
        "number": fixture.number(env["currentNumber"]),
        "timestamp": fixture.number(env["currentTimestamp"]),
    }
    if "terminalTotalDifficulty" in config:
        header["mixHash"] = "0x" + env.get("currentRandom", "0x").removeprefix("0x").zfill(64)
    else:
        header["difficulty"] = env["currentDifficulty"]
    if "londonBlock" in config:
        header["baseFeePerGas"] = fixture.number(env.get("currentBaseFee", 0))
    if "cancunTime" in config:
        header["excessBlobGas"] = fixture.number(env.get("currentExcessBlobGas", 0))
    return header


SUITE: Final = Suite((".json",), cases, check)
