"""
The interpreter alone: one `eth_call` that spends 40 M gas in a loop, ours beside anvil.

A turn multiplies, adds, stores to memory and hashes 32 bytes; both must give the same value back.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from typing import Final

from . import servers
from .measure import Measurement, interleave

ROUNDS: Final = 7
BAR: Final = 0.85
CONTRACT: Final = "0x00000000000000000000000000000000000c0de5"
TURNS: Final = 400_000
GAS: Final = 45_000_000
# sum, n = 0, TURNS; do { sum = keccak256(sum + n * n); n -= 1 } while (n != 0); return sum
CODE: Final = f"0x5f62{TURNS:06x}5b80800282015f5260205f2091506001900380600557505f5260205ff3"


def run() -> Iterator[Measurement]:
    with ExitStack() as stack:
        ours = stack.enter_context(servers.dev())
        anvil = stack.enter_context(servers.anvil("--gas-limit", str(2 * GAS), core=None))
        answers = {_prepare(server) for server in (ours, anvil)}
        if len(answers) != 1:
            raise RuntimeError(f"the two do not agree on the sum: {answers}")
        mine, theirs = interleave(ROUNDS, partial(_rate, ours), partial(_rate, anvil))
    yield Measurement("execution of an eth_call loop", mine, theirs, BAR, "turns/s")


def _prepare(server: servers.Server) -> str:
    """What the call gives, once the contract is there."""
    server.call("anvil_setCode", CONTRACT, CODE)
    return _ask(server)


def _rate(server: servers.Server) -> float:
    began = time.perf_counter()
    _ask(server)
    return TURNS / (time.perf_counter() - began)


def _ask(server: servers.Server) -> str:
    answer: str = server.call("eth_call", {"to": CONTRACT, "gas": hex(GAS)}, "latest")
    return answer
