"""What lies in a data folder, read from outside by the core's read-only door, and held against the story."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ethrex_node import _native
from faults import story

Ask = Callable[..., Any]


def reader(folder: Path) -> Ask:
    """Questions as JSON-RPC has them, to the database of a data folder that nobody has to serve."""
    opened = _native.Reader(folder / "chain")

    def ask(method: str, *params: Any) -> Any:
        request = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        answer = opened.answer(request)
        assert answer is not None, method
        told = json.loads(answer[1])
        assert "error" not in told, (method, told)
        return told["result"]

    return ask


def check(ask: Ask, told: story.Story, allowed: set[str]) -> str:
    """The head is one of these, its blocks and receipts are there, its root follows from what the state says."""
    head = ask("eth_getBlockByNumber", "latest", False)
    block_hash = str(head["hash"])
    assert block_hash in allowed, f"head {block_hash}, expected one of {allowed}"
    path = told.path(block_hash)
    for block in path[-8:]:
        assert ask("debug_getRawBlock", hex(block.number)) == "0x" + block.rlp.hex()
        assert len(ask("eth_getBlockReceipts", hex(block.number))) == story.TRANSFERS + 1
    assert ask("eth_getBlockByNumber", hex(len(path) + 1), False) is None
    logs = ask("eth_getLogs", {"fromBlock": "0x0", "toBlock": "latest", "address": "0x" + story.CLOCK.hex()})
    assert [log["blockHash"] for log in logs] == [block.hash for block in path]
    assert story.state_root(ask, told, block_hash) == head["stateRoot"]
    return block_hash
