"""
A dev chain in a temporary folder: native chain, pool, producer, control, and the methods over them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ethrex_node import _native
from ethrex_node.dev import accounts, control, methods
from ethrex_node.rpc import logs, parts, table
from unit.dev import wiring

ACCOUNTS = accounts.derive()
FIRST, SECOND = ACCOUNTS[0].address, ACCOUNTS[1].address


@dataclass
class Dev:
    """The chain and its caller."""

    wired: wiring.Wired
    table: table.Table
    kept: list[_native.Transaction]  # what went to the journal

    @property
    def control(self) -> control.Control:
        return self.wired.control

    async def call(self, method: str, *arguments: Any) -> Any:
        """A method of the dev chain, its arguments as JSON. Raises `RpcError`."""
        row = self.table.find(method)
        assert row is not None, method
        assert row.function is not None
        assert row.decode is not None
        result = row.function.call(row.state, *row.decode(list(arguments)))
        return await result if hasattr(result, "__await__") else result

    def ask(self, method: str, *arguments: Any) -> Any:
        """A native method."""
        return logs.ask(self.wired.reader, method, list(arguments))

    def balance(self, address: bytes) -> int:
        return int(self.ask("eth_getBalance", "0x" + address.hex(), "latest"), 16)

    def number(self) -> int:
        return int(self.ask("eth_blockNumber"), 16)


@pytest.fixture
async def dev(tmp_path: Path) -> AsyncIterator[Dev]:
    wired = wiring.wire(tmp_path / "data", ACCOUNTS)
    identity = parts.Identity("test/1", 31337, 31337, str(tmp_path))
    whole = table.Table()
    kept: list[_native.Transaction] = []

    async def keep(transaction: _native.Transaction) -> None:
        kept.append(transaction)

    for group, state in methods.groups(methods.Unlocked(wired.control, wired.reader, identity, keep)):
        whole.add(group, state)
    yield Dev(wired, whole, kept)
    wired.chain.close()
