"""
The HTTP door: what it takes, what it refuses, and how it says so.
"""

from __future__ import annotations

import asyncio

import orjson
import pytest
from unit.rpc.client import Http, request, rpc, until
from unit.rpc.conftest import Stand

from ethrex_node.rpc import server
from ethrex_node.rpc.settings import Limits

ADDRESS = "0x" + "11" * 20
BALANCE = rpc("eth_getBalance", ADDRESS, "latest")


async def test_a_call_is_answered(stand: Stand) -> None:
    stand.reader.balances[ADDRESS] = 5
    http = await stand.http()

    answer = await http.post(BALANCE)

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"jsonrpc": "2.0", "id": 1, "result": "0x5"}


async def test_a_connection_is_kept_and_a_known_head_needs_no_parser(stand: Stand) -> None:
    http = await stand.http()
    for number in range(5):
        stand.reader.balances[ADDRESS] = number
        assert (await http.post(BALANCE)).json()["result"] == hex(number)


async def test_pipelined_requests_are_answered_in_order(stand: Stand) -> None:
    http = await stand.http()

    http.send(b"".join(request(rpc("eth_getBalance", ADDRESS, id=number)) for number in range(300)))

    assert [(await http.receive()).json()["id"] for _ in range(300)] == list(range(300))


async def test_pipelined_requests_wait_behind_a_slow_one(stand: Stand) -> None:
    stand.reader.release.clear()
    http = await stand.http()

    http.send(request(rpc("debug_traceTransaction", "0x", id=1)) + request(rpc("eth_chainId", id=2)))
    await asyncio.sleep(0.05)
    stand.reader.release.set()

    assert [(await http.receive()).json()["id"] for _ in range(2)] == [1, 2]


async def test_a_request_may_come_byte_by_byte(stand: Stand) -> None:
    http = await stand.http()
    for one in request(BALANCE):
        http.send(bytes([one]))
        await http.writer.drain()
        await asyncio.sleep(0)
    assert (await http.receive()).status == 200


async def test_a_chunked_body_is_read(stand: Stand) -> None:
    http = await stand.http()
    head = b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (BALANCE[:7], BALANCE[7:])) + b"0\r\n\r\n"
    http.send(head + chunks + request(BALANCE))
    assert [(await http.receive()).json()["result"] for _ in range(2)] == ["0x0", "0x0"]


async def test_expect_continue_is_answered(stand: Stand) -> None:
    http = await stand.http()
    whole = request(BALANCE, expect="100-continue")
    http.send(whole[: -len(BALANCE)])
    assert (await http.receive(head=True)).status == 100
    http.send(BALANCE)
    assert (await http.receive()).status == 200


@pytest.mark.parametrize("stand", [Limits(body_bytes=1000)], indirect=True)
@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_above_the_limit_is_413_and_the_connection_ends(stand: Stand, chunked: bool) -> None:
    http = await stand.http()
    if chunked:
        http.send(
            request(b"", content_length="", transfer_encoding="chunked") + b"3e9\r\n" + b" " * 1001 + b"\r\n0\r\n\r\n"
        )
    else:
        http.send(request(b" " * 1001))
    answer = await http.receive()
    assert answer.status == 413
    assert b"content length too large" in answer.body
    assert await http.closed() == b""


@pytest.mark.parametrize("stand", [Limits(body_bytes=1000)], indirect=True)
async def test_a_body_at_the_limit_is_read(stand: Stand) -> None:
    http = await stand.http()
    assert (await http.post(BALANCE.ljust(1000))).status == 200


