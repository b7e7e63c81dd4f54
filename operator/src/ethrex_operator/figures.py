"""What the operator does, as metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from .kube.children import Children
from .kube.client import Kube
from .kube.lease import Leadership
from .kube.queue import Queue
from .reconcile.world import Store

PREFIX: Final = "ethrex_operator_"


def of_access(kube: Kube, leadership: Leadership) -> Iterator[Metric]:
    yield GaugeMetricFamily(PREFIX + "leads", "1 while this replica leads", float(leadership.leads))
    yield _counters("requests", "Requests to the API server", "verb", kube.counts.requests)
    yield _counters("request_failures", "Those that failed", "error", kube.counts.failures)


def of_work(queue: Queue[Any], store: Store, children: Children) -> Iterator[Metric]:
    yield _counters("reconciles", "Reconciles", "outcome", queue.counts.runs)
    yield CounterMetricFamily(PREFIX + "reconcile_seconds", "Time spent in them", queue.counts.seconds)
    yield GaugeMetricFamily(PREFIX + "resources", "Resources that are watched", len(store.bodies))
    yield GaugeMetricFamily(PREFIX + "children", "Objects that were made for them", len(children))


def _counters(name: str, help: str, label: str, counts: Mapping[str, int]) -> CounterMetricFamily:
    family = CounterMetricFamily(PREFIX + name, help, labels=[label])
    for value, count in counts.items():
        family.add_metric([value], count)
    return family
