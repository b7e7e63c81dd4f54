"""
Looking after a database: ``ethrex db copy``, ``stats``, ``prune``, ``check``.

All but prune open it read-only and so work beside a running node; prune writes, and the folder's one writer holds its
lock.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click

from ethrex_node import _native
from ethrex_node.cli import asked
from ethrex_node.cli.asked import CHAIN

BLOCKS_AT_ONCE: Final = 256  # a commit; between two of them others see what is done
UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")


def copy(given: dict[str, Any], target: str, *, compact: bool) -> None:
    """A data folder `target` that holds the chain as it is now. Nothing is left of a copy that fails."""
    source = _native.Database(asked.database(given))
    where = Path(target)
    if where.exists() and (not where.is_dir() or any(where.iterdir())):
        raise click.ClickException(f"{where} exists and is not empty: a copy goes into a folder of its own")
    with _undone(where):
        size = source.copy(where / CHAIN, compact)
    stats = _native.Database(where / CHAIN).stats()
    print(f"copied to {where}: {_size(size)}, head {stats.head}")


@contextlib.contextmanager
def _undone(where: Path) -> Any:
    """Take back the folders that a failed copy made."""
    missing = [one for one in (where, *where.parents) if not one.exists()]
    try:
        yield
    except BaseException:
        for one in (where / CHAIN, *missing):
            with contextlib.suppress(OSError):
                one.rmdir()
        raise


def stats(given: dict[str, Any], *, as_json: bool) -> None:
    place = asked.database(given)
    figures = _figures(_native.Database(place).stats())
    if as_json:
        print(json.dumps({"path": str(place), **figures}))
        return
    print(place)
    for line in _told(figures):
        print(f"  {line}")


def _figures(found: _native.DatabaseStats) -> dict[str, Any]:
    """Sizes in bytes. What is live is what a compact copy would hold."""
    page = found.page_bytes
    return {
        "head": found.head,
        "earliest_state": found.earliest_state,
        "earliest_receipts": found.earliest_receipts,
        "earliest_body": found.earliest_body,
        "file_bytes": found.file_bytes,
        "live_bytes": (found.used_pages - found.free_pages) * page,
        "free_bytes": found.free_pages * page,
        "map_bytes": found.map_bytes,
        "last_commit": found.last_commit,
        "oldest_reader_commits": found.oldest_reader_commits,
        "readers": [{"process": process, "commit": commit} for process, commit in found.readers],
        "tables": {
            name: {"entries": entries, "bytes": pages * page, "depth": depth}
            for name, entries, depth, pages in found.tables
        },
    }


def _told(figures: dict[str, Any]) -> list[str]:
    tables: dict[str, dict[str, int]] = figures["tables"]
    width = max(map(len, tables))
    return [
        (
            f"head {figures['head']}; kept from block: state {figures['earliest_state']}, "
            f"receipts {figures['earliest_receipts']}, bodies {figures['earliest_body']}"
        ),
        (
            f"file {_size(figures['file_bytes'])}, live {_size(figures['live_bytes'])}, "
            f"free for use again {_size(figures['free_bytes'])}, map {_size(figures['map_bytes'])}"
        ),
        (
            f"commits {figures['last_commit']}, open snapshots {len(figures['readers'])}, "
            f"the oldest {figures['oldest_reader_commits']} commits behind"
        ),
        *(
            f"{name:<{width}} {row['entries']:>14,} entries {_size(row['bytes']):>12}"
            for name, row in sorted(tables.items(), key=lambda item: -item[1]["bytes"])
        ),
    ]


def prune(given: dict[str, Any], *, history: int | None, receipts: int | None, bodies: int | None) -> None:
    """Each figure is how many of the newest blocks keep that kind; None leaves it alone."""
    if history is None and receipts is None and bodies is None:
        raise click.UsageError("say what to prune: --keep-history, --keep-receipts, --keep-bodies (numbers of blocks)")
    database = _native.Database(asked.database(given), write=True)
    before = database.stats()
    if before.head is None:
        raise click.ClickException("no chain in this database")
    kinds = ((history, before.earliest_state), (receipts, before.earliest_receipts), (bodies, before.earliest_body))
    below = [None if keep is None else max(before.head + 1 - keep, 0) for keep, _ in kinds]
    while not database.prune(
        history_below=below[0], receipts_below=below[1], bodies_below=below[2], blocks_at_once=BLOCKS_AT_ONCE
    ):
        _show(database.stats(), below)
    after = database.stats()
    freed = (after.free_pages - before.free_pages) * after.page_bytes
    print(
        f"kept from block: state {after.earliest_state}, receipts {after.earliest_receipts}, "
        f"bodies {after.earliest_body}; freed {_size(max(freed, 0))} inside the file for use again "
        "(`ethrex db copy --compact` makes a smaller file)"
    )


def _show(now: _native.DatabaseStats, below: Sequence[int | None]) -> None:
    if sys.stderr.isatty():
        reached = (now.earliest_state, now.earliest_receipts, now.earliest_body)
        goal = max(one for one in below if one is not None)
        least = min(at for at, one in zip(reached, below, strict=True) if one is not None)
        print(f"\rprune: block {least} of {goal}   ", end="", file=sys.stderr, flush=True)


def check(given: dict[str, Any]) -> None:
    place = asked.database(given)
    _native.Database(place).check()
    print(f"{place}: every page in use is whole")


def _size(count: int) -> str:
    value, unit = float(count), UNITS[0]
    for unit in UNITS:
        if value < 1024 or unit == UNITS[-1]:
            break
        value /= 1024
    return f"{count} B" if unit == "B" else f"{value:.1f} {unit}"
