"""
Traces of the operator's work, sent to an OTLP/HTTP collector: a span for each reconcile and each look of the planner, and below it
one for each request to the API server. Off unless ``--tracing-endpoint`` names one.

Requests outside of a reconcile (the lease's, the watches') have no span: they come by the clock and say nothing. Of a request its
verb, path and answer are told, never what it carried.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

EXPORT_SECONDS: Final = 5
Attributes = Mapping[str, str | int | float | bool]


class Tracing:
    """Spans of this process, from construction to `stop`. Without a provider it does nothing."""

    def __init__(self, provider: TracerProvider | None = None) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("ethrex_operator") if provider is not None else None

    @contextlib.contextmanager
    def work(self, name: str, attributes: Attributes) -> Iterator[None]:
        """What an error of it is called, is kept; its words may hold more than a trace should."""
        if self._tracer is None:
            yield
            return
        with self._tracer.start_as_current_span(
            name, attributes=dict(attributes), record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield
            except Exception as error:
                _failed(span, error)
                raise

    @contextlib.contextmanager
    def call(self, verb: str, path: str) -> Iterator[None]:
        """A request, where somebody's work is traced."""
        if self._tracer is None:
            yield
            return
        from opentelemetry import trace

        if not trace.get_current_span().is_recording():
            yield
            return
        attributes = {"http.request.method": verb, "url.path": path}
        with self._tracer.start_as_current_span(
            verb,
            kind=trace.SpanKind.CLIENT,
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield
            except Exception as error:
                _failed(span, error)
                raise

    def stop(self) -> None:
        """Send what waits, for a few seconds at most."""
        if self._provider is not None:
            self._provider.shutdown()


OFF: Final = Tracing()


def start(endpoint: str, ratio: float, version: str, instance: str) -> Tracing:
    """Tracing to `endpoint` (``http://host:4318``), or none where it is empty. Its libraries are loaded only then."""
    if not endpoint:
        return OFF
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

    names = {"service.name": "ethrex-operator", "service.version": version, "service.instance.id": instance}
    sampler = ParentBased(TraceIdRatioBased(ratio))
    provider = TracerProvider(resource=Resource.create(names), sampler=sampler)
    url = endpoint if endpoint.endswith("/v1/traces") else endpoint.rstrip("/") + "/v1/traces"
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=url, timeout=EXPORT_SECONDS)))
    return Tracing(provider)


def _failed(span: Span, error: Exception) -> None:
    from opentelemetry.trace import Status, StatusCode

    span.set_attribute("error.type", type(error).__name__)
    status = getattr(error, "status", None)
    if isinstance(status, int):
        span.set_attribute("http.response.status_code", status)
    span.set_status(Status(StatusCode.ERROR))