@pytest.mark.parametrize("stand", [Limits(head_bytes=2000)], indirect=True)
@pytest.mark.parametrize("finished", [False, True])
async def test_a_head_above_the_limit_is_431(stand: Stand, finished: bool) -> None:
    http = await stand.http()
    whole = request(BALANCE, x_long="a" * 3000)
    http.send(whole if finished else whole[:2800])
    assert (await http.receive()).status == 431
    assert await http.closed() == b""


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/", {"content_type": ""}, 200),
        ("GET", "/?x=1", {"content_type": ""}, 415),
        ("HEAD", "/", {"content_type": ""}, 415),
        ("PUT", "/", {}, 405),
        ("DELETE", "/", {}, 405),
        ("OPTIONS", "/", {"content_type": ""}, 200),
        ("POST", "/other", {}, 404),
        ("POST", "/", {"content_type": ""}, 415),
        ("POST", "/", {"content_type": "text/plain"}, 415),
        ("POST", "/", {"content_type": "application/json; charset=utf-8"}, 200),
        ("POST", "/", {"content_type": "Application/JSON-RPC"}, 200),
        ("POST", "/", {"host": "evil.example"}, 403),
        ("POST", "/", {"host": "evil.example:8545"}, 403),
        ("POST", "/", {"host": "LOCALHOST:8545"}, 200),
        ("POST", "/", {"host": "127.0.0.1:8545"}, 200),
        ("POST", "/", {"host": "[::1]:8545"}, 200),
        ("POST", "/", {"host": "10.1.2.3"}, 200),
    ],
)
async def test_heads_are_judged_as_geth_does(
    stand: Stand, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    http = await stand.http()
    for _ in range(2):  # the second time from the cache
        http.send(request(b"", method, path, **headers))
        assert (await http.receive(head=method == "HEAD")).status == status


async def test_an_empty_body_has_an_empty_answer(stand: Stand) -> None:
    answer = await (await stand.http()).post(b"")
    assert (answer.status, answer.body) == (200, b"")


async def test_vhosts_may_be_any(stand: Stand) -> None:
    http = await stand.http(vhosts=frozenset("*"))
    assert (await http.post(BALANCE, host="any.example")).status == 200


async def test_an_allowed_origin_may_read(stand: Stand) -> None:
    http = await stand.http(cors_origins=frozenset({"https://app.example"}))
    allowed = await http.post(BALANCE, origin="https://app.example")
    assert allowed.headers["access-control-allow-origin"] == "https://app.example"
    other = await http.post(BALANCE, origin="https://evil.example")
    assert "access-control-allow-origin" not in other.headers


async def test_a_preflight_is_answered(stand: Stand) -> None:
    http = await stand.http(cors_origins=frozenset("*"))
    asked = {"origin": "https://a.example", "access_control_request_method": "POST"}
    http.send(request(b"", "OPTIONS", access_control_request_headers="content-type", content_type="", **asked))
    answer = await http.receive()
    assert answer.status == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-headers"] == "content-type"
    assert "POST" in answer.headers["access-control-allow-methods"]


async def test_without_the_setting_no_origin_is_allowed(stand: Stand) -> None:
    answer = await (await stand.http()).post(BALANCE, origin="https://a.example")
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("count", [50, 2000])
async def test_large_answers_are_compressed_when_asked(stand: Stand, count: int) -> None:
    http = await stand.http()
    batch = orjson.dumps(
        [orjson.loads(rpc("eth_getBalance", ADDRESS, id=number)) for number in range(min(count, 1000))]
    )
    plain = await http.post(batch)
    packed = await http.post(batch, accept_encoding="gzip, deflate")
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.body == plain.body
    assert "content-encoding" not in (await http.post(BALANCE, accept_encoding="gzip")).headers


async def test_connection_close_and_http_1_0_are_honoured(stand: Stand) -> None:
    http = await stand.http()
    http.send(request(BALANCE, connection="close"))
    assert (await http.receive()).headers["connection"] == "close"
    assert await http.closed() == b""

    http = await stand.http()
    http.send(request(BALANCE).replace(b"HTTP/1.1", b"HTTP/1.0"))
    assert (await http.receive()).status == 200
    assert await http.closed() == b""

    http = await stand.http()
    http.send(request(BALANCE, connection="keep-alive").replace(b"HTTP/1.1", b"HTTP/1.0"))
    assert (await http.receive()).headers["connection"] == "keep-alive"
    assert (await http.post(BALANCE)).status == 200


@pytest.mark.parametrize(
    "raw",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"NONSENSE\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd",
        b"POST / HTTP/1.1\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nbad header: 1\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"POST / HTTP/9.9\r\n\r\n",
    ],
)
async def test_what_is_not_http_is_400(stand: Stand, raw: bytes) -> None:
    http = await stand.http()
    http.send(raw)
    assert (await http.receive()).status == 400
    assert await http.closed() == b""


