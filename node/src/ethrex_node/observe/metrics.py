"""
Metrics in Prometheus' text form.

Parts count in plain attributes, which costs them nothing; a source is a function that turns them into families when
somebody scrapes. Names are ``ethrex_<part>_<what>_<unit>``; every family has a help text and base units (seconds,
bytes, gas).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

log = logging.getLogger(__name__)

PREFIX: Final = "ethrex_"
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
Source = Callable[[], Iterable[Metric]]
Labels = Mapping[str, str]


def gauge(name: str, help: str, value: float) -> Metric:
    """A figure that goes up and down."""
    return GaugeMetricFamily(PREFIX + name, help, value=value)


def gauges(name: str, help: str, label: str, values: Mapping[str, float]) -> Metric:
    """The same, one for each value of a label."""
    family = GaugeMetricFamily(PREFIX + name, help, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def counter(name: str, help: str, value: float) -> Metric:
    """A figure that only grows. `name` without the ``_total`` that Prometheus puts behind it."""
    return CounterMetricFamily(PREFIX + name, help, value=value)


def counters(name: str, help: str, label: str, values: Mapping[str, float]) -> Metric:
    family = CounterMetricFamily(PREFIX + name, help, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def histogram(
    name: str, help: str, bounds: Sequence[float], rows: Iterable[tuple[Labels, Sequence[int], float]]
) -> Metric:
    """Rows of (labels, counts by bucket, sum). Counts are not cumulative; the last is for what lies above all bounds."""
    rows = list(rows)
    family = HistogramMetricFamily(PREFIX + name, help, labels=list(rows[0][0]) if rows else [])
    for labels, counts, total in rows:
        buckets, seen = [], 0
        for bound, count in zip((*map(str, bounds), "+Inf"), counts, strict=True):
            seen += count
            buckets.append((bound, float(seen)))
        family.add_metric(list(labels.values()), buckets, total)
    return family


class Histogram:
    """Counts by bucket, to be kept by the part that measures. Two additions and a walk over a dozen bounds."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        index = 0
        for bound in self.bounds:
            if value <= bound:
                break
            index += 1
        self.counts[index] += 1
        self.sum += value

    def row(self, labels: Labels) -> tuple[Labels, Sequence[int], float]:
        return labels, tuple(self.counts), self.sum


class _Sources(Collector):
    """One collector for all sources: a source that fails loses its own figures and no others."""

    def __init__(self) -> None:
        self.sources: dict[str, Source] = {}
        self.failures: dict[str, int] = {}

    def collect(self) -> Iterator[Metric]:
        for name, source in self.sources.items():
            try:
                yield from list(source())
            except Exception:
                self.failures[name] = self.failures.get(name, 0) + 1
                log.exception("metrics of %s could not be read", name)
        yield counters("metrics_failures", "Scrapes in which a source gave nothing", "source", self.failures)

    def describe(self) -> Iterator[Metric]:
        return iter(())


class Metrics:
    """The registry of a process: its own figures (memory, files, collections) and those of the sources."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._sources = _Sources()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        self._registry.register(self._sources)

    def add(self, name: str, source: Source) -> None:
        """Ask `source` at each scrape. `name` stands in logs when it fails."""
        self._sources.sources[name] = source

    def render(self) -> bytes:
        return generate_latest(self._registry)
