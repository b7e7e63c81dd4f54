"""The IPC door: bare JSON in any pieces, answers a line each, and sockets that others left or hold."""

from __future__ import annotations

import asyncio
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, strategies
from unit.rpc.client import rpc
from unit.rpc.conftest import Stand

from ethrex_node.rpc import ipc
from ethrex_node.rpc.settings import Limits

TIMEOUT_SECONDS = 5


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def line(self) -> Any:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return orjson.loads(await self.reader.readline())

    async def call(self, method: str, *params: Any) -> Any:
        self.writer.write(rpc(method, *params))
        return await self.line()

    async def ended(self) -> bool:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return not await self.reader.read()


@pytest.fixture
async def path(stand: Stand, tmp_path: Path) -> Path:
    return (await stand.service.listen_socket(tmp_path / "node.ipc")).path


@pytest.fixture
async def client(path: Path) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_unix_connection(str(path))
    yield Client(reader, writer)
    writer.close()


async def test_every_namespace_is_served_to_the_owner_alone(client: Client, path: Path) -> None:
    assert _mode(path) == 0o600
    for method in ("eth_blockNumber", "txpool_status", "admin_datadir", "web3_clientVersion"):
        assert "result" in await client.call(method)


async def test_messages_come_in_any_pieces_and_are_answered_in_order(client: Client) -> None:
    stream = b" \n".join(
        [rpc("web3_sha3", '0x7b7d"'), b"[%b,%b]" % (rpc("eth_chainId"), rpc("txpool_status")), rpc("eth_chainId")]
    )
    for at in range(len(stream)):
        client.writer.write(stream[at : at + 1])
        await client.writer.drain()

    first, batch, last = [await client.line() for _ in range(3)]

    assert first["error"]["code"] == -32602
    assert [len(one) for one in batch] == [3, 3]
    assert "result" in last


async def test_subscriptions_are_pushed(client: Client, stand: Stand) -> None:
    subscription = (await client.call("eth_subscribe", "newHeads"))["result"]
    stand.heads.mine()

    pushed = await client.line()

    assert pushed["method"] == "eth_subscription"
    assert pushed["params"]["subscription"] == subscription


@pytest.mark.parametrize("garbage", [b"GET / HTTP/1.1\r\n", b"]", b"17 ", b"\xff"])
async def test_what_is_no_json_is_told_and_ends_the_connection(client: Client, garbage: bytes) -> None:
    client.writer.write(garbage)

    assert (await client.line())["error"]["code"] == -32700
    assert await client.ended()


@pytest.mark.parametrize("stand", [Limits(message_bytes=1024)], indirect=True)
async def test_a_message_without_an_end_is_not_kept(client: Client) -> None:
    client.writer.write(b'{"a":"' + b"x" * 2048)

    assert "1024 bytes" in (await client.line())["error"]["message"]
    assert await client.ended()


async def test_the_socket_of_a_dead_process_is_taken_over(stand: Stand, tmp_path: Path) -> None:
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(tmp_path / "node.ipc"))
    dead.close()

    door = await stand.service.listen_socket(tmp_path / "node.ipc")
    reader, writer = await asyncio.open_unix_connection(str(door.path))

    assert "result" in await Client(reader, writer).call("eth_chainId")
    writer.close()


async def test_a_living_socket_and_other_files_are_let_alone(stand: Stand, path: Path, tmp_path: Path) -> None:
    letter = tmp_path / "letter"
    letter.write_text("dear")
    letter.chmod(0o644)

    with pytest.raises(OSError, match="somebody listens"):
        await stand.service.listen_socket(path)
    with pytest.raises(OSError, match="no socket"):
        await stand.service.listen_socket(letter)
    with pytest.raises(OSError, match="--ipc"):
        await stand.service.listen_socket(tmp_path / ("long" * 40))

    assert (_mode(path), _mode(letter)) == (0o600, 0o644)


async def test_nothing_is_left_when_the_door_stops(stand: Stand, tmp_path: Path) -> None:
    door = await stand.service.listen_socket(tmp_path / "node.ipc")
    reader, writer = await asyncio.open_unix_connection(str(door.path))
    await Client(reader, writer).call("eth_chainId")

    await door.stop()

    assert _mode(door.path) is None
    assert await Client(reader, writer).ended()
    writer.close()


def _mode(path: Path) -> int | None:
    return stat.S_IMODE(path.stat().st_mode) if path.exists() else None


VALUES = strategies.recursive(
    strategies.none() | strategies.booleans() | strategies.integers() | strategies.text(alphabet='"\\{}[]a\n'),
    lambda inner: strategies.lists(inner) | strategies.dictionaries(strategies.text(alphabet='"\\}{'), inner),
    max_leaves=10,
)


@given(strategies.lists(VALUES.map(lambda value: [value]), min_size=1), strategies.randoms(use_true_random=False))
def test_a_stream_is_cut_where_its_values_end(values: list[Any], random: Any) -> None:
    stream = b"".join(
        orjson.dumps(value, option=orjson.OPT_PASSTHROUGH_SUBCLASS) if _small(value) else b"[]" for value in values
    )
    splitter = ipc.Splitter(1 << 20)
    got: list[bytes] = []
    while stream:
        size = random.randint(1, len(stream))
        got += splitter.feed(stream[:size])
        stream = stream[size:]

    assert [orjson.loads(one) for one in got] == [value if _small(value) else [] for value in values]


def _small(value: Any) -> bool:
    """orjson writes numbers up to 64 bits."""
    try:
        orjson.dumps(value)
    except TypeError:
        return False
    return True
