"""``ethrex verify``: a range of blocks through the second engine, beside a running node too."""

from __future__ import annotations

import re
import sys
from typing import Any, Final

import click

from ethrex_node import _native
from ethrex_node import verify as second
from ethrex_node.cli import asked

RANGE: Final = re.compile(r"(?P<first>\d+)(?:\.\.(?P<last>\d+))?")


def verify(given: dict[str, Any], blocks: str) -> int:
    """Stops at the first block that differs, and says what differs first. Raises VerifyError for what cannot be verified."""
    source = second.Source(_native.Reader(asked.database(given)))
    first, last = _range(blocks, source.head())
    config = source.config()
    for number in range(first, last + 1):
        found = second.verify(source, number, config)
        if found:
            for difference in found:
                print(difference, file=sys.stderr)
            print(f"{number - first} blocks agree, block {number} differs")
            return 1
        if sys.stderr.isatty():
            print(f"\rblock {number} of {last}   ", end="\n" if number == last else "", file=sys.stderr, flush=True)
    print(
        f"{last - first + 1} blocks agree: gas, receipts and state root of {first} to {last}, by py-evm from the witness"
    )
    return 0


def _range(text: str, head: int) -> tuple[int, int]:
    match = RANGE.fullmatch(text)
    if match is None:
        raise click.UsageError(f"{text!r} names no blocks: give a number or FIRST..LAST")
    first = int(match["first"])
    last = int(match["last"]) if match["last"] else first
    if not 1 <= first <= last <= head:
        raise click.UsageError(f"no blocks {first} to {last}: the chain has 1 to {head} above its genesis")
    return first, last
