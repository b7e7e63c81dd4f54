"""
Size of the database after 10,000 blocks that came one by one while others read, against a compacted copy of itself.

Readers keep the pages of the snapshot they look at, so a node that holds one too long grows without need.
"""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from . import chains, load, servers, shapes
from .measure import Measurement, progress

BLOCKS: Final = 10_000
READ_SECONDS: Final = 2.0
READ: Final = ("eth_getBalance", "eth_call balanceOf")
FILE: Final = Path("chain", "data.mdb")


def run() -> Iterator[Measurement]:
    built = chains.rpc_chain()
    blocks = list(chains.blocks(built.chain.read_bytes()))[:BLOCKS]
    with tempfile.TemporaryDirectory() as scratch:
        folder, copy = Path(scratch) / "ours", Path(scratch) / "copy"
        with servers.ours(folder, built.genesis, core=None) as server, _reading(server, Path(scratch)):
            for number, block in enumerate(blocks, 1):
                server.take(block)
                if number % 2_000 == 0:
                    progress(f"{number:,} of {BLOCKS:,} blocks")
        stats = json.loads(servers.ethrex("db", "stats", "--json", "--datadir", folder))
        servers.ethrex("db", "copy", "--compact", "--datadir", folder, copy)
        if stats["head"] != BLOCKS:
            raise RuntimeError(f"the database ends at block {stats['head']}")
        whole, live = (_size(one / FILE) / 1e6 for one in (folder, copy))
    yield Measurement(f"database after {BLOCKS:,} blocks under load : live", whole, live, 1.5, "MB", lower=True)


@contextmanager
def _reading(server: servers.Server, scratch: Path) -> Iterator[None]:
    """Reads over many connections until the caller is done."""
    chosen = [shape for shape in shapes.SHAPES if shape.name in READ]
    requests = load.write(scratch, "requests", [body for shape in chosen for body in shape.bodies(scratch)])
    stopped = threading.Event()

    def read() -> None:
        while not stopped.is_set():
            load.run(server.url, requests, READ_SECONDS, connections=4)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield
    finally:
        stopped.set()
        reader.join()


def _size(file: Path) -> int:
    return file.stat().st_blocks * 512
