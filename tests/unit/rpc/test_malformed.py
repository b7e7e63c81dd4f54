"""
Generated input at the doors: whatever comes, there is a proper answer or a proper refusal, never a crash.

FUZZ_CASES sets how many cases each test generates (1500 makes 13,500 of them in two minutes).
"""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from unit.rpc import native_standin, standin
from unit.rpc.client import request, rpc
from unit.rpc.conftest import EVERYTHING, Stand, build

from ethrex_node.rpc import connection, server, wire
from ethrex_node.rpc.settings import HttpSettings, Limits

CASES = int(os.environ.get("FUZZ_CASES", "150"))
generated = settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck))

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
METHODS = st.sampled_from([name for name, _ in standin.NATIVE]) | st.sampled_from(
    [
        "web3_sha3",
        "eth_newFilter",
        "eth_getFilterChanges",
        "eth_sendRawTransaction",
        "eth_subscribe",
        "txpool_contentFrom",
    ]
)
HEX = st.binary(max_size=40).map(lambda raw: "0x" + raw.hex()) | st.text(alphabet="0xabcdef123 ", max_size=12)
FILTER = st.fixed_dictionaries(
    {},
    optional={
        "fromBlock": HEX | JSON | st.just("latest"),
        "toBlock": HEX | JSON,
        "blockHash": HEX | JSON,
        "address": HEX | st.lists(HEX, max_size=3) | JSON,
        "topics": st.lists(HEX | JSON, max_size=6) | JSON,
    },
)
ENVELOPE = st.fixed_dictionaries(
    {},
    optional={
        "jsonrpc": st.just("2.0") | JSON,
        "id": JSON,
        "method": METHODS | JSON,
        "params": st.lists(HEX | FILTER | JSON, max_size=3) | JSON,
        "more": JSON,
    },
)


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    with asyncio.Runner() as runner:
        yield runner.get_loop()


@pytest.fixture(scope="module")
def stand(loop: asyncio.AbstractEventLoop) -> Iterator[Stand]:
    made = build(Limits(body_bytes=4096, head_bytes=4096))
    loop.run_until_complete(made.service.start())
    yield made
    loop.run_until_complete(made.service.stop(0))


def answered(stand: Stand, loop: asyncio.AbstractEventLoop, body: bytes) -> Any:
    answer = stand.service.dispatcher(EVERYTHING).answer(body)
    raw = answer if isinstance(answer, bytes) else loop.run_until_complete(answer)
    return orjson.loads(raw) if raw else None


def check(answer: Any) -> None:
    """One response object, as JSON-RPC 2.0 wants it, and not our fault."""
    assert answer["jsonrpc"] == "2.0"
    assert "id" in answer
    assert ("result" in answer) != ("error" in answer)
    if "error" in answer:
        assert isinstance(answer["error"]["code"], int)
        assert isinstance(answer["error"]["message"], str)
        assert answer["error"]["code"] != -32603, answer


@generated
@given(st.binary(max_size=200))
@example(b"[" * 5000)
@example(b'{"a":' * 5000)
@example(b'"\\ud800"')
def test_any_bytes(stand: Stand, loop: asyncio.AbstractEventLoop, body: bytes) -> None:
    answer = answered(stand, loop, body)
    for one in answer if isinstance(answer, list) else [answer]:
        if one is not None:
            check(one)


@generated
@given(ENVELOPE | JSON)
def test_any_json_as_a_request(stand: Stand, loop: asyncio.AbstractEventLoop, value: Any) -> None:
    raw = orjson.dumps(value) if _fits(value) else _dump(value)
    answer = answered(stand, loop, raw)
    for one in answer if isinstance(answer, list) else [answer]:
        if one is not None:
            check(one)


@generated
@given(st.lists(ENVELOPE | JSON, max_size=8))
def test_any_json_in_a_batch(stand: Stand, loop: asyncio.AbstractEventLoop, values: list[Any]) -> None:
    answer = answered(stand, loop, _dump(values))
    if not values:
        assert answer["error"]["message"] == "empty batch"
        return
    for one in answer or []:
        check(one)
    calls = [value for value in values if not _is_notification(value)]
    assert len(answer or []) == len(calls)


@generated
@given(METHODS, st.lists(HEX | FILTER | JSON, max_size=3))
def test_any_parameters(stand: Stand, loop: asyncio.AbstractEventLoop, method: str, params: list[Any]) -> None:
    raw = _dump({"jsonrpc": "2.0", "id": 7, "method": method, "params": params})
    answer = answered(stand, loop, raw)
    check(answer)
    assert answer["id"] == 7


@generated
@given(st.integers(-(10**40), 10**40) | st.floats(allow_nan=False, allow_infinity=False))
def test_any_number_as_an_id_comes_back_in_full(stand: Stand, loop: asyncio.AbstractEventLoop, id: float) -> None:
    text = repr(id).encode()
    body = b'{"jsonrpc":"2.0","id":%b,"method":"net_version"}' % text
    answer = stand.service.dispatcher(EVERYTHING).answer(body)
    assert isinstance(answer, bytes)
    assert b'"id":%b,' % text in answer


