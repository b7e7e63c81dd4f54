"""
Engine fixtures: payloads sent to the Engine API, over HTTP with a token, as a consensus client does it.

Each ``engineNewPayloads`` entry is one ``engine_newPayload``: VALID, or INVALID where ``validationError`` is set, or the
JSON-RPC error ``errorCode``. After a VALID one comes ``engine_forkchoiceUpdated``. At the end the head is ``lastblockhash`` and
the state is ``postState``. Every case has a node of its own in this process: database, chain, Engine API, HTTP server.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import orjson

from conformance import engine_host, fixture, genesis, networks, state_check
from conformance.case import Case, Mismatch, Skip, Suite, equal

ZERO: Final = "0x" + "00" * 32


def cases(_file: str, data: bytes) -> Iterator[Case]:
    for name, test in fixture.named(data):
        if {"engineNewPayloads", "pre", "genesisBlockHeader", "network"} <= test.keys():
            yield Case(name, test)


def check(case: Case) -> None:
    test: dict[str, Any] = case.data
    if networks.is_unscheduled(test["network"]):
        raise Skip("unscheduled-fork")
    with engine_host.node(orjson.dumps(genesis.build(test))) as client:
        ask = client.ask
        equal("genesis hash", ask("eth_getBlockByNumber", "0x0", False)["hash"], test["genesisBlockHeader"]["hash"])
        for index, payload in enumerate(test["engineNewPayloads"]):
            _play(client, index, payload)
        equal("head", ask("eth_getBlockByNumber", "latest", False)["hash"], test["lastblockhash"])
        state_check.compare(ask, test)


def _play(client: engine_host.Client, index: int, payload: dict[str, Any]) -> None:
    what = f"payload {index}"
    answer = client.call(f"engine_newPayloadV{payload['newPayloadVersion']}", *payload["params"])
    if "errorCode" in payload:
        equal(f"{what}: error code", answer.get("error", {}).get("code"), int(payload["errorCode"]))
        return
    status = state_check.result_of(what, answer)
    if payload.get("validationError"):
        if status["status"] != "INVALID":
            raise Mismatch(f"{what}: {status['status']}, expected INVALID for {payload['validationError']}")
        return
    block_hash = payload["params"][0]["blockHash"]
    if status["status"] != "VALID":
        raise Mismatch(f"{what}: {status['status']} ({status.get('validationError')}), expected VALID")
    equal(f"{what}: latest valid hash", status["latestValidHash"], block_hash)
    _choose(client, what, payload, block_hash)


def _choose(client: engine_host.Client, what: str, payload: dict[str, Any], block_hash: str) -> None:
    state = {"headBlockHash": block_hash, "safeBlockHash": ZERO, "finalizedBlockHash": ZERO}
    answer = client.ask(f"engine_forkchoiceUpdatedV{payload['forkchoiceUpdatedVersion']}", state, None)
    equal(f"{what}: fork choice", answer["payloadStatus"]["status"], "VALID")


SUITE: Final = Suite((".json",), cases, check)
