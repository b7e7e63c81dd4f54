"""
Traces of blocks through the node, sent to an OTLP/HTTP collector. Off unless ``--tracing.endpoint`` names one.

The stages of a block run in the native core, which reports how long each took; so a block's spans are made after the
fact, one below the other in the order of the stages. Off, a call costs one comparison.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

Attributes = Mapping[str, str | int | float | bool]
Stage = tuple[str, float]  # name, seconds


class TracingUnavailable(Exception):
    """The libraries of the ``tracing`` extra are not installed."""


class Tracing:
    """Spans of this process, from construction to `stop`. Without a provider it does nothing."""

    def __init__(self, provider: TracerProvider | None = None) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("ethrex_node") if provider is not None else None

    @property
    def on(self) -> bool:
        return self._tracer is not None

    def record(self, name: str, seconds: float, attributes: Attributes, stages: Sequence[Stage] = ()) -> None:
        """Something that has just ended, with the stages it went through."""
        if self._tracer is None:
            return
        from opentelemetry import trace

        end = time.time_ns()
        start = end - int(seconds * 1e9)
        whole = self._tracer.start_span(name, start_time=start, attributes=dict(attributes))
        context = trace.set_span_in_context(whole)
        at = start
        for stage, took in stages:
            step = self._tracer.start_span(f"{name}.{stage}", context=context, start_time=at)
            at += int(took * 1e9)
            step.end(at)
        whole.end(end)

    def stop(self) -> None:
        """Send what waits, for a few seconds at most."""
        if self._provider is not None:
            self._provider.shutdown()


def start(endpoint: str, ratio: float, version: str, instance: str = "") -> Tracing:
    """Tracing to `endpoint` (``http://host:4318``), or none where it is empty. Raises `TracingUnavailable`."""
    if not endpoint:
        return Tracing()
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.sampling import TraceIdRatioBased
    except ImportError as error:
        raise TracingUnavailable(f"tracing needs the extra `ethrex-node[tracing]`: {error}") from error
    names: dict[str, Any] = {"service.name": "ethrex", "service.version": version}
    if instance:
        names["service.instance.id"] = instance
    provider = TracerProvider(resource=Resource.create(names), sampler=TraceIdRatioBased(ratio))
    url = endpoint if endpoint.endswith("/v1/traces") else endpoint.rstrip("/") + "/v1/traces"
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=url, timeout=5)))
    return Tracing(provider)
