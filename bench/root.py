"""
The state root after a block, on one thread: 2,000 accounts that changed among 1,000,000, each block other ones.

The node's own stage timing: everything from the changes to the root's hash, nodes read from the database included. It runs
in a process of its own, since the number of threads is fixed when the first work begins.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ethrex_node import _native

from . import many_accounts
from .measure import Measurement


def run() -> Iterator[Measurement]:
    environment = {**os.environ, "RAYON_NUM_THREADS": "1"}
    words = [sys.executable, "-m", "bench.root"]
    many_accounts.loaded()
    done = subprocess.run(words, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    name = f"root {many_accounts.DIRTY:,} of {many_accounts.ACCOUNTS:,} accounts, one thread"
    yield Measurement(name, float(done.stdout), None, 30, "ms", lower=True)


def main() -> None:
    """Print the median of the blocks, in milliseconds."""
    chain = many_accounts.loaded()
    with tempfile.TemporaryDirectory() as scratch:
        folder = chain.copy(Path(scratch) / "ours")
        native = _native.Chain(folder / "chain", chain.genesis.read_bytes(), durable=False)
        taken = []
        for block in chain.touching:
            change = native.set_head(native.execute(block), bytes(32), bytes(32))
            taken += [work.root_seconds for work in change.applied]
    print(statistics.median(taken) * 1_000)


if __name__ == "__main__":
    main()
