"""
What a rollup's sequencer says of itself in its metrics: how far batches have come, what waits, who can pay.

The names are those of the node's metrics page; a sequencer that does not know one yet counts as zero.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp

from . import errors, rpc

PREFIX: Final = "ethrex_"
NAMES: Final = (
    *("head_block_number", "pool_transactions", "rollup_queue_index", "rollup_queue_items", "rollup_batch"),
    *("rollup_open_batch_blocks", "rollup_open_batch_bytes", "rollup_blobs_total", "rollup_provers", "rollup_waiting"),
    *("outbox_spent_wei_total", "outbox_balance_wei", "outbox_balance_low", "l1_lag_blocks"),
    *("rollup_queue_due_timestamp_seconds", "database_volume_bytes", "database_free_bytes"),
)
WANTED: Final = frozenset(PREFIX + name for name in NAMES)
VALUE: Final = r'"((?:[^"\\]|\\.)*)"'
SAMPLE: Final = re.compile(rf"([a-zA-Z_:][\w:]*)(?:\{{(?:\w+={VALUE}.*)?\}})?\s+(\S+)(?:\s+-?\d+)?", re.ASCII)


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
    queue_due_at: int = 0  # unix seconds, of the first item that no batch on L1 holds; 0: there is none
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


@dataclass(frozen=True, slots=True)
class Volume:
    """The file system that a node's database is on. `size` is 0 where the page does not say."""

    size: int = 0
    free: int = 0


async def of_volume(session: aiohttp.ClientSession, metrics_url: str) -> Volume:
    """Of any node. Raises `ChainError`."""
    page = await rpc.fetch(session, f"{metrics_url}/metrics")
    told = {name: int(value) for name, _, value in _samples(page) if name.startswith("database_")}
    return Volume(told.get("database_volume_bytes", 0), told.get("database_free_bytes", 0))


def plain(value: Any) -> Any:
    """For JSON: ``json.dumps(seen, default=plain)``."""
    return dataclasses.asdict(value)


async def of_sequencer(session: aiohttp.ClientSession, metrics_url: str) -> Rollup:
    """Raises `ChainError`."""
    return read(await rpc.fetch(session, f"{metrics_url}/metrics"))


def read(page: bytes) -> Rollup:
    """From the text of a metrics page. Raises `Refused`."""
    plain = dict.fromkeys(NAMES, 0.0)
    labelled: dict[str, dict[str, float]] = {name: {} for name in NAMES}
    for name, label, value in _samples(page):
        plain[name] += value
        if label is not None:
            of = labelled[name]
            of[label] = of.get(label, 0.0) + value

    def get(name: str) -> int:
        return int(plain[name])

    def by(name: str, value: str) -> int:
        return int(labelled[name].get(value, 0))

    low = labelled["outbox_balance_low"]
    return Rollup(
        block=get("head_block_number"),
        pool=by("pool_transactions", "pending"),
        queue_taken=get("rollup_queue_index"),
        queue_items=get("rollup_queue_items"),
        queue_due_at=get("rollup_queue_due_timestamp_seconds"),
        batches=Batches(*(by("rollup_batch", stage) for stage in ("made", "committed", "proven", "verified"))),
        open_blocks=get("rollup_open_batch_blocks"),
        open_bytes=get("rollup_open_batch_bytes"),
        blobs=get("rollup_blobs_total"),
        spent_wei=get("outbox_spent_wei_total"),
        provers_busy=by("rollup_provers", "busy"),
        provers_idle=by("rollup_provers", "idle"),
        waiting=bool(get("rollup_waiting")),
        l1_lag_blocks=int(max(labelled["l1_lag_blocks"].values(), default=0)),
        accounts={name: Account(int(wei), bool(low.get(name))) for name, wei in labelled["outbox_balance_wei"].items()},
    )


def _samples(page: bytes) -> Iterator[tuple[str, str | None, float]]:
    """
    Of `NAMES`: name, the value of the first label if there is one, value.

    A page is read for each rollup every few seconds: the client library's parser, which makes objects of all of it, takes
    ten times as long. Of the others, which are nine tenths of a page, the name alone is looked at.
    """
    try:
        for line in page.decode().splitlines():
            if not line or line.startswith("#"):
                continue
            name = line.partition("{")[0].partition(" ")[0]
            if name not in WANTED and name.isidentifier():
                continue
            found = SAMPLE.fullmatch(line)
            if found is None:
                raise errors.Refused(f"not a metrics page: {line[:80]!r}")
            name, label, value = found.groups()
            if name in WANTED:
                yield name.removeprefix(PREFIX), label, float(value)
    except ValueError as error:
        raise errors.Refused(f"not a metrics page: {error}") from error
