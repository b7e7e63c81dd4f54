"""
JSON-RPC over any transport: envelopes, batches, namespaces, threads.
"""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import orjson
import pytest
from unit.rpc.client import rpc
from unit.rpc.conftest import EVERYTHING, Stand

from ethrex_node.rpc import dispatch, errors, pace, table
from ethrex_node.rpc.settings import Limits

ADDRESS = "0x" + "11" * 20


async def ask(stand: Stand, body: bytes, namespaces: tuple[str, ...] = EVERYTHING) -> Any:
    answer = stand.service.dispatcher(namespaces).answer(body)
    raw = answer if isinstance(answer, bytes) else await answer
    return orjson.loads(raw) if raw else None


def failure(code: int, message: str, id: Any = None) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}}


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"nope",
        b"\xff\xfe",
        b'{"jsonrpc":"2.0","id":1,"method":"\xff"}',
        b"[" * 2000 + b"]" * 2000,
        b"[1,]",
        b"NaN",
    ],
)
async def test_what_is_not_json_is_a_parse_error(stand: Stand, body: bytes) -> None:
    assert await ask(stand, body) == failure(-32700, "parse error")


@pytest.mark.parametrize(
    ("body", "id"),
    [
        (b"1", None),
        (b"null", None),
        (b'"x"', None),
        (b"{}", None),
        (b'{"id":7}', 7),
        (b'{"id":7,"method":"eth_chainId"}', 7),
        (b'{"id":7,"jsonrpc":"1.0","method":"eth_chainId"}', 7),
        (b'{"id":7,"jsonrpc":"2.0","method":5}', 7),
        (b'{"id":7,"jsonrpc":"2.0","method":""}', 7),
        (b'{"id":{},"jsonrpc":"2.0","method":"eth_chainId"}', None),
        (b'{"id":[1],"jsonrpc":"2.0","method":"eth_chainId"}', None),
    ],
)
async def test_what_is_not_a_call_is_an_invalid_request(stand: Stand, body: bytes, id: Any) -> None:
    assert await ask(stand, body) == failure(-32600, "invalid request", id)


@pytest.mark.parametrize(
    "id",
    [b"1", b"-1", b'"x"', b'"\\u0041"', b"null", b"true", b"1.5", b"1e3", b"18446744073709551616", b"1" * 60, b'""'],
)
@pytest.mark.parametrize("method", [b"eth_chainId", b"net_version", b"no_such"])
@pytest.mark.parametrize("batch", [False, True])
async def test_an_id_comes_back_as_it_came(stand: Stand, id: bytes, method: bytes, batch: bool) -> None:
    body = b'{"jsonrpc":"2.0","id":%b,"method":"%b","params":[]}' % (id, method)
    answer = stand.service.dispatcher(EVERYTHING).answer(b"[%b]" % body if batch else body)
    raw = answer if isinstance(answer, bytes) else await answer
    shown = b'"A"' if id == b'"\\u0041"' else id
    if id == b"1e3" and method == b"eth_chainId":
        assert orjson.loads(raw)  # the value stays, the native side keeps the text
    else:
        assert b'"id":%b,' % shown in raw


async def test_of_duplicate_keys_the_last_wins(stand: Stand) -> None:
    body = b'{"jsonrpc":"2.0","id":1,"id":2,"method":"x","method":"net_version"}'
    assert await ask(stand, body) == {"jsonrpc": "2.0", "id": 2, "result": "1337"}


@pytest.mark.parametrize("method", ["eth_chainId", "net_version", "no_such"])
async def test_a_notification_has_no_answer(stand: Stand, method: str) -> None:
    assert await ask(stand, orjson.dumps({"jsonrpc": "2.0", "method": method})) is None
    assert await ask(stand, orjson.dumps([{"jsonrpc": "2.0", "method": method}])) is None


async def test_a_notification_is_carried_out(stand: Stand) -> None:
    await ask(stand, orjson.dumps({"jsonrpc": "2.0", "method": "eth_sendRawTransaction", "params": ["0x" + "22" * 21]}))
    assert stand.pool.counts() == (1, 0)


async def test_an_unknown_method_is_named(stand: Stand) -> None:
    expected = failure(-32601, "the method eth_nope does not exist/is not available", 1)
    assert await ask(stand, rpc("eth_nope")) == expected


@pytest.mark.parametrize("method", ["debug_traceTransaction", "txpool_status", "admin_datadir"])
async def test_a_method_of_a_disabled_namespace_does_not_exist(stand: Stand, method: str) -> None:
    answer = await ask(stand, rpc(method, "0x"), ("eth", "net", "web3"))
    assert answer["error"]["code"] == -32601
    assert not stand.reader.threads, "it was not run either"


