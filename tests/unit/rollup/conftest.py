"""An L1 for the tests of a module, a client of it, keys with money on it, a store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from ethrex_node.dev import accounts
from ethrex_node.rollup.l1 import client, signers
from ethrex_node.rollup.store import Store
from ethrex_node.rollup.store.schema import TABLES
from unit.rollup import l1_process

KEYS = [signers.local(account.key) for account in accounts.derive()]


@pytest.fixture(scope="module")
def l1() -> Iterator[l1_process.L1]:
    with l1_process.dev_chain() as running:
        yield running


@pytest.fixture
async def asking(l1: l1_process.L1) -> AsyncIterator[client.L1Client]:
    opened = await client.L1Client.open(client.Settings(urls=(l1.url,)))
    yield opened
    await opened.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "rollup", TABLES)
    yield opened
    opened.close()
