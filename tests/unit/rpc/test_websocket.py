"""
The WebSocket door and what is pushed through it. The client is aiohttp's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson
import pytest
from unit.rpc.client import Http, request, rpc, until
from unit.rpc.conftest import Stand

from ethrex_node.rpc import subscriptions
from ethrex_node.rpc.settings import Limits

A, B = "0x" + "aa" * 20, "0x" + "bb" * 20
SENDER = "22" * 20
TIMEOUT_SECONDS = 5


class Client:
    """One connection: calls, and notifications in the order in which they came."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.pushed: list[Any] = []

    async def call(self, method: str, *params: Any) -> Any:
        await self.socket.send_bytes(rpc(method, *params))
        while "id" not in (message := await self.receive()):
            self.pushed.append(message["params"])
        return message

    async def result(self, method: str, *params: Any) -> Any:
        answer = await self.call(method, *params)
        assert "result" in answer, answer
        return answer["result"]

    async def receive(self) -> Any:
        message = await self.socket.receive(TIMEOUT_SECONDS)
        assert message.type is aiohttp.WSMsgType.TEXT, message
        return orjson.loads(message.data)

    async def notification(self) -> Any:
        return self.pushed.pop(0) if self.pushed else (await self.receive())["params"]


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


@pytest.fixture
async def client(stand: Stand, session: aiohttp.ClientSession) -> AsyncIterator[Client]:
    door = await stand.door(websocket=True)
    async with session.ws_connect(f"ws://127.0.0.1:{door.port}/") as socket:
        yield Client(socket)


def log(address: str) -> dict[str, Any]:
    return {"address": address, "topics": [], "data": "0x"}


async def test_calls_and_batches_are_answered(stand: Stand, client: Client) -> None:
    assert await client.result("eth_chainId") == "0x1"
    assert await client.result("debug_traceTransaction", "0x") == {"gas": 1}
    await client.socket.send_str(f"[{rpc('eth_chainId', id=1).decode()},{rpc('net_version', id=2).decode()}]")
    assert [answer["id"] for answer in await client.receive()] == [1, 2]


async def test_messages_are_answered_in_order(stand: Stand, client: Client) -> None:
    stand.reader.release.clear()
    await client.socket.send_bytes(rpc("debug_traceTransaction", "0x", id=0))
    for number in range(1, 600):
        await client.socket.send_bytes(rpc("eth_chainId", id=number))
    stand.reader.release.set()
    assert [(await client.receive())["id"] for _ in range(600)] == list(range(600))


async def test_http_is_served_on_the_same_port(stand: Stand) -> None:
    http = await stand.http(websocket=True)
    assert (await http.post(rpc("eth_chainId"))).status == 200
    handshake = {"connection": "Upgrade", "upgrade": "websocket", "sec_websocket_version": "13"}
    http.send(request(b"", "GET", content_type="", sec_websocket_key="dGhlIHNhbXBsZSBub25jZQ==", **handshake))
    assert (await http.receive(head=True)).status == 101


async def test_a_door_for_websocket_alone_refuses_http(stand: Stand) -> None:
    http = await stand.http(websocket=True, http=False)
    assert (await http.post(rpc("eth_chainId"))).status == 404


@pytest.mark.parametrize(
    ("origin", "allowed", "status"),
    [
        ("http://localhost:3000", frozenset[str](), 101),
        ("http://evil.example", frozenset[str](), 403),
        ("https://app.example", frozenset({"https://app.example"}), 101),
        ("https://app.example", frozenset({"app.example"}), 101),
        ("https://evil.example", frozenset({"app.example"}), 403),
        ("https://any.example", frozenset({"*"}), 101),
    ],
)
async def test_origins_are_checked(stand: Stand, origin: str, allowed: frozenset[str], status: int) -> None:
    http = await stand.http(websocket=True, websocket_origins=allowed)
    handshake = {"connection": "Upgrade", "upgrade": "websocket", "sec_websocket_version": "13"}
    key = "dGhlIHNhbXBsZSBub25jZQ=="
    http.send(request(b"", "GET", content_type="", sec_websocket_key=key, origin=origin, **handshake))
    assert (await http.receive(head=True)).status == status


async def test_a_bad_handshake_is_refused(stand: Stand) -> None:
    http = await stand.http(websocket=True)
    http.send(request(b"", "GET", content_type="", connection="Upgrade", upgrade="websocket"))
    assert (await http.receive(head=True)).status in (400, 426)


async def test_new_heads_are_pushed_as_headers(stand: Stand, client: Client) -> None:
    subscription = await client.result("eth_subscribe", "newHeads")
    blocks = [stand.heads.mine() for _ in range(3)]
    pushed = [await client.notification() for _ in range(3)]
    assert {one["subscription"] for one in pushed} == {subscription}
    assert [one["result"]["hash"] for one in pushed] == ["0x" + block.hash.hex() for block in blocks]
    assert not set(subscriptions.NOT_IN_HEADERS) & set(pushed[0]["result"])


async def test_logs_are_pushed_and_taken_back_by_a_reorg(stand: Stand, client: Client) -> None:
    await client.result("eth_subscribe", "logs", {"address": A})
    old = stand.heads.mine(log(A), log(B))
    new = stand.heads.mine(log(A), salt=b"x", remove=1)
    pushed = [(await client.notification())["result"] for _ in range(3)]
    assert [(one["blockHash"], one["removed"]) for one in pushed] == [
        ("0x" + old.hash.hex(), False),
        ("0x" + old.hash.hex(), True),
        ("0x" + new.hash.hex(), False),
    ]