async def test_rpc_modules_lists_what_is_served(stand: Stand) -> None:
    answer = await ask(stand, rpc("rpc_modules"), ("eth", "net"))
    assert answer["result"] == {"eth": "1.0", "net": "1.0", "rpc": "1.0"}


@pytest.mark.parametrize(
    ("method", "params", "message"),
    [
        ("web3_sha3", [], "missing value for required argument 0"),
        ("web3_sha3", [None], "missing value for required argument 0"),
        ("web3_sha3", ["0x", 1], "too many arguments, want at most 1"),
        ("web3_sha3", [5], "invalid argument 0: expected a hex string, got a number"),
        ("web3_sha3", ["00"], "invalid argument 0: hex string without 0x prefix"),
        ("web3_sha3", ["0x0"], "invalid argument 0: hex string of odd length"),
        ("web3_sha3", ["0x 0"], "invalid argument 0: invalid hex string"),
        ("web3_sha3", ["0x\u0660\u0660"], "invalid argument 0: invalid hex string"),
        ("web3_sha3", {"data": "0x"}, "non-array args"),
        ("txpool_contentFrom", ["0x00"], "invalid argument 0: hex string has length 2, want 40"),
        ("eth_uninstallFilter", [{}], "invalid argument 0: expected a string, got an object"),
        ("eth_newFilter", [[]], "invalid argument 0: expected an object, got an array"),
        ("eth_newPendingTransactionFilter", ["x"], "invalid argument 0: expected true or false, got a string"),
    ],
)
async def test_bad_parameters_are_told(stand: Stand, method: str, params: Any, message: str) -> None:
    body = orjson.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    assert await ask(stand, body) == failure(-32602, message, 1)


# batches


async def test_a_batch_is_answered_in_order(stand: Stand) -> None:
    calls = [rpc("eth_chainId", id=1), rpc("net_version", id=2), b"5", rpc("debug_traceTransaction", "0x", id=3)]
    answers = await ask(stand, b"[" + b",".join(calls) + b"]")
    assert [answer["id"] for answer in answers] == [1, 2, None, 3]
    assert answers[2] == failure(-32600, "invalid request")


async def test_an_empty_batch_is_an_invalid_request(stand: Stand) -> None:
    assert await ask(stand, b"[]") == failure(-32600, "empty batch")


@pytest.mark.parametrize("stand", [Limits(batch_items=3)], indirect=True)
async def test_a_batch_above_the_limit_is_refused_as_a_whole(stand: Stand) -> None:
    calls = [b"5", *(rpc("eth_chainId", id=number) for number in range(7, 10))]
    assert await ask(stand, b"[" + b",".join(calls) + b"]") == [failure(-32600, "batch too large", 7)]
    assert len(await ask(stand, b"[" + b",".join(calls[1:]) + b"]")) == 3


@pytest.mark.parametrize("stand", [Limits(batch_response_bytes=200)], indirect=True)
async def test_a_batch_whose_answer_grows_too_large_ends_with_errors(stand: Stand) -> None:
    answers = await ask(stand, b"[" + b",".join(rpc("eth_chainId", id=number) for number in range(10)) + b"]")
    assert [answer["id"] for answer in answers] == list(range(10))
    assert "result" in answers[0]
    assert answers[-1] == failure(-32003, "response too large", 9)


async def test_transactions_of_a_batch_reach_the_pool_together(stand: Stand) -> None:
    raw = ["0x" + "22" * 20 + f"{nonce:02x}" for nonce in range(10)]
    calls = [rpc("eth_sendRawTransaction", one, id=number) for number, one in enumerate(raw)]
    calls.insert(5, rpc("eth_sendRawTransaction", "0x00", id="short"))
    calls.insert(7, rpc("eth_sendRawTransaction", "zz", id="bad"))
    answers = await ask(stand, b"[" + b",".join(calls) + b"]")

    assert stand.pool.calls == [11]
    assert [answer["id"] for answer in answers] == [0, 1, 2, 3, 4, "short", 5, "bad", 6, 7, 8, 9]
    assert answers[5]["error"] == {"code": -32000, "message": "transaction too short"}
    assert answers[7]["error"]["code"] == -32602
    assert stand.pool.counts() == (10, 0)


# time and threads


@pytest.mark.parametrize("stand", [Limits(answer_seconds=0.05)], indirect=True)
@pytest.mark.parametrize("batch", [False, True])
async def test_an_answer_that_takes_too_long_is_given_up(stand: Stand, batch: bool) -> None:
    stand.pool.delay_seconds = 5
    call = rpc("eth_sendRawTransaction", "0x" + "22" * 21)
    answer = await ask(stand, b"[%b,%b]" % (call, call) if batch else call)
    expected = failure(-32002, "request timed out", 1)
    assert answer == ([expected, expected] if batch else expected)


