"""
What a rollup's sequencer says of itself in its metrics: how far batches have come, what waits, who can pay.

The names are those of the node's metrics page; a sequencer that does not know one yet counts as zero.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from . import errors, rpc

PREFIX: Final = "ethrex_"


@dataclass(frozen=True, slots=True)
class Batches:
    """The highest number at each stage: each includes those behind it."""

    made: int = 0
    committed: int = 0
    proven: int = 0
    verified: int = 0


@dataclass(frozen=True, slots=True)
class Account:
    balance_wei: int
    low: bool


@dataclass(frozen=True, slots=True)
class Rollup:
    block: int = 0
    pool: int = 0
    queue_taken: int = 0
    queue_items: int = 0
    batches: Batches = Batches()
    open_blocks: int = 0
    open_bytes: int = 0
    blobs: int = 0
    spent_wei: int = 0
    provers_busy: int = 0
    provers_idle: int = 0
    waiting: bool = False
    l1_lag_blocks: int = 0
    accounts: Mapping[str, Account] = field(default_factory=dict)


def plain(value: Any) -> Any:
    """For JSON: ``json.dumps(seen, default=plain)``."""
    return dataclasses.asdict(value)


async def of_sequencer(session: aiohttp.ClientSession, metrics_url: str) -> Rollup:
    """Raises `ChainError`."""
    return read(await rpc.fetch(session, f"{metrics_url}/metrics"))


def read(page: bytes) -> Rollup:
    """From the text of a metrics page. Raises `Refused`."""
    plain: dict[str, float] = {}
    labelled: dict[str, dict[str, float]] = {}
    try:
        for family in text_string_to_metric_families(page.decode()):
            for sample in family.samples:
                name = sample.name.removeprefix(PREFIX)
                plain[name] = plain.get(name, 0.0) + sample.value
                if sample.labels:
                    of = labelled.setdefault(name, {})
                    value = next(iter(sample.labels.values()))
                    of[value] = of.get(value, 0.0) + sample.value
    except ValueError as error:
        raise errors.Refused(f"not a metrics page: {error}") from error

    def get(name: str) -> int:
        return int(plain.get(name, 0))

    def by(name: str, value: str) -> int:
        return int(labelled.get(name, {}).get(value, 0))

    low = labelled.get("outbox_balance_low", {})
    return Rollup(
        block=get("head_block_number"),
        pool=by("pool_transactions", "pending"),
        queue_taken=get("rollup_queue_index"),
        queue_items=get("rollup_queue_items"),
        batches=Batches(*(by("rollup_batch", stage) for stage in ("made", "committed", "proven", "verified"))),
        open_blocks=get("rollup_open_batch_blocks"),
        open_bytes=get("rollup_open_batch_bytes"),
        blobs=get("rollup_blobs_total"),
        spent_wei=get("outbox_spent_wei_total"),
        provers_busy=by("rollup_provers", "busy"),
        provers_idle=by("rollup_provers", "idle"),
        waiting=bool(get("rollup_waiting")),
        l1_lag_blocks=int(max(labelled.get("l1_lag_blocks", {}).values(), default=0)),
        accounts={
            name: Account(int(wei), bool(low.get(name))) for name, wei in labelled.get("outbox_balance_wei", {}).items()
        },
    )