async def test_a_head_with_bare_line_feeds_is_not_remembered(stand: Stand) -> None:
    """A cached head that hides a second request would let one client speak for another."""
    door = await stand.door()
    http = await Http.connect(door.port)
    http.send(b"GET / HTTP/1.1\nhost: localhost\n\nPOST / HTTP/1.1\r\nhost: localhost\r\n\r\n")
    await asyncio.sleep(0.05)
    assert all(b"\n\n" not in text for text in door.cache._heads)


@pytest.mark.parametrize("stand", [Limits(head_seconds=0.1, body_seconds=0.1, idle_seconds=0.1)], indirect=True)
@pytest.mark.parametrize(("sent", "status"), [(20, 408), (-5, 408), (0, None)])
async def test_slow_clients_are_let_go(stand: Stand, sent: int, status: int | None) -> None:
    http = await stand.http()
    http.send(request(BALANCE)[:sent])
    if status is None:
        assert await http.closed() == b""
    else:
        assert (await http.receive()).status == status
        assert await http.closed() == b""


@pytest.mark.parametrize("stand", [Limits(write_seconds=0.1)], indirect=True)
async def test_a_client_that_does_not_read_is_cut_off(stand: Stand) -> None:
    door = await stand.door()
    http = await Http.connect(door.port)
    batch = orjson.dumps([orjson.loads(rpc("eth_getBalance", ADDRESS, id="x" * 4000)) for _ in range(1000)])
    http.writer.transport.pause_reading()  # type: ignore[attr-defined]
    http.send(request(batch) * 5)
    async with asyncio.timeout(8):
        await until(lambda: bool(door.connections))
        await until(lambda: not door.connections)


@pytest.mark.parametrize("stand", [Limits(connections=2)], indirect=True)
async def test_connections_are_bounded(stand: Stand) -> None:
    door = await stand.door()
    kept = [await Http.connect(door.port) for _ in range(2)]
    for http in kept:
        assert (await http.post(BALANCE)).status == 200
    assert (await (await Http.connect(door.port)).receive()).status == 503


async def test_stop_finishes_what_is_in_hand(stand: Stand) -> None:
    stand.reader.release.clear()
    door = await stand.door()
    busy, idle = await Http.connect(door.port), await Http.connect(door.port)
    busy.send(request(rpc("debug_traceTransaction", "0x")))
    await idle.post(BALANCE)
    stopping = asyncio.create_task(door.stop(5))
    assert await idle.closed() == b""
    stand.reader.release.set()

    assert (await busy.receive()).json()["result"] == {"gas": 1}
    await stopping
    with pytest.raises(OSError):
        await Http.connect(door.port if door._listener and door._listener.sockets else 1)


async def test_pages_of_others_are_served_beside(stand: Stand) -> None:
    async def blobs(method: bytes, target: str, body: bytes) -> server.Page:
        return server.Page(200, orjson.dumps([method.decode(), target]))

    async def broken(method: bytes, target: str, body: bytes) -> server.Page:
        raise RuntimeError("no")

    http = await stand.http(pages={"/eth/v1": blobs, "/broken": broken})
    http.send(request(b"", "GET", "/eth/v1/beacon/blobs/7?a=b", content_type=""))
    assert (await http.receive()).json() == ["GET", "/eth/v1/beacon/blobs/7?a=b"]
    http.send(request(b"", "GET", "/broken", content_type=""))
    assert (await http.receive()).status == 500
    assert (await http.post(BALANCE)).status == 200


async def test_an_upgrade_without_websocket_is_plain_http(stand: Stand) -> None:
    http = await stand.http()
    http.send(request(BALANCE, connection="Upgrade", upgrade="h2c"))
    assert (await http.receive()).json()["result"] == "0x0"


async def test_authorize_is_asked_each_time(stand: Stand) -> None:
    asked: list[int] = []

    def authorize(headers: object) -> str | None:
        asked.append(1)
        return "stale token" if len(asked) > 1 else None

    http = await stand.http(authorize=authorize)
    assert (await http.post(BALANCE)).status == 200
    refused = await http.post(BALANCE)
    assert (refused.status, refused.body) == (401, b"stale token\n")
