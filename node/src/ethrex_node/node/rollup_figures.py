"""What a rollup's roles have done, as metrics: how far batches are, what provers do, blobs and money."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from prometheus_client.core import Metric

from ..observe import metrics
from ..rollup.coordinator import Coordinator
from ..rollup.settlement.batches import Batches
from ..rollup.settlement.committer import Committer
from ..rollup.settlement.settler import Settler
from ..rollup.store import Store, schema, started
from ..rollup.store.environment import key
from ..rollup.store.schema import Batch

IDLE_SECONDS = 60.0  # a prover that was not heard of for so long is away


class Batched:
    """Counts the batches that are made in this run."""

    def __init__(self) -> None:
        self.blobs = 0

    def note(self, batch: Batch) -> None:
        self.blobs += len(batch.blob_hashes)


def batches(
    made: Batches,
    committer: Committer,
    settler: Settler,
    coordinator: Coordinator,
    kinds: Sequence[str],
    counted: Batched,
) -> Iterator[Metric]:
    newest = made.newest()
    highest = made.base if newest is None else newest.number
    proven = settler.verified
    while proven < highest and set(kinds) <= coordinator.proofs(proven + 1).keys():
        proven += 1
    stages = {
        "made": highest,
        "committed": max(committer.committed, settler.verified),
        "proven": proven,
        "verified": settler.verified,
        "final": settler.final,
    }
    yield metrics.gauges("rollup_batch", "Highest batch that has come so far", "stage", stages)
    waits = committer.waits_for is not None
    yield metrics.gauge("rollup_commits_wait", "1 while a batch cannot be committed; the log says why", float(waits))
    yield metrics.counter("rollup_blobs", "Blobs of the batches that were made", counted.blobs)


def queue(store: Store, made: Batches, committer: Committer) -> Iterator[Metric]:
    """L1 takes no batch that ends later than its first item is due and does not hold it."""
    committed = committer.committed
    if committed > made.base and made.get(committed) is None:
        return  # another sequencer's: what it holds is not known here
    last_block = made.last_block_of(committed)
    with store.read() as txn:
        row, begun = txn.get(schema.SEALED, key(last_block)), started.found(txn)
        taken = row.queue_index if row is not None else 0 if begun is None else begun.queue_index
        item = txn.get(schema.QUEUE, key(taken))
    due = 0 if item is None else item.deadline
    yield metrics.gauge(
        "rollup_queue_due_timestamp_seconds",
        "When the first item is due that no batch on L1 holds; 0: there is none",
        due,
    )


def provers(coordinator: Coordinator) -> Iterator[Metric]:
    oldest = (time.time() - IDLE_SECONDS) * 1000
    leased = coordinator.leases_of_provers()
    heard = [row for _, row in coordinator.provers(b"", 10_000) if row.last_seen_ms >= oldest]
    busy = sum(1 for row in heard if row.prover_id in leased)
    counts = {"busy": busy, "idle": len(heard) - busy}
    yield metrics.gauges("rollup_provers", "Provers that were heard of lately", "state", counts)