def _fits(value: Any) -> bool:
    try:
        orjson.dumps(value)
    except (TypeError, ValueError):
        return False
    return True


def _dump(value: Any) -> bytes:
    import json

    return json.dumps(value).encode()


def _is_notification(value: Any) -> bool:
    if not isinstance(value, dict) or "id" in value:
        return False
    return value.get("jsonrpc") == "2.0" and isinstance(value.get("method"), str) and bool(value["method"])


# HTTP, over a transport in memory: the same bytes in any pieces must give the same answers


class Pipe(asyncio.Transport):
    """A transport that remembers what was written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.ended = False

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def close(self) -> None:
        self.ended = True

    abort = close

    def is_closing(self) -> bool:
        return self.ended

    def can_write_eof(self) -> bool:
        return False

    def write_eof(self) -> None: ...
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...
    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None: ...


@pytest.fixture(scope="module")
def door(stand: Stand, loop: asyncio.AbstractEventLoop) -> server.Server:
    made = server.Server(stand.service.dispatcher(("eth", "net", "web3")), HttpSettings(limits=stand.service.limits))
    made.loop = loop
    return made


def fed(door: server.Server, loop: asyncio.AbstractEventLoop, pieces: list[bytes]) -> bytes:
    """What a fresh connection writes when it is fed these pieces, and all work is done."""
    pipe = Pipe()
    one = connection.Connection(door)
    one.connection_made(pipe)
    for piece in pieces:
        if not pipe.ended:
            one.data_received(piece)
    for _ in range(20):
        if one._task is None:
            break
        loop.run_until_complete(asyncio.wait([one._task], timeout=5))
    assert one._task is None
    one.connection_lost(None)
    return pipe.written


def cut(raw: bytes, places: list[int]) -> list[bytes]:
    marks = sorted({0, len(raw), *(place % (len(raw) + 1) for place in places)})
    return [raw[start:end] for start, end in itertools.pairwise(marks)]


CALL = rpc("eth_getBalance", "0x" + "11" * 20, "latest")
WHOLE = st.sampled_from(
    [
        request(CALL),
        request(CALL, accept_encoding="gzip"),
        request(rpc("net_version")),
        request(b"nope"),
        request(b""),
        request(b"", "GET", content_type=""),
        request(b"", "PUT"),
        request(CALL, path="/other"),
        request(CALL, host="evil.example"),
        request(CALL, content_type="text/plain"),
        request(rpc("eth_getLogs", {})),
        request(b"", content_length="", transfer_encoding="chunked") + b"3\r\nnop\r\n1\r\ne\r\n0\r\n\r\n",
        request(b" " * 5000),
        request(CALL, connection="close"),
        request(CALL, connection="upgrade", upgrade="h2c"),
        request(CALL, expect="100-continue"),
    ]
)


@generated
@given(st.lists(WHOLE, min_size=1, max_size=5), st.lists(st.integers(0, 10_000), max_size=8))
def test_the_answers_do_not_depend_on_the_pieces(
    door: server.Server, loop: asyncio.AbstractEventLoop, requests: list[bytes], places: list[int]
) -> None:
    raw = b"".join(requests)
    whole = fed(door, loop, [raw])
    assert whole.startswith(b"HTTP/1.1 ")
    assert _without_continue(fed(door, loop, cut(raw, places))) == _without_continue(whole)


@generated
@given(
    WHOLE, st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=4), st.integers(0, 9)
)
def test_broken_requests_are_answered_or_refused(
    door: server.Server, loop: asyncio.AbstractEventLoop, raw: bytes, changes: list[tuple[int, int]], place: int
) -> None:
    broken = bytearray(raw)
    for position, value in changes:
        broken[position % len(broken)] = value
    written = fed(door, loop, cut(bytes(broken), [place]))
    assert not written or written.startswith(b"HTTP/1.1 ")
    assert b" 500 " not in written.partition(b"\r\n")[0]
    assert fed(door, loop, [request(CALL)]).endswith(b'"result":"0x0"}')


@generated
@given(st.binary(min_size=1, max_size=300))
def test_any_bytes_at_the_door(door: server.Server, loop: asyncio.AbstractEventLoop, raw: bytes) -> None:
    written = fed(door, loop, [raw])
    assert not written or written.startswith(b"HTTP/1.1 400 ")


def _without_continue(written: bytes) -> bytes:
    """An interim response comes only where the body did not come with its head."""
    return written.replace(b"HTTP/1.1 100 Continue\r\n\r\n", b"")


@generated
@given(JSON)
def test_an_error_can_carry_any_json(value: Any) -> None:
    from ethrex_node.rpc import errors

    if _fits(value):
        answer = orjson.loads(wire.failure(b"1", errors.RpcError("x", data=value)))
        assert answer["error"].get("data") == value


assert native_standin.snapshot_methods() == standin.NATIVE
