"""
What Python adds to an import, a transaction: processor time of the importing thread outside of the native core.

The import runs in this process, by the command's own function; what the native calls take on this thread is taken off.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
import time
from collections.abc import Iterator
from typing import Any, Final

from ethrex_node import _native
from ethrex_node.cli import transfer

from . import chains, peers
from .measure import Measurement

KIND: Final = ("erc20", 100, 1500)


class Clocked:
    """A chain that notes how long each of its calls takes on the thread that makes it, in `seconds`."""

    def __init__(self, native: _native.Chain) -> None:
        self._native = native
        self.seconds = 0.0

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._native, name)

        def clocked(*words: Any) -> Any:
            began = time.thread_time()
            try:
                return call(*words)
            finally:
                self.seconds += time.thread_time() - began

        return clocked


def run() -> Iterator[Measurement]:
    folder = peers.chain(*KIND)
    file = folder / "chain.rlp"
    transactions = sum(len(_native.rlp_decode(block)[1]) for block in chains.blocks(file.read_bytes()))
    with tempfile.TemporaryDirectory() as scratch:
        chain: Any = Clocked(_native.Chain(scratch, (folder / "genesis.json").read_bytes()))
        began = time.thread_time()
        with contextlib.redirect_stdout(io.StringIO()):
            transfer.import_into(chain, file)
        outside = time.thread_time() - began - chain.seconds
    name = "Python time on import, a transaction"
    yield Measurement(name, outside / transactions * 1e6, None, 5, "us", lower=True)
