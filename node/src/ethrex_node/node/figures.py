"""What the parts of a node count, as metrics. Called at each scrape, on the event loop: nothing here may take long."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from prometheus_client.core import Metric

from ethrex_node import _native
from ethrex_node import pool as pools
from ethrex_node.observe import metrics
from ethrex_node.rpc import stats


def chain(head: _native.Head, now: float) -> Iterator[Metric]:
    yield metrics.gauge("head_block_number", "Number of the head", head.number)
    yield metrics.gauge("head_timestamp_seconds", "Timestamp of the head", head.timestamp)
    yield metrics.gauge("head_age_seconds", "Time since the head's timestamp", max(0.0, now - head.timestamp))
    yield metrics.gauge("head_gas_used", "Gas that the head used", head.gas_used)
    yield metrics.gauge("head_gas_limit", "Gas limit of the head", head.gas_limit)


def pool(held: pools.Pool) -> Iterator[Metric]:
    pending, queued = held.counts()
    counted = held.counters
    yield metrics.gauges("pool_transactions", "Transactions held", "state", {"pending": pending, "queued": queued})
    yield metrics.gauge("pool_blob_transactions", "Transactions with blobs among them", held.blobs)
    outcomes = {
        "admitted": counted.admitted,
        "refused": counted.refused,
        "replaced": counted.replaced,
        "evicted": counted.evicted,
        "included": counted.included,
        "expired": counted.expired,
    }
    yield metrics.counters("pool_outcomes", "What became of transactions", "outcome", outcomes)


def database(folder: Path) -> Iterator[Metric]:
    """Space on disk, not the reserved map."""
    size = sum(file.stat().st_blocks * 512 for file in folder.iterdir() if file.is_file())
    yield metrics.gauge("database_size_bytes", "Space that the database takes on disk", size)


def rpc(rows: Iterable[stats.Row]) -> Iterator[Metric]:
    """Rows of one method from several processes are added up."""
    calls: dict[str, list[int]] = {}
    seconds: dict[str, float] = {}
    errors: dict[str, float] = {}
    for row in rows:
        before = calls.get(row.method, [0] * len(row.buckets))
        calls[row.method] = [one + other for one, other in zip(before, row.buckets, strict=True)]
        seconds[row.method] = seconds.get(row.method, 0.0) + row.seconds
        errors[row.method] = errors.get(row.method, 0.0) + row.errors
    timed = [({"method": method}, counts, seconds[method]) for method, counts in calls.items()]
    if timed:
        yield metrics.histogram("rpc_seconds", "Time to answer, by method", stats.BUCKETS_SECONDS, timed)
    yield metrics.counters("rpc_errors", "Answers that are errors, by method", "method", errors)