@pytest.mark.parametrize("full", [False, True])
async def test_pending_transactions_are_pushed(stand: Stand, client: Client, full: bool) -> None:
    await client.result("eth_subscribe", "newPendingTransactions", full)
    sent = await client.result("eth_sendRawTransaction", "0x" + SENDER + "00")
    result = (await client.notification())["result"]
    assert (result["hash"] if full else result) == sent


async def test_the_sync_state_is_pushed(stand: Stand, client: Client) -> None:
    await client.result("eth_subscribe", "syncing")
    assert (await client.notification())["result"] is False
    stand.heads.progress = {"currentBlock": "0x1"}
    assert (await client.notification())["result"]["syncing"] is True
    stand.heads.progress = None
    assert (await client.notification())["result"] is False


async def test_after_unsubscribe_nothing_comes(stand: Stand, client: Client) -> None:
    subscription = await client.result("eth_subscribe", "newHeads")
    assert await client.result("eth_unsubscribe", subscription) is True
    stand.heads.mine()
    await stand.service.subscriptions.settled()
    assert (await client.call("eth_unsubscribe", subscription))["error"]["message"] == "subscription not found"
    assert client.pushed == []


async def test_a_subscription_belongs_to_its_connection(
    stand: Stand, client: Client, session: aiohttp.ClientSession
) -> None:
    subscription = await client.result("eth_subscribe", "newHeads")
    door = await stand.door(websocket=True)
    async with session.ws_connect(f"ws://127.0.0.1:{door.port}/") as socket:
        assert "error" in await Client(socket).call("eth_unsubscribe", subscription)
    assert len(stand.service.subscriptions) == 1


async def test_a_closed_connection_leaves_no_subscription(stand: Stand, client: Client) -> None:
    await client.result("eth_subscribe", "newHeads")
    await client.result("eth_subscribe", "logs")
    await client.socket.close()
    await until(lambda: not len(stand.service.subscriptions))


@pytest.mark.parametrize(
    ("params", "code"),
    [
        (["newThings"], -32601),
        (["logs", {"address": "0x"}], -32602),
        (["logs", 5], -32602),
        (["newPendingTransactions", "x"], -32602),
        ([], -32602),
    ],
)
async def test_bad_subscriptions_are_told(client: Client, params: list[Any], code: int) -> None:
    assert (await client.call("eth_subscribe", *params))["error"]["code"] == code


@pytest.mark.parametrize("stand", [Limits(subscriptions=2)], indirect=True)
async def test_subscriptions_of_a_connection_are_bounded(client: Client) -> None:
    for _ in range(2):
        await client.result("eth_subscribe", "newHeads")
    assert (await client.call("eth_subscribe", "newHeads"))["error"]["code"] == -32005


@pytest.mark.parametrize("stand", [Limits(subscription_queue=50)], indirect=True)
async def test_a_slow_subscriber_is_dropped(stand: Stand, client: Client) -> None:
    await client.result("eth_subscribe", "logs")
    client.socket._response.connection.transport.pause_reading()  # type: ignore[union-attr]
    big = {**log(A), "data": "0x" + "00" * 100_000}
    async with asyncio.timeout(30):
        for _ in range(500):
            stand.heads.mine(big)
            await stand.service.subscriptions.settled()
            if not len(stand.service.subscriptions):
                break
    assert len(stand.service.subscriptions) == 0
    client.socket._response.connection.transport.abort()  # type: ignore[union-attr]


@pytest.mark.parametrize("stand", [Limits(message_bytes=1000)], indirect=True)
@pytest.mark.parametrize("frames", [[1001], [400, 400, 400]])
async def test_a_message_above_the_limit_ends_the_connection(stand: Stand, frames: list[int]) -> None:
    http = await upgraded(stand)
    for number, size in enumerate(frames):
        first, last = number == 0, number == len(frames) - 1
        start = bytes([(0x80 if last else 0) | (1 if first else 0), 0x80 | 126]) + size.to_bytes(2, "big")
        http.send(start + b"\0\0\0\0" + b" " * size)
    closing = await http.closed()
    assert closing[0] == 0x88
    assert int.from_bytes(closing[2:4], "big") == 1009


async def test_malformed_messages_are_parse_errors(client: Client) -> None:
    await client.socket.send_str("nope")
    assert (await client.receive())["error"]["code"] == -32700


async def upgraded(stand: Stand) -> Http:
    http: Http = await stand.http(websocket=True)
    handshake = {"connection": "Upgrade", "upgrade": "websocket", "sec_websocket_version": "13"}
    http.send(request(b"", "GET", content_type="", sec_websocket_key="dGhlIHNhbXBsZSBub25jZQ==", **handshake))
    assert (await http.receive(head=True)).status == 101
    return http


async def test_garbage_frames_end_the_connection(stand: Stand) -> None:
    http = await upgraded(stand)
    http.send(b"\xff\xff\xff\xff\xff\xff\xff\xff")
    assert (await http.closed())[:1] == b"\x88"


@pytest.mark.parametrize("stand", [Limits(ping_seconds=0.2)], indirect=True)
async def test_a_silent_client_is_pinged_and_then_dropped(stand: Stand) -> None:
    http = await upgraded(stand)
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await asyncio.wait_for(http.reader.readexactly(1000), 5)


async def test_stop_says_goodbye(stand: Stand, session: aiohttp.ClientSession) -> None:
    door = await stand.door(websocket=True)
    async with session.ws_connect(f"ws://127.0.0.1:{door.port}/") as socket:
        stopping = asyncio.create_task(door.stop(2))
        message = await socket.receive(TIMEOUT_SECONDS)
        assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 1001)
    await stopping
