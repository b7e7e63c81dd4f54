"""
What became of blocks, stage by stage: recover, execute, root, commit, as histograms and as one span a block.

The stages run in the native core, which tells how long each took when the block becomes canonical. A commit holds all blocks
of a head change; each gets its share.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Protocol

from prometheus_client.core import Metric

from ethrex_node.observe import metrics, tracing

BOUNDS_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
STAGES: Final = ("recover", "execute", "root", "commit")


class Work(Protocol):
    """``_native.BlockWork``."""

    @property
    def hash(self) -> bytes: ...
    @property
    def number(self) -> int: ...
    @property
    def transactions(self) -> int: ...
    @property
    def gas_used(self) -> int: ...
    @property
    def recover_seconds(self) -> float: ...
    @property
    def execute_seconds(self) -> float: ...
    @property
    def root_seconds(self) -> float: ...


class Blocks:
    """Counts since the start. `note` is called once a head change, not once a transaction."""

    def __init__(self, traces: tracing.Tracing) -> None:
        self._traces = traces
        self._stages = {stage: metrics.Histogram(BOUNDS_SECONDS) for stage in STAGES}
        self._applied = self._reverted = self._transactions = self._gas = 0

    def note(self, reverted: int, applied: Sequence[Work], commit_seconds: float) -> None:
        self._reverted += reverted
        for work in applied:
            self._block(work, commit_seconds / len(applied))

    def _block(self, work: Work, commit_seconds: float) -> None:
        took = (work.recover_seconds, work.execute_seconds, work.root_seconds, commit_seconds)
        stages = tuple(zip(STAGES, took, strict=True))
        for stage, seconds in stages:
            self._stages[stage].observe(seconds)
        self._applied += 1
        self._transactions += work.transactions
        self._gas += work.gas_used
        if self._traces.on:
            told: tracing.Attributes = {
                "block.number": work.number,
                "block.hash": "0x" + work.hash.hex(),
                "block.transactions": work.transactions,
                "block.gas_used": work.gas_used,
            }
            self._traces.record("block", sum(took), told, stages)

    def metrics(self) -> Iterator[Metric]:
        rows = [histogram.row({"stage": stage}) for stage, histogram in self._stages.items()]
        yield metrics.histogram("block_stage_seconds", "Time that a block took, by stage", BOUNDS_SECONDS, rows)
        yield metrics.counter("blocks_applied", "Blocks that became canonical", self._applied)
        yield metrics.counter("blocks_reverted", "Blocks that a reorg took back", self._reverted)
        yield metrics.counter(
            "transactions_applied", "Transactions of the blocks that became canonical", self._transactions
        )
        yield metrics.counter("gas_applied", "Gas used by the blocks that became canonical", self._gas)
