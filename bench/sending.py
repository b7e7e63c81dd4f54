"""Transfers of the dev accounts, signed beforehand, and how they go to a node."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

import aiohttp

from ethrex_node import _native
from ethrex_node.dev import accounts
from ethrex_node.rollup.l1.fees import Fees
from ethrex_node.rollup.l1.transaction import Transaction

GWEI: Final = 10**9
BATCH: Final = 100
OLD_RECIPIENTS: Final = 20_000


def transfers(chain_id: int, first: int, count: int, senders: Sequence[int] = range(10)) -> list[str]:
    """
    Raw transactions of these dev accounts in turn, from number `first` on; half of the recipients are new.

    `first` counts what the same accounts sent before: nonces go on from it.
    """
    keys = [accounts.derive()[sender].key for sender in senders]
    made = []
    for number in range(first, first + count):
        seed = number if number % 2 else number % OLD_RECIPIENTS
        transaction = Transaction(
            chain_id=chain_id,
            nonce=number // len(keys),
            to=_native.keccak256(seed.to_bytes(8, "big"))[12:],
            gas_limit=100_000,
            fees=Fees(10 * GWEI, GWEI),
            value_wei=1_000,
        )
        digest = _native.keccak256(transaction.preimage)
        signature = _native.sign_hash(keys[number % len(keys)], digest)
        made.append("0x" + transaction.signed(signature).raw.hex())
    return made


def bodies(raws: Sequence[str]) -> list[bytes]:
    """Requests with `BATCH` transactions each."""
    return [json.dumps(_batch(raws[at : at + BATCH])).encode() for at in range(0, len(raws), BATCH)]


def _batch(raws: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {"jsonrpc": "2.0", "id": number, "method": "eth_sendRawTransaction", "params": [raw]}
        for number, raw in enumerate(raws)
    ]


async def send(session: aiohttp.ClientSession, url: str, body: bytes) -> None:
    """One of `bodies`. Raises RuntimeError where a transfer is refused."""
    for answer in await _post(session, url, body):
        if "error" in answer:
            raise RuntimeError(f"a transfer was refused: {answer['error']}")


async def ask(session: aiohttp.ClientSession, url: str, method: str, *params: Any) -> Any:
    """The result of a call. Raises RuntimeError."""
    request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    answer = await _post(session, url, json.dumps(request).encode())
    if "error" in answer:
        raise RuntimeError(f"{method}: {answer['error']}")
    return answer["result"]


async def _post(session: aiohttp.ClientSession, url: str, body: bytes) -> Any:
    async with session.post(url, data=body, headers={"Content-Type": "application/json"}) as answer:
        return await answer.json()
