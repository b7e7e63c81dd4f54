"""Chains in and out of files, and the folder that holds one: init, import, export, removedb."""

from __future__ import annotations

import contextlib
import fcntl
import gzip
import shutil
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final, NoReturn, Protocol, cast

import click

from ethrex_node import _native, node
from ethrex_node.cli import asked

CHUNK_BYTES: Final = 4 * 1024 * 1024  # the most for a commit, a few dozen full blocks
FIRST_CHUNK_BYTES: Final = 256 * 1024
LEAST_CHUNK_BYTES: Final = 16 * 1024
# Each block of a commit is looked up through those before it: 10,000 light blocks took four times as long in chunks of 4 MiB.
RUN_BLOCKS: Final = 64
# What may lie between two chunks: the start of one block. The largest block has 10 MiB (EIP-7934); older ones less.
LEFT_BYTES: Final = 32 * 1024 * 1024
STEP_BYTES: Final = 16 * 1024  # of a gzipped file at once: what a damaged place may cost of the good before it
QUIET_SECONDS: Final = 10.0  # between lines of progress where there is no terminal
BAR: Final = 24
PARTS: Final = (asked.CHAIN, "blobs", "pool.journal")  # what belongs to a chain in its data folder


def init(given: dict[str, Any]) -> None:
    opened = node.open_chain(asked.told(given).settings)
    head = opened.native.head()
    print(f"block {head.number} 0x{head.hash.hex()} in {opened.folder}")


def import_file(given: dict[str, Any], file: str) -> None:
    opened = node.open_chain(asked.told(given).settings)
    import_into(opened.native, Path(file))


@dataclass(slots=True)
class Progress:
    """What an import has done, and how it says so: a bar on a terminal, a line now and then elsewhere."""

    size: int
    blocks: int = 0
    transactions: int = 0
    gas: int = 0
    known: int = 0
    start: float = field(default_factory=time.monotonic)
    said: float = field(default_factory=time.monotonic)

    def count(self, report: _native.ImportReport) -> None:
        self.blocks += report.blocks
        self.transactions += report.transactions
        self.gas += report.gas
        self.known += report.known

    @property
    def rates(self) -> str:
        seconds = max(time.monotonic() - self.start, 1e-9)
        return (
            f"{self.blocks / seconds:,.1f} blocks/s, {self.gas / seconds / 1e6:,.0f} Mgas/s, "
            f"{self.transactions / seconds:,.0f} tx/s"
        )

    def show(self, read: int) -> None:
        """`read` bytes of the file are through."""
        now = time.monotonic()
        share = min(read / self.size, 1.0) if self.size else 1.0
        left = (now - self.start) * (1 - share) / share if share else 0.0
        line = f"{self.blocks} blocks, {share:.0%}, {self.rates}, {left:,.0f} s left"
        if sys.stderr.isatty():
            done = round(share * BAR)
            print(f"\r[{'#' * done}{' ' * (BAR - done)}] {line}   ", end="", file=sys.stderr, flush=True)
        elif now - self.said >= QUIET_SECONDS:
            self.said = now
            print(f"import: {line}", file=sys.stderr, flush=True)

    def end(self) -> None:
        if sys.stderr.isatty():
            print(file=sys.stderr)


def import_into(native: _native.Chain, file: Path, halted: Callable[[], bool] = lambda: False) -> None:
    """Raises click.ClickException at the first bad block; what came before it is kept, as it is where `halted` says stop."""
    progress = Progress(file.stat().st_size)
    left, size = b"", FIRST_CHUNK_BYTES
    with file.open("rb") as raw:
        source = _reading(file, raw)
        while chunk := _read(source, size, native, progress):
            data = left + chunk
            report = native.import_blocks(data)
            left = data[report.consumed :]
            progress.count(report)
            size = _next_chunk(size, report)
            if report.stopped is not None:
                _stop(native, progress, "{}: {}".format(*report.stopped))
            if len(left) > LEFT_BYTES:
                _stop(native, progress, f"no block ends within {len(left)} bytes: not a chain file from there on")
            progress.show(raw.tell())
            if halted():
                left = b""
                break
    native.sync()
    progress.end()
    if left:
        _stop(native, progress, f"{file} ends in the middle of a block ({len(left)} bytes of it)")
    head = native.head()
    seconds = time.monotonic() - progress.start
    print(
        f"imported {progress.blocks} blocks ({progress.known} known), {progress.transactions} transactions in "
        f"{seconds:.2f} s: {progress.rates}; head {head.number} 0x{head.hash.hex()}"
    )


