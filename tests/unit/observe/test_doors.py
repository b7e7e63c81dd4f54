"""Probes, the door they are served on, the stall monitor, traces at a collector."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from ethrex_node.observe import tracing
from ethrex_node.observe.admin import AdminServer
from ethrex_node.observe.health import Health
from ethrex_node.observe.metrics import Metrics
from ethrex_node.observe.stall import StallMonitor

TIMEOUT_SECONDS = 10


@pytest.fixture
async def door() -> AsyncIterator[tuple[str, Health, Metrics]]:
    health, metrics = Health(), Metrics()
    server = AdminServer("127.0.0.1", 0, metrics, health)
    await server.start()
    yield f"http://127.0.0.1:{server.port}", health, metrics
    await server.stop()


async def get(url: str) -> tuple[int, str, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, answer.content_type, await answer.text()


async def test_a_starting_node_lives_and_is_not_ready(door: tuple[str, Health, Metrics]) -> None:
    url, health, _ = door
    health.phase = "migrating"

    assert (await get(f"{url}/healthz"))[0] == 200
    status, kind, body = await get(f"{url}/startupz")
    assert (status, kind) == (503, "application/json")
    assert json.loads(body) == {"status": "failing", "reasons": {"startup": "migrating"}}
    assert (await get(f"{url}/readyz"))[0] == 503


async def test_readiness_names_every_reason(door: tuple[str, Health, Metrics]) -> None:
    url, health, _ = door
    health.phase = None
    stale: list[str | None] = ["head is 90 s old", None]
    health.add("head", lambda: stale[0])
    health.add("disk", lambda: None)

    status, _, body = await get(f"{url}/readyz")
    assert (status, json.loads(body)["reasons"]) == (503, {"head": "head is 90 s old"})

    stale[0] = None
    assert (await get(f"{url}/readyz"))[0] == 200
    assert (await get(f"{url}/startupz"))[0] == 200

    health.leaving = True
    assert json.loads((await get(f"{url}/readyz"))[2])["reasons"] == {"shutdown": "the node is leaving"}


async def test_metrics_are_served_as_text(door: tuple[str, Health, Metrics]) -> None:
    status, kind, body = await get(f"{door[0]}/metrics")

    assert (status, kind) == (200, "text/plain")
    assert "# HELP process_resident_memory_bytes" in body


async def test_a_taken_port_is_told(door: tuple[str, Health, Metrics]) -> None:
    port = int(door[0].rpartition(":")[2])
    second = AdminServer("127.0.0.1", port, Metrics(), Health())

    with pytest.raises(OSError, match="in use"):
        await second.start()
    await second.stop()


async def test_a_blocked_loop_shows_as_a_gap(caplog: pytest.LogCaptureFixture) -> None:
    monitor = StallMonitor()
    monitor.start()
    await asyncio.sleep(0.05)

    time.sleep(0.3)  # noqa: ASYNC251  # what must not happen, done on purpose
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while monitor.longest < 0.2:
            await asyncio.sleep(0.01)
    monitor.stop()

    assert 0.2 < monitor.longest < 5
    assert "the event loop stood still" in caplog.text


def test_the_gap_since_the_last_scrape_starts_over() -> None:
    monitor = StallMonitor()
    monitor.note(0.004)
    monitor.note(0.002)

    def told() -> dict[str, float]:
        return {family.name: family.samples[0].value for family in monitor.metrics()}

    assert told()["ethrex_loop_longest_gap_seconds"] == 0.004
    monitor.note(0.001)
    assert told()["ethrex_loop_longest_gap_seconds"] == 0.001
    assert told()["ethrex_loop_longest_gap_ever_seconds"] == 0.004


def test_tracing_is_off_by_default() -> None:
    off = tracing.start("", 1.0, "0")

    off.record("block", 1.0, {"number": 1}, [("recover", 0.5)])
    off.stop()

    assert not off.on


async def test_a_block_arrives_at_the_collector_with_its_stages() -> None:
    received: list[bytes] = []

    async def collect(request: web.Request) -> web.Response:
        received.append(await request.read())
        return web.Response(content_type="application/x-protobuf")

    application = web.Application()
    application.router.add_post("/v1/traces", collect)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    endpoint = f"http://127.0.0.1:{runner.addresses[0][1]}"

    traces = tracing.start(endpoint, 1.0, "1.2.3")
    traces.record("block", 0.5, {"block": 7}, [("recover", 0.1), ("execute", 0.3), ("commit", 0.1)])
    await asyncio.get_running_loop().run_in_executor(None, traces.stop)
    await runner.cleanup()

    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    message = ExportTraceServiceRequest.FromString(b"".join(received))
    spans = {span.name: span for span in message.resource_spans[0].scope_spans[0].spans}
    assert set(spans) == {"block", "block.recover", "block.execute", "block.commit"}
    whole, execute = spans["block"], spans["block.execute"]
    assert execute.parent_span_id == whole.span_id
    assert whole.end_time_unix_nano - whole.start_time_unix_nano == 500_000_000
    assert execute.start_time_unix_nano == whole.start_time_unix_nano + 100_000_000
    assert whole.attributes[0].value.int_value == 7
