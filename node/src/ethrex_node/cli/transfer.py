"""Chains in and out of files, and the folder that holds one: init, import, export, removedb."""

from __future__ import annotations

import gzip
import shutil
import sys
import time
from pathlib import Path
from typing import IO, Any, Final, cast

import click

from ethrex_node import _native, node
from ethrex_node.cli import run
from ethrex_node.config import networks, settings

CHUNK_BYTES: Final = 4 * 1024 * 1024  # about eight full blocks a commit
ZERO: Final = bytes(32)


def init(given: dict[str, Any]) -> None:
    opened = node.open_chain(run.told(given).settings)
    head = opened.native.head()
    print(f"block {head.number} 0x{head.hash.hex()} in {opened.folder}")


def import_file(given: dict[str, Any], file: str) -> None:
    opened = node.open_chain(run.told(given).settings)
    import_into(opened.native, Path(file))


def import_into(native: _native.Chain, file: Path) -> None:
    """Raises click.ClickException at the first bad block; what came before it is kept."""
    size = file.stat().st_size
    blocks = transactions = gas = known = 0
    start = time.monotonic()
    with _open(file, "rb") as source:
        left = b""
        while chunk := source.read(CHUNK_BYTES):
            data = left + chunk
            report = native.import_blocks(data)
            left = data[report.consumed :]
            blocks, transactions = blocks + report.blocks, transactions + report.transactions
            gas, known = gas + report.gas, known + report.known
            if report.stopped is not None:
                native.sync()
                kind, message = report.stopped
                raise click.ClickException(f"import stopped after {blocks} blocks: {kind}: {message}")
            _progress(blocks, transactions, gas, time.monotonic() - start, size)
    native.sync()
    seconds = time.monotonic() - start
    if left:
        raise click.ClickException(
            f"{file} ends in the middle of a block ({len(left)} bytes); {blocks} blocks imported"
        )
    head = native.head()
    print(
        f"imported {blocks} blocks ({known} known), {transactions} transactions in {seconds:.2f} s: "
        f"{transactions / max(seconds, 1e-9):,.0f} tx/s, {gas / max(seconds, 1e-9) / 1e6:,.0f} Mgas/s; "
        f"head {head.number} 0x{head.hash.hex()}"
    )


def _progress(blocks: int, transactions: int, gas: int, seconds: float, size: int) -> None:
    if sys.stderr.isatty() and seconds > 0:
        rates = (
            f"{blocks / seconds:,.1f} blocks/s  {gas / seconds / 1e6:,.0f} Mgas/s  {transactions / seconds:,.0f} tx/s"
        )
        print(f"\r{blocks} blocks of {size:,} bytes  {rates}   ", end="", file=sys.stderr, flush=True)


def export(given: dict[str, Any], file: str, first: int, last: int | None) -> None:
    native = node.open_chain(run.told(given).settings).native
    if native.is_marked():
        raise click.ClickException("this chain was written to past its blocks: no other node could import it")
    end = native.head().number if last is None else min(last, native.head().number)
    with _open(Path(file), "wb") as target:
        for number in range(first, end + 1):
            block_hash = native.canonical_hash(number)
            block = None if block_hash is None else native.block(block_hash)
            if block is None:
                raise click.ClickException(f"block {number} is not held")
            target.write(block)
    print(f"exported blocks {first} to {end} to {file}")


def remove(given: dict[str, Any], yes: bool) -> None:
    wanted = run.told(given).settings
    folder = wanted.datadir or networks.default_datadir(networks.load(wanted.network).name)
    target = folder / "chain"
    if folder == settings.MEMORY or not target.exists():
        raise click.ClickException(f"no database in {folder}")
    if not yes:
        click.confirm(f"Delete {target}?", abort=True)
    shutil.rmtree(target)
    print(f"deleted {target}")


def _open(file: Path, mode: str) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(file, mode) if file.suffix == ".gz" else file.open(mode))
