"""
Resident memory: a dev chain that idles, and a node with a large chain under load.

Summed proportional set size of all its processes, without the pages of the database that are mapped: those are the kernel's
cache and go when another needs the memory.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from . import load, many_accounts, servers
from .measure import Measurement, progress

IDLE_SECONDS: Final = 5.0
LOAD_SECONDS: Final = 5.0
KEYS: Final = 20_000
DATABASE: Final = "/data.mdb"
KIB_IN_MB: Final = 1024 / 1e6


def run() -> Iterator[Measurement]:
    with servers.dev() as server:
        time.sleep(IDLE_SECONDS)
        yield Measurement("memory of an idle dev chain", resident(server.pid), None, 150, "MB", lower=True)
    chain = many_accounts.loaded()
    with tempfile.TemporaryDirectory() as scratch:
        folder = chain.copy(Path(scratch) / "ours")
        with servers.ours(folder, chain.genesis, core=None) as server:
            for block in chain.touching:
                server.take(block)
            _ask(server, Path(scratch))
            held = resident(server.pid)
    name = f"memory with {many_accounts.ACCOUNTS:,} accounts, after blocks and reads"
    yield Measurement(name, held, None, 360, "MB", lower=True)


def _ask(server: servers.Server, scratch: Path) -> None:
    addresses = ("0x" + many_accounts.account(index).hex() for index in range(KEYS))
    requests = load.write(scratch, "requests", [load.call("eth_getBalance", one, "latest") for one in addresses])
    seen = load.run(server.url, requests, LOAD_SECONDS)
    progress(f"{seen.answered:,} balances read")


def resident(pid: int) -> float:
    """MB of a process and its children."""
    return sum(_own_kib(one) for one in _family(pid)) * KIB_IN_MB


def _family(pid: int) -> list[int]:
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += _family(int(child))
    return found


def _own_kib(pid: int) -> int:
    total, counts = 0, True
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            counts = not line.endswith(DATABASE)
        elif counts and line.startswith("Pss:"):
            total += int(line.split()[1])
    return total
