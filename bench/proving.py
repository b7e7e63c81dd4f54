"""
The prover's input of a batch of 1,000 ERC-20 transfers: how fast it is made, how large it is, how fast it is proven, and how
fast the state comes back from what was published.

Made: the whole batch out of the database, its blobs' commitments and openings too. Large: the witness (all of the input but
the blocks and what they publish) beside the trie nodes and codes that it holds. Proven: what an attested prover does before
it signs, on this machine's cores.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from ethrex_node import _native

from . import payload
from .measure import Measurement

TRANSFERS: Final = 1_000
ROUNDS: Final = 11
WITNESS: Final = 13  # its place in the input: see docs/protocol.md


def run() -> Iterator[Measurement]:
    with tempfile.TemporaryDirectory() as folder:
        sealed = payload.Sealed.make(Path(folder), "ERC-20", TRANSFERS)
        reader, last = sealed.chain.reader(), sealed.chain.head().number
        made = reader.batch(1, last, sealed.previous, 1)  # the first one reads the trusted set-up
        build = timed(lambda: reader.batch(1, last, sealed.previous, 1))
        prove = timed(lambda: _native.execute_batch(made.input))
        blobs = [(versioned_hash, blob) for blob, _, versioned_hash, *_ in made.blobs]
        rebuild = statistics.median(_rebuilt(sealed, made.encoded, blobs) for _ in range(ROUNDS))
    witness, held = sizes(made.input)
    name = f"proving {TRANSFERS:,} ERC-20 transfers"
    yield Measurement(f"{name}: batch made", build * 1_000, None, 150, "ms", lower=True)
    yield Measurement(f"{name}: witness : nodes", witness, held, 1.2, "bytes", lower=True)
    yield Measurement(f"{name}: attested", TRANSFERS / prove, None, 6_000, "tx/s")
    yield Measurement(f"reconstruct batches of {TRANSFERS:,} ERC-20 transfers", 1 / rebuild, None, 50, "batches/s")


def _rebuilt(sealed: payload.Sealed, encoded: bytes, blobs: list[tuple[bytes, bytes]]) -> float:
    """Seconds from the blobs to the checked state root."""
    state = _native.RebuiltState(sealed.genesis, sealed.previous)
    began = time.perf_counter()
    state.take(encoded, blobs)
    return time.perf_counter() - began


def sizes(encoded: bytes) -> tuple[int, int]:
    """Bytes of the witness in an input, and of the nodes and codes alone."""
    witness = _native.rlp_decode(encoded)[WITNESS]
    _version, nodes, codes, *_ = _native.rlp_decode(witness)
    return len(witness), sum(map(len, nodes)) + sum(map(len, codes))


def timed(work: Callable[[], object]) -> float:
    """Median seconds."""
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)
