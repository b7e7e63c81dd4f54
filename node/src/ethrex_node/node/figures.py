"""What the parts of a node count, as metrics. Called at each scrape, on the event loop: nothing here may take long."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

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


class Readers(Protocol):
    """The part of ``_native.DatabaseStats`` that says who reads."""

    @property
    def last_commit(self) -> int: ...
    @property
    def readers(self) -> list[tuple[int, int]]: ...


class OldestReader:
    """Since when the oldest snapshot stands that sees a commit before the newest. LMDB knows its commit, not its time."""

    def __init__(self) -> None:
        self._snapshot: tuple[int, int] | None = None
        self._since = 0.0

    def note(self, stats: Readers, now: float) -> float:
        """Seconds since it was first seen; 0 where no reader is behind."""
        behind = [(commit, process) for process, commit in stats.readers if commit < stats.last_commit]
        oldest = min(behind, default=None)
        if oldest != self._snapshot:
            self._snapshot, self._since = oldest, now
        return now - self._since if oldest is not None else 0.0


def database(folder: Path, stats: _native.DatabaseStats, oldest: OldestReader) -> Iterator[Metric]:
    """Space on disk, not the reserved map."""
    size = sum(file.stat().st_blocks * 512 for file in folder.iterdir() if file.is_file())
    live = (stats.used_pages - stats.free_pages) * stats.page_bytes
    yield metrics.gauge("database_size_bytes", "Space that the database takes on disk", size)
    volume = shutil.disk_usage(folder)
    yield metrics.gauge("database_volume_bytes", "Size of the file system that the database is on", volume.total)
    yield metrics.gauge("database_free_bytes", "Of it, what is free", volume.free)
    yield metrics.gauge("database_live_bytes", "Of it, what a compact copy would hold", live)
    yield metrics.gauge("database_readers", "Open snapshots, in all processes", len(stats.readers))
    yield metrics.gauge(
        "database_oldest_reader_commits", "Commits that the oldest snapshot is behind", stats.oldest_reader_commits
    )
    yield metrics.gauge(
        "database_oldest_reader_age_seconds", "Since when a snapshot that is behind has been seen",
        oldest.note(stats, time.monotonic()),
    )  # fmt: skip


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
