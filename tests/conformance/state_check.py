"""
Compare the state at a chain's head with a fixture's ``postState`` (or ``postStateHash``).

The root says that nothing is amiss or too much; then each account and slot is read the way a user would read it, through the
snapshot's JSON-RPC answers, which come from other tables than the root.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import orjson

from conformance import fixture
from conformance.case import Mismatch, equal
from ethrex_node import _native


class Ask(Protocol):
    """A JSON-RPC call that gives the result, and raises Mismatch for an error."""

    def __call__(self, method: str, /, *params: object) -> Any: ...


def compare(ask: Ask, test: Mapping[str, Any]) -> None:
    root = fixture.unhex(ask("eth_getBlockByNumber", "latest", False)["stateRoot"])
    if "postStateHash" in test:
        equal("state root", root, fixture.unhex(test["postStateHash"]))
    if "postState" in test:
        equal("state root", root, _native.state_root(orjson.dumps(test["postState"])))
        for address, account in test["postState"].items():
            _compare_account(ask, address, account)


def _compare_account(ask: Ask, address: str, account: Mapping[str, Any]) -> None:
    got = fixture.number(ask("eth_getBalance", address, "latest"))
    equal(f"balance of {address}", got, fixture.number(account["balance"]))
    got = fixture.number(ask("eth_getTransactionCount", address, "latest"))
    equal(f"nonce of {address}", got, fixture.number(account["nonce"]))
    equal(
        f"code of {address}",
        fixture.unhex(ask("eth_getCode", address, "latest")),
        fixture.unhex(account["code"]),
    )
    for slot, value in account["storage"].items():
        key = "0x" + slot.removeprefix("0x").zfill(64)
        got = fixture.number(ask("eth_getStorageAt", address, key, "latest"))
        equal(f"slot {slot} of {address}", got, fixture.number(value))


def of_reader(reader: _native.Reader) -> Ask:
    def ask(method: str, /, *params: object) -> Any:
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        answered = reader.answer(orjson.dumps(request))
        if answered is None:
            raise Mismatch(f"{method} is not answered from the snapshot")
        return result_of(method, orjson.loads(answered[1]))

    return ask


def result_of(method: str, answer: Mapping[str, Any]) -> Any:
    if "result" not in answer:
        raise Mismatch(f"{method}: {answer.get('error')}")
    return answer["result"]
