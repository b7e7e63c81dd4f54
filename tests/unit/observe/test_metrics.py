"""The text that Prometheus reads."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

from ethrex_node.observe import metrics


def families(registry: metrics.Metrics) -> dict[str, Metric]:
    return {family.name: family for family in text_string_to_metric_families(registry.render().decode())}


def test_a_source_is_asked_at_each_scrape() -> None:
    registry, seen = metrics.Metrics(), iter([1.0, 2.0])
    registry.add("part", lambda: [metrics.gauge("part_height_blocks", "How high", next(seen))])

    first, second = families(registry), families(registry)

    assert first["ethrex_part_height_blocks"].samples[0].value == 1.0
    assert second["ethrex_part_height_blocks"].samples[0].value == 2.0


def test_every_family_has_a_help_text() -> None:
    registry = metrics.Metrics()
    registry.add("part", lambda: [metrics.counter("part_things", "Things seen", 3)])

    found = families(registry)

    assert all(family.documentation for family in found.values())
    assert found["ethrex_part_things"].type == "counter"


def test_a_broken_source_costs_only_itself() -> None:
    registry = metrics.Metrics()

    def broken() -> Iterable[Metric]:
        raise RuntimeError("no")

    registry.add("broken", broken)
    registry.add("whole", lambda: [metrics.gauge("whole", "Is there", 1)])

    found = families(registry)

    assert "ethrex_whole" in found
    samples = found["ethrex_metrics_failures"].samples
    assert [(sample.labels, sample.value) for sample in samples] == [({"source": "broken"}, 1.0)]


def test_the_process_tells_its_memory() -> None:
    assert families(metrics.Metrics())["process_resident_memory_bytes"].samples[0].value > 1_000_000


@pytest.mark.parametrize(
    ("value", "expected"), [(0.5, [1, 1, 1]), (1.0, [1, 1, 1]), (1.5, [0, 1, 1]), (9.0, [0, 0, 1])]
)
def test_a_histogram_counts_up_to_each_bound(value: float, expected: list[int]) -> None:
    registry, measured = metrics.Metrics(), metrics.Histogram((1.0, 2.0))
    measured.observe(value)
    registry.add(
        "part", lambda: [metrics.histogram("took_seconds", "Took", (1.0, 2.0), [measured.row({"stage": "x"})])]
    )

    samples = families(registry)["ethrex_took_seconds"].samples

    buckets = [sample.value for sample in samples if sample.name.endswith("_bucket")]
    assert buckets == expected
    assert {sample.name.rpartition("_")[2]: sample.value for sample in samples if "_bucket" not in sample.name} == {
        "count": 1.0,
        "sum": value,
    }


def test_labelled_figures_stand_side_by_side() -> None:
    registry = metrics.Metrics()
    registry.add("pool", lambda: [metrics.gauges("pool_transactions", "Pooled", "state", {"pending": 2, "queued": 1})])

    samples = families(registry)["ethrex_pool_transactions"].samples

    assert {sample.labels["state"]: sample.value for sample in samples} == {"pending": 2.0, "queued": 1.0}
