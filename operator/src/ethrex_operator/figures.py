"""What the operator does, as metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from .kube.children import Children
from .kube.client import Kube
from .kube.lease import Leadership
from .kube.queue import Queue
from .reconcile.scaling_state import Scaling
from .reconcile.world import Key, Store
from .scaling.decision import PoolDecision

PREFIX: Final = "ethrex_operator_"


def of_access(kube: Kube, leadership: Leadership) -> Iterator[Metric]:
    yield GaugeMetricFamily(PREFIX + "leads", "1 while this replica leads", float(leadership.leads))
    yield _counters("requests", "Requests to the API server", "verb", kube.counts.requests)
    yield _counters("request_failures", "Those that failed", "error", kube.counts.failures)


def of_work(queue: Queue[Any], store: Store, children: Children) -> Iterator[Metric]:
    yield _counters("reconciles", "Reconciles", "outcome", queue.counts.runs)
    yield CounterMetricFamily(PREFIX + "reconcile_seconds", "Time spent in them", queue.counts.seconds)
    yield GaugeMetricFamily(PREFIX + "unseen", "Resources that this leader has not looked at yet", queue.unseen)
    yield GaugeMetricFamily(PREFIX + "resources", "Resources that are watched", len(store))
    yield GaugeMetricFamily(PREFIX + "children", "Objects that were made for them", len(children))


def of_rollups(lost: Iterable[Key], store: Store) -> Iterator[Metric]:
    """One that is deleted is nobody's trouble any more."""
    family = GaugeMetricFamily(
        PREFIX + "data_lost", "1 where a sequencer misses data that L1 knows of", labels=["rollup_namespace", "rollup"]
    )
    for key in lost:
        if store.get(key) is not None:
            family.add_metric([key.namespace, key.name], 1.0)
    yield family


def of_scaling(scaling: Scaling) -> Iterator[Metric]:
    """What the planner decided last, also of pools that somebody else scales."""
    figures: Mapping[str, tuple[str, Callable[[PoolDecision], float]]] = {
        "desired_provers": ("Provers that the planner wants", lambda one: one.desired),
        "work_gas": ("Gas of the jobs that wait", lambda one: one.work_gas),
        "work_seconds": ("Time that one prover would take for them", lambda one: one.work_seconds),
        "gas_per_second": ("Rate that provers are reckoned with", lambda one: one.rate),
        "spent_today": ("Cost of the day so far (UTC), in the unit of pricePerHour", lambda one: one.spent_today),
        "starved": ("1 where provers that were asked for do not come up", lambda one: one.is_starved),
    }
    for name, (help, read) in figures.items():
        family = GaugeMetricFamily(f"{PREFIX}pool_{name}", help, labels=["pool"])
        for pool, one in scaling.decisions.items():
            family.add_metric([pool], float(read(one)))
        yield family


def _counters(name: str, help: str, label: str, counts: Mapping[str, int]) -> CounterMetricFamily:
    family = CounterMetricFamily(PREFIX + name, help, labels=[label])
    for value, count in counts.items():
        family.add_metric([value], count)
    return family
