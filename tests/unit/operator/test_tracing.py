"""Traces of the operator: what a collector gets of reconciles and of their requests, and what it does not get."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from ethrex_operator import tracing
from ethrex_operator.kube import errors, kinds
from ethrex_operator.kube.client import Kube
from unit.operator.ctl import api_server


class Collector:
    def __init__(self) -> None:
        self.requests: list[ExportTraceServiceRequest] = []

    async def take(self, request: web.Request) -> web.Response:
        assert request.path == "/v1/traces"
        self.requests.append(ExportTraceServiceRequest.FromString(await request.read()))
        return web.Response()

    def spans(self) -> list[Span]:
        scopes = [scope for one in self.requests for each in one.resource_spans for scope in each.scope_spans]
        return [span for scope in scopes for span in scope.spans]

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        app = web.Application()
        app.router.add_post("/{path:.*}", self.take)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()


async def collected(config: Path, ratio: float) -> Collector:
    """Of one reconcile with two requests, of which one fails, and a request outside of any."""
    collector = Collector()
    async with collector.serving() as endpoint:
        kube = await Kube.of_user(str(config))
        kube.tracing = tracing.start(endpoint, ratio, "1.2.3", "pod-1")
        with kube.tracing.work("reconcile EthrexRollup", {"ethrex.name": "rollup"}):
            await kube.list(kinds.POOL, "team")
            await kube.find(kinds.ROLLUP, "team", "nobody")
        with pytest.raises(errors.Forbidden), kube.tracing.work("reconcile ProverPool", {}):
            await kube.get(kinds.POOL, "closed", "any")
        await kube.list(kinds.POOL, "team")
        await asyncio.to_thread(kube.tracing.stop)
        await kube.close()
    return collector


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Path]:
    with api_server.serving() as server:
        server.closed.add("closed")
        yield api_server.kubeconfig(tmp_path / "config", server.url)


def attributes(span: Span) -> dict[str, str]:
    return {one.key: one.value.string_value or str(one.value.int_value) for one in span.attributes}


def test_a_reconcile_has_its_requests_below_it_and_the_clocks_requests_have_no_span(config: Path) -> None:
    found = asyncio.run(collected(config, 1.0))
    spans = found.spans()
    by_name = {span.name: span for span in spans if not span.parent_span_id}
    below = [span for span in spans if span.parent_span_id == by_name["reconcile EthrexRollup"].span_id]
    resource = {one.key: one.value.string_value for one in found.requests[0].resource_spans[0].resource.attributes}

    assert len(spans) == 5
    assert attributes(by_name["reconcile EthrexRollup"]) == {"ethrex.name": "rollup"}
    assert [(span.name, attributes(span)["url.path"]) for span in below] == [
        ("GET", "/apis/ethrex.dev/v1alpha1/namespaces/team/proverpools"),
        ("GET", "/apis/ethrex.dev/v1alpha1/namespaces/team/ethrexrollups/nobody"),
    ]
    assert (resource["service.name"], resource["service.version"]) == ("ethrex-operator", "1.2.3")


def test_what_fails_says_how_and_not_what_it_said(config: Path) -> None:
    spans = asyncio.run(collected(config, 1.0)).spans()
    failed = {span.name: attributes(span) for span in spans if span.status.code == span.status.STATUS_CODE_ERROR}

    assert failed["reconcile ProverPool"]["error.type"] == "Forbidden"
    assert failed["GET"]["http.response.status_code"] in ("403", "404")
    assert not any(span.events or span.status.message for span in spans)


def test_of_a_ratio_of_none_nothing_is_sent_and_without_a_collector_nothing_is_done(config: Path) -> None:
    assert asyncio.run(collected(config, 0.0)).spans() == []
    assert tracing.start("", 1.0, "1.2.3", "pod-1") is tracing.OFF
