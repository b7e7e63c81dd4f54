"""
Worker processes: real ones, over a stand-in of the native module.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import orjson
import pytest
from unit.rpc import native_standin, standin
from unit.rpc.client import Http, close_all, request, rpc, until
from unit.rpc.conftest import EVERYTHING, IDENTITY
from unit.rpc.test_websocket import Client

from ethrex_node.rpc import errors, link, server, service, settings, table, worker, workers

SENDER = "22" * 20
EXTRA = table.Group()


@EXTRA.method("evm_add")
def _add(state: int, value: int) -> int:
    return state + value


@dataclass
class Farm:
    main: service.Service
    pool: native_standin.MiningPool
    heads: standin.MemoryHeads
    workers: workers.Workers
    path: Path

    async def http(self) -> Http:
        return await Http.connect(self.workers.port)


async def grow(
    tmp_path: Path, count: int = 2, port: int = 0, pages: Mapping[str, server.PageHandler] | None = None
) -> Farm:
    path = tmp_path / "database.json"
    pool = native_standin.MiningPool(path)
    reader = native_standin.Reader(str(path))
    heads = standin.MemoryHeads(reader)
    main = service.Service(standin.NATIVE, reader, pool, heads, IDENTITY, standin.keccak, more=[(EXTRA, 40)])
    await main.start()
    rules = settings.HttpSettings(port=port, namespaces=(*EVERYTHING, "evm"), websocket=True)
    farm = workers.Workers(main, rules, count, path, native="unit.rpc.native_standin", pages=pages)
    return Farm(main, pool, heads, farm, path)


@pytest.fixture
async def farm(tmp_path: Path) -> AsyncIterator[Farm]:
    grown = await grow(tmp_path)
    await grown.workers.start()
    yield grown
    await close_all()
    await grown.workers.stop()
    await grown.main.stop(0.2)


async def test_reads_are_answered_by_workers_and_the_rest_by_the_writer(farm: Farm) -> None:
    http = await farm.http()
    assert await http.result("eth_chainId") == "0x1"
    assert await http.result("web3_clientVersion") == "ethrex/v0.1.0"
    assert await http.result("txpool_status") == {"pending": "0x0", "queued": "0x0"}
    assert await http.result("debug_traceTransaction", "0x") == {"gas": 1}
    assert await http.result("evm_add", 2) == 42
    assert (await http.call("nope"))["error"]["code"] == -32601
    assert (await http.call("workers_report", 1, 1, []))["error"]["code"] == -32601
    assert not [name for name in standin.NAMES if name in {row.method for row in farm.main.stats.rows()}]


async def test_who_wrote_reads_his_write_through_any_worker(farm: Farm) -> None:
    doors = [await farm.http() for _ in range(8)]
    for number in range(40):
        sent = await doors[number % 8].result("eth_sendRawTransaction", "0x" + SENDER + f"{number:02x}")
        assert await doors[(number * 3 + 1) % 8].result("eth_getTransactionReceipt", sent) == {"status": "0x1"}


async def test_many_are_in_flight_over_one_link(farm: Farm) -> None:
    farm.pool.delay_seconds = 0.2
    doors = [await farm.http() for _ in range(30)]
    calls = (door.result("eth_sendRawTransaction", "0x" + SENDER + f"{n:02x}") for n, door in enumerate(doors))
    async with asyncio.timeout(4):
        assert len(set(await asyncio.gather(*calls))) == 30


async def test_a_batch_for_the_writer_goes_in_one_piece(farm: Farm) -> None:
    http = await farm.http()
    calls = [rpc("eth_sendRawTransaction", "0x" + SENDER + f"{number:02x}", id=number) for number in range(20)]
    mixed = [rpc("eth_chainId", id="a"), *calls, orjson.dumps({"jsonrpc": "2.0", "method": "net_version"}), b"5"]
    answers = (await http.post(b"[" + b",".join(mixed) + b"]")).json()
    assert [answer["id"] for answer in answers] == ["a", *range(20), None]
    assert farm.pool.calls == [20]


async def test_what_a_worker_does_not_have_the_writer_answers(farm: Farm) -> None:
    farm.pool.transactions.clear()
    raw = "0x" + SENDER + "07"
    transaction = standin.Transaction(bytes.fromhex(raw[2:]))
    farm.pool.transactions[transaction.hash] = transaction
    http = await farm.http()
    assert (await http.result("eth_getTransactionByHash", "0x" + transaction.hash.hex()))["nonce"] == "0x7"
    assert await http.result("eth_getTransactionCount", "0x" + SENDER, "pending") == "0x8"


async def test_filters_live_in_the_writer(farm: Farm) -> None:
    one, other = await farm.http(), await farm.http()
    filter_id = await one.result("eth_newBlockFilter")
    block = farm.heads.mine()
    assert await other.result("eth_getFilterChanges", filter_id) == ["0x" + block.hash.hex()]


async def test_subscriptions_are_pushed_through_a_worker(farm: Farm) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(f"ws://127.0.0.1:{farm.workers.port}/") as socket:
            client = Client(socket)
            first = await client.result("eth_subscribe", "newPendingTransactions")
            second = await client.result("eth_subscribe", "syncing")
            assert (await client.notification())["subscription"] == second
            sent = await client.result("eth_sendRawTransaction", "0x" + SENDER + "00")
            assert await client.notification() == {"subscription": first, "result": sent}
            assert await client.result("eth_unsubscribe", first) is True
        await until(lambda: len(farm.main.subscriptions) == 0)
    error = (await (await farm.http()).call("eth_subscribe", "newHeads"))["error"]
    assert error == {"code": -32001, "message": "notifications not supported"}


async def test_pages_are_made_by_the_writer(tmp_path: Path) -> None:
    async def page(method: bytes, target: str, body: bytes) -> server.Page:
        return server.Page(404, f"{method.decode()} {target} \u00ff".encode("latin-1"), b"text/plain")

    grown = await grow(tmp_path, pages={"/eth/v1": page})
    await grown.workers.start()
    url = f"http://127.0.0.1:{grown.workers.port}"
    async with aiohttp.ClientSession() as session, session.get(f"{url}/eth/v1/x?y=1") as answer:
        assert (answer.status, await answer.read()) == (404, b"GET /eth/v1/x?y=1 \xff")
        assert answer.content_type == "text/plain"
    await grown.workers.stop()
    await grown.main.stop(0.2)


async def test_a_dead_worker_is_started_again(farm: Farm) -> None:
    before = farm.workers.pids
    os.kill(before[0], signal.SIGKILL)
    await until(lambda: before[0] not in farm.workers.pids)
    for _ in range(10):
        assert await (await farm.http()).result("txpool_status") == {"pending": "0x0", "queued": "0x0"}


async def test_workers_report_what_they_counted(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    http = await farm.http()
    for _ in range(3):
        await http.result("eth_chainId")
    async with asyncio.timeout(worker.REPORT_SECONDS + 3):
        await until(lambda: any(row.method == "eth_chainId" and row.calls == 3 for row in farm.workers.rows()))


async def test_stop_finishes_what_workers_have_in_hand(tmp_path: Path) -> None:
    grown = await grow(tmp_path)
    await grown.workers.start()
    grown.pool.delay_seconds = 0.3
    http = await grown.http()
    http.send(request(rpc("eth_sendRawTransaction", "0x" + SENDER + "00")))
    await asyncio.sleep(0.1)
    pids = grown.workers.pids
    await grown.workers.stop()
    assert "result" in (await http.receive()).json()
    assert all(not alive(pid) for pid in pids)
    await close_all()
    await grown.main.stop(0.2)


async def test_a_taken_port_is_refused_in_words(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        grown = await grow(tmp_path, port=taken.getsockname()[1])
        with pytest.raises(OSError, match="in use"):
            await grown.workers.start()
    await grown.workers.stop()
    await grown.main.stop(0.2)


async def test_a_worker_that_cannot_start_is_told(tmp_path: Path) -> None:
    grown = await grow(tmp_path, 1)
    grown.workers._native = "no_such_module"
    with pytest.raises(workers.StartFailed, match="worker 0 did not start"):
        await grown.workers.start()
    await grown.workers.stop()
    await grown.main.stop(0.2)


async def test_workers_die_with_a_writer_that_was_killed(tmp_path: Path) -> None:
    code = f"""
