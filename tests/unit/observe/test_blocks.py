"""A block's stages: histograms that add up, one trace of five spans a block."""

from __future__ import annotations

from dataclasses import dataclass

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from ethrex_node.observe import blocks, tracing


@dataclass
class Work:
    number: int
    hash: bytes = b"\1" * 32
    transactions: int = 1500
    gas_used: int = 30_000_000
    recover_seconds: float = 0.01
    execute_seconds: float = 0.2
    root_seconds: float = 0.03


def told(counted: blocks.Blocks) -> dict[tuple[str, str], float]:
    return {
        (sample.name.removeprefix("ethrex_"), sample.labels.get("stage", "")): sample.value
        for family in counted.metrics()
        for sample in family.samples
        if "le" not in sample.labels
    }


def test_each_block_counts_once_and_shares_the_commit() -> None:
    counted = blocks.Blocks(tracing.Tracing())

    counted.note(3, [Work(1), Work(2)], 0.5)
    counted.note(1, [], 0.1)

    found = told(counted)
    assert found["block_stage_seconds_sum", "execute"] == 0.4
    assert found["block_stage_seconds_sum", "commit"] == 0.5
    assert found["block_stage_seconds_count", "commit"] == 2
    assert found["blocks_applied_total", ""] == 2
    assert found["blocks_reverted_total", ""] == 4
    assert found["gas_applied_total", ""] == 60_000_000


def test_a_block_of_many_transactions_is_five_spans_one_behind_the_other() -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))

    blocks.Blocks(tracing.Tracing(provider)).note(0, [Work(7)], 0.06)

    spans = {span.name: span for span in exporter.get_finished_spans()}
    whole = spans.pop("block")
    assert list(spans) == ["block.recover", "block.execute", "block.root", "block.commit"]
    assert whole.attributes is not None
    assert whole.attributes["block.number"] == 7
    assert all(span.parent is not None and span.parent.span_id == whole.context.span_id for span in spans.values())
    ends = [whole.start_time, *(span.end_time for span in spans.values())]
    assert [span.start_time for span in spans.values()] == ends[:-1]
