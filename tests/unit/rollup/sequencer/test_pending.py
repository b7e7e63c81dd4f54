"""What the tag `pending` means on a rollup: the block that would be sealed now, with L1's queue and users' transactions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from ethrex_node import _native
from ethrex_node.builder import PendingBlocks
from unit.rollup.rollups import BRIDGE, COUNTER, USER
from unit.rollup.sequencer.sequencers import Running

RECEIVER, DEPOSITOR = b"\xee" * 20, b"\xef" * 20


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    opened = Running(tmp_path).open()
    yield opened
    opened.close()


def ask(running: Running, pending: _native.Pending | None, method: str, *params: Any) -> Any:
    request = orjson.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    found = running.native.reader(b'{"elsewhere":"pending_block"}').answer(request, None, pending)
    return None if found is None else orjson.loads(found[1])["result"]


def text(address: bytes) -> str:
    return "0x" + address.hex()


async def test_it_holds_the_queue_first_then_the_pool_and_keeps_nothing(running: Running) -> None:
    await running.sequencer.start()
    running.queue(running.user.item(DEPOSITOR, value=9, sender=BRIDGE))
    sent = [running.user.send(RECEIVER, 7), running.user.send(COUNTER)]
    for one in sent:
        running.admit(one)

    pending = await running.sequencer.pending()

    block = ask(running, pending, "eth_getBlockByNumber", "pending", False)
    assert (block["number"], block["hash"], len(block["transactions"])) == ("0x1", None, 3)
    assert block["transactions"][1:] == [text(one.hash) for one in sent]
    assert ask(running, pending, "eth_getBalance", text(RECEIVER), "pending") == "0x7"
    assert ask(running, pending, "eth_getBalance", text(DEPOSITOR), "pending") == "0x9"
    assert int(ask(running, pending, "eth_getStorageAt", text(COUNTER), "0x0", "pending"), 16) == 1
    for receiver in (RECEIVER, DEPOSITOR):
        assert ask(running, None, "eth_getBalance", text(receiver), "latest") == "0x0"
    assert (running.sequencer.sealed, running.sequencer.queue_index, len(running.pool.by_hash)) == (0, 0, 2)

    row = await running.sequencer.step()

    assert row is not None
    sealed = ask(running, None, "eth_getBlockByNumber", "latest", False)
    assert sealed["transactions"] == block["transactions"]
    assert sealed["stateRoot"] == block["stateRoot"]
    assert ask(running, pending, "eth_getBalance", text(RECEIVER), "pending") is None  # the head has moved on


async def test_it_is_there_when_ten_blocks_share_the_second(running: Running) -> None:
    await running.sequencer.start()
    for _ in range(10):
        assert await running.sequencer.step() is not None

    pending = await running.sequencer.pending()

    block = ask(running, pending, "eth_getBlockByNumber", "pending", False)
    assert (block["number"], int(block["timestamp"], 16)) == ("0xb", int(running.seconds) + 1)


async def test_it_is_built_again_when_pool_queue_prices_or_time_move_and_only_then(running: Running) -> None:
    await running.sequencer.start()
    now = [0.0]
    built = []

    async def build() -> _native.Pending:
        built.append(await running.sequencer.pending())
        return built[-1]

    blocks = PendingBlocks(
        running.chain, running.pool, build, running.sequencer.pending_facts, clock=lambda: now[0]
    )  # fmt: skip

    async def is_new() -> bool:
        before = len(built)
        await blocks()
        return len(built) > before

    assert await is_new()
    assert not await is_new()
    running.admit(running.user.send(RECEIVER, 1))
    assert await is_new()
    running.queue(running.user.item(DEPOSITOR))
    assert await is_new()
    running.prices = (running.prices[0] + 1, running.prices[1])
    assert await is_new()
    running.seconds += 1
    assert await is_new()
    await running.sequencer.step()
    assert await is_new()
    assert not await is_new()
    assert ask(running, built[-1], "eth_getTransactionCount", text(USER), "latest") == "0x1"


async def test_most_of_the_writer_s_time_is_left_to_blocks_that_stay(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    await running.sequencer.start()
    now = [0.0]
    waited = []

    async def build() -> _native.Pending:
        now[0] += 0.5
        return await running.sequencer.pending()

    async def sleep(seconds: float) -> None:
        waited.append(seconds)
        now[0] += seconds

    monkeypatch.setattr("ethrex_node.builder.pending.asyncio.sleep", sleep)
    blocks = PendingBlocks(running.chain, running.pool, build, running.sequencer.pending_facts, clock=lambda: now[0])
    await blocks()
    running.admit(running.user.send(RECEIVER, 1))
    await blocks()

    assert waited == [0.0, 2.0]
