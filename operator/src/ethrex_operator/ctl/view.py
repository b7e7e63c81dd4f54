"""What a rollup is doing, as a few lines for people: redrawn on a terminal, one line now and then elsewhere."""

from __future__ import annotations

import sys
from typing import Any, Final

from ..chain import figures

CLEAR: Final = "\x1b[K"
UP: Final = "\x1b[{}A"
ETHER: Final = 10**18


def lines(name: str, seen: figures.Rollup) -> list[str]:
    stages = seen.batches
    batches = (
        f"batches {stages.made} made, {stages.committed} committed, {stages.proven} proven, {stages.verified} verified"
    )
    provers = f"provers {seen.provers_busy} busy, {seen.provers_idle} idle"
    waits = "   waits for L1 or provers" if seen.waiting else ""
    return [
        f"{name}   block {seen.block:,}   pool {seen.pool:,}   queue of L1 {seen.queue_taken:,} of {seen.queue_items:,}{waits}",
        f"  {batches}   open: {seen.open_blocks} blocks, {seen.open_bytes:,} bytes",
        f"  blobs {seen.blobs}   spent on L1 {seen.spent_wei / ETHER:.6f} ether   {provers}",
    ]


def rollup(given: dict[str, Any]) -> figures.Rollup:
    """Back from what was written as JSON, but for the accounts."""
    rest = {key: value for key, value in given.items() if key not in ("batches", "accounts")}
    return figures.Rollup(batches=figures.Batches(**given["batches"]), **rest)


class Screen:
    """Draws over what it drew before."""

    def __init__(self) -> None:
        self.is_terminal = sys.stdout.isatty()
        self._drawn = 0

    def draw(self, text: list[str]) -> None:
        if not self.is_terminal:
            print("   ".join(line.strip() for line in text), flush=True)
            return
        if self._drawn:
            print(UP.format(self._drawn), end="")
        spare = [""] * max(0, self._drawn - len(text))
        print("".join(f"{line}{CLEAR}\n" for line in [*text, *spare]), end="", flush=True)
        self._drawn = len(text) + len(spare)

    def say(self, text: str) -> None:
        """A line that stays, above what is redrawn next."""
        print(f"{text}{CLEAR}" if self.is_terminal and self._drawn else text, flush=True)
        self._drawn = 0