async def test_each_door_has_its_own_time(stand: Stand) -> None:
    stand.pool.delay_seconds = 0.3
    call = rpc("eth_sendRawTransaction", "0x" + "22" * 21)
    hurried, patient = (
        stand.service.dispatcher(EVERYTHING, limits=Limits(answer_seconds=seconds)) for seconds in (0.05, 30)
    )

    late, good = [
        await answer for answer in (hurried.answer(call), patient.answer(call)) if not isinstance(answer, bytes)
    ]

    assert orjson.loads(late) == failure(-32002, "request timed out", 1)
    assert "result" in orjson.loads(good)


@pytest.mark.parametrize("stand", [Limits(heavy_waiting=2)], indirect=True)
async def test_too_many_heavy_calls_are_refused(stand: Stand) -> None:
    stand.reader.release.clear()
    door = stand.service.dispatcher(EVERYTHING)
    waiting = [asyncio.ensure_future(door.answer(rpc("debug_traceTransaction", "0x"))) for _ in range(3)]  # type: ignore[arg-type]
    await asyncio.sleep(0.05)
    stand.reader.release.set()
    answers = [orjson.loads(raw) for raw in await asyncio.gather(*waiting)]
    assert [answer.get("error", {}).get("code") for answer in answers] == [None, None, -32005]


async def test_traces_never_run_on_the_loop_and_reads_do(stand: Stand) -> None:
    await ask(stand, rpc("eth_getBalance", ADDRESS))
    await ask(stand, rpc("debug_traceTransaction", "0x"))
    on_loop, off_loop = stand.reader.threads
    assert on_loop == threading.current_thread().name
    assert off_loop.startswith("rpc")


async def test_a_slow_call_leaves_the_loop_and_returns_when_it_is_quick_again(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "QUICK_SECONDS", 0.2)
    door = stand.service.dispatcher(EVERYTHING)

    async def call() -> str:
        answer = door.answer(rpc("eth_call", {}))
        raw = answer if isinstance(answer, bytes) else await answer
        assert b"result" in raw
        return stand.reader.threads[-1]

    here = threading.current_thread().name
    assert await call() == here
    stand.reader.call_seconds = 0.3
    assert await call() == here
    assert await call() != here
    stand.reader.call_seconds = 0.0
    runs = [await call() for _ in range(6)]
    assert runs[0] != here
    assert runs[-1] == here


def test_a_worker_runs_heavy_calls_where_they_come() -> None:
    rows = table.Table([("eth_call", table.HEAVY), ("eth_getLogs", table.UNBOUNDED), ("eth_chainId", table.LIGHT)]).rows
    worker = pace.Pace(rows, frozenset({"eth_call", "eth_getLogs", "eth_chainId"}), worker=True)
    assert worker.mask == bytes([1, 0, 1])
    assert not any(worker.adaptive)


async def test_a_defect_is_not_shown(stand: Stand, caplog: pytest.LogCaptureFixture) -> None:
    def broken(raw: object) -> None:
        raise RuntimeError("secret")

    stand.pool.get = broken  # type: ignore[method-assign, assignment]
    answer = await ask(stand, rpc("eth_getTransactionByHash", "0x" + "00" * 32))
    assert answer == failure(-32603, "internal error", 1)
    assert "secret" in caplog.text


async def test_calls_are_counted(stand: Stand) -> None:
    for _ in range(3):
        await ask(stand, rpc("eth_chainId"))
    await ask(stand, rpc("eth_getBalance", 5))
    await ask(stand, rpc("eth_sendRawTransaction", "0x00"))
    rows = {row.method: (row.calls, row.errors, sum(row.buckets)) for row in stand.service.stats.rows()}
    assert rows == {"eth_chainId": (3, 0, 3), "eth_getBalance": (1, 1, 1), "eth_sendRawTransaction": (1, 1, 1)}


def test_a_name_is_registered_once() -> None:
    group = table.Group()
    group.method("a_b")(lambda state: None)
    whole = table.Table()
    whole.add(group, None)
    with pytest.raises(ValueError, match="a_b is registered twice"):
        whole.add(group, None)


def test_an_annotation_without_a_decoder_is_refused_at_start() -> None:
    group = table.Group()

    @group.method("a_b")
    def method(state: None, value: complex) -> None: ...

    with pytest.raises(TypeError, match="complex"):
        table.Table().add(group, None)


def test_only_an_rpc_error_was_meant_for_the_caller() -> None:
    refused = errors.Refused("nonce too low")
    assert dispatch.known(refused, "m") is refused
    assert dispatch.known(ValueError("x"), "m").code == -32603