import asyncio, sys
sys.path[:] = {sys.path!r}
from pathlib import Path
from unit.rpc.test_workers import grow
async def main():
    grown = await grow(Path({str(tmp_path)!r}))
    await grown.workers.start()
    print(*grown.workers.pids, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""
    writer = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    assert writer.stdout is not None
    pids = [int(pid) for pid in (await asyncio.wait_for(writer.stdout.readline(), 20)).split()]
    assert len(pids) == 2
    assert all(alive(pid) for pid in pids)
    writer.kill()
    await writer.wait()
    await until(lambda: not any(alive(pid) for pid in pids))


def alive(pid: int) -> bool:
    """Running, not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


# the link by itself


async def test_without_a_writer_the_caller_is_told(farm: Farm, tmp_path: Path) -> None:
    dispatcher = farm.main.dispatcher(EVERYTHING)
    path = tmp_path / "s"
    listening = link.LinkServer(path, dispatcher)
    await listening.start()
    kept = link.KeptLink(path)
    await kept.start()
    assert b"result" in await kept.ask(rpc("net_version"))

    await listening.stop()

    async def reached() -> bool:
        try:
            return b"result" in await kept.ask(rpc("net_version"))
        except errors.WriterGone:
            return False

    async def becomes(wanted: bool) -> None:
        while await reached() is not wanted:
            await asyncio.sleep(0.01)

    await asyncio.wait_for(becomes(False), 5)
    await listening.start()
    await asyncio.wait_for(becomes(True), 5)
    await kept.close()
    await listening.stop()


async def test_requests_in_flight_fail_when_the_link_breaks(farm: Farm, tmp_path: Path) -> None:
    farm.pool.delay_seconds = 5
    path = tmp_path / "s"
    listening = link.LinkServer(path, farm.main.dispatcher(EVERYTHING))
    await listening.start()
    one = await link.connect(path)
    asking = asyncio.create_task(one.ask(rpc("eth_sendRawTransaction", "0x" + SENDER + "00")))
    await asyncio.sleep(0.05)
    await listening.stop()
    with pytest.raises(errors.WriterGone):
        await asyncio.wait_for(asking, 3)


async def test_only_this_user_may_open_the_link(farm: Farm) -> None:
    assert farm.workers._socket_path.stat().st_mode & 0o077 == 0


async def test_a_frame_that_is_too_long_ends_the_link(farm: Farm) -> None:
    reader, writer = await asyncio.open_unix_connection(str(farm.workers._socket_path))
    writer.write(b"\xff" * 8)
    assert await asyncio.wait_for(reader.read(), 3) == b""
    writer.close()


def test_settings_of_a_worker_survive_the_pipe() -> None:
    rules = settings.HttpSettings(vhosts=frozenset({"*"}), limits=settings.Limits(body_bytes=7))
    told = worker.WorkerSettings(1, rules, IDENTITY, "/l", "/d", ("eth",), ("evm_x",))
    assert worker.WorkerSettings.load(told.dump()) == told