def _next_chunk(size: int, report: _native.ImportReport) -> int:
    """Bytes that hold about `RUN_BLOCKS` blocks like those of the last chunk of `size`."""
    blocks = report.blocks + report.known
    wanted = report.consumed * RUN_BLOCKS // blocks if blocks else 2 * size
    return max(LEAST_CHUNK_BYTES, min(wanted, CHUNK_BYTES))


def _read(source: Source, size: int, native: _native.Chain, progress: Progress) -> bytes:
    try:
        return source.read(size)
    except Damaged as error:
        _stop(native, progress, f"the file is damaged: {error}")


def _stop(native: _native.Chain, progress: Progress, why: str) -> NoReturn:
    """Keep what is good and say where it ends."""
    native.sync()
    progress.end()
    next_block = native.head().number + 1
    raise click.ClickException(f"import stopped at block {next_block}, {progress.blocks} blocks imported: {why}")


def export(given: dict[str, Any], file: str, first: int, last: int | None) -> None:
    native = node.open_chain(asked.told(given).settings).native
    if native.is_marked():
        raise click.ClickException("this chain was written to past its blocks: no other node could import it")
    head = native.head().number
    end = head if last is None else last
    if not first <= end <= head:
        raise click.ClickException(f"no blocks {first} to {end}: the chain has 0 to {head}")
    with _writing(Path(file)) as target:
        for number in range(first, end + 1):
            block_hash = native.canonical_hash(number)
            block = None if block_hash is None else native.block(block_hash)
            if block is None:
                raise click.ClickException(f"block {number} is not held")
            target.write(block)
    print(f"exported blocks {first} to {end} to {file}")


def remove(given: dict[str, Any], yes: bool) -> None:
    folder = asked.folder(asked.told(given).settings)
    chain = folder / asked.CHAIN
    if not chain.exists():
        raise click.ClickException(f"no database in {folder}")
    with _unused(chain):
        if not yes:
            click.confirm(f"Delete the chain in {folder}?", abort=True)
        for part in PARTS:
            path = folder / part
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
    print(f"deleted the chain in {folder}")


@contextlib.contextmanager
def _unused(chain: Path) -> Iterator[None]:
    """Hold the writer's lock of a database, which may be too broken to be opened."""
    with (chain / "LOCK").open("a+b") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise click.ClickException(f"{chain} is in use by a running node") from None
        yield


class Source(Protocol):
    def read(self, size: int, /) -> bytes: ...


class Damaged(Exception):
    """What follows of a gzipped file cannot be unpacked."""


class Unpacked:
    """A gzipped file that gives all that comes before a damaged place, and raises `Damaged` only then."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._stream = gzip.GzipFile(fileobj=raw)
        self._damage = ""

    def read(self, size: int, /) -> bytes:
        data = bytearray()
        while len(data) < size and not self._damage:
            try:
                part = self._stream.read1(min(size - len(data), STEP_BYTES))
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                self._damage = str(error)
                break
            if not part:
                break
            data += part
        if self._damage and not data:
            raise Damaged(self._damage)
        return bytes(data)


def _reading(file: Path, raw: IO[bytes]) -> Source:
    return Unpacked(raw) if file.suffix == ".gz" else raw


@contextlib.contextmanager
def _writing(file: Path) -> Iterator[IO[bytes]]:
    """The whole file in its place at the end, or nothing."""
    fresh = file.with_name(file.name + ".part")
    try:
        with fresh.open("wb") as raw:
            if file.suffix == ".gz":
                with gzip.GzipFile(fileobj=raw, mode="wb") as packed:
                    yield cast("IO[bytes]", packed)
            else:
                yield raw
        fresh.replace(file)
    finally:
        fresh.unlink(missing_ok=True)
