"""What is asked over JSON-RPC: each shape with its random keys and the bars of its peers."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from ethrex_node import _native

from . import chains
from .load import call

KEYS: Final = 10_000
SLOW_KEYS: Final = 200
FREQUENT: Final = "0x" + chains.FREQUENT.rjust(32, b"\0").hex()
RARE: Final = "0x" + chains.RARE.rjust(32, b"\0").hex()
TRACED_BLOCKS: Final = 30
CALL_TRACER: Final = {"tracer": "callTracer"}


@dataclass(frozen=True, slots=True)
class Shape:
    """`bars`: the least ratio ours : peer, by peer. `steady`: the answer does not change while blocks come."""

    name: str
    bodies: Callable[[Path], list[str]]
    bars: Mapping[str, float]
    seconds: float = 1.5
    connections: int = 16
    every: int = 100
    steady: bool = True


def _balance(_: Path) -> list[str]:
    return [call("eth_getBalance", _address(), "latest") for _ in range(KEYS)]


def _block_number(_: Path) -> list[str]:
    return [call("eth_blockNumber")]


def _balance_of(_: Path) -> list[str]:
    data = "0x70a08231" + "00" * 12
    to = "0x" + chains.TOKEN.hex()
    return [call("eth_call", {"to": to, "data": data + _address()[2:]}, "latest") for _ in range(KEYS)]


def _block(full: bool) -> Callable[[Path], list[str]]:
    return lambda _: [call("eth_getBlockByNumber", hex(chains.FULL), full)]


def _by_hash(method: str) -> Callable[[Path], list[str]]:
    return lambda chain: [call(method, one) for one in random.sample(transactions(chain), KEYS)]


def _trace(chain: Path) -> list[str]:
    recent = transactions(chain)[-TRACED_BLOCKS * chains.HEAVY_TRANSACTIONS :]
    return [call("debug_traceTransaction", one, CALL_TRACER) for one in random.sample(recent, SLOW_KEYS)]


def _trace_block(_: Path) -> list[str]:
    numbers = range(chains.LAST_HEAVY + 1 - TRACED_BLOCKS, chains.LAST_HEAVY + 1)
    return [call("debug_traceBlockByNumber", hex(number), CALL_TRACER) for number in numbers]


def _logs(spans: Callable[[], int], blocks: int, *topics: Any) -> Callable[[Path], list[str]]:
    """Ranges of `blocks` that begin at what `spans` gives."""

    def bodies(_: Path) -> list[str]:
        made = []
        for _number in range(SLOW_KEYS):
            first = spans()
            criteria = {"fromBlock": hex(first), "toBlock": hex(first + blocks - 1), "topics": list(topics)}
            made.append(call("eth_getLogs", criteria | {"address": "0x" + chains.TOKEN.hex()}))
        return made

    return bodies


def _address() -> str:
    return "0x" + chains.bystander(random.randrange(chains.BYSTANDERS)).hex()


@cache
def transactions(chain: Path) -> list[str]:
    """Hashes of the transactions in the heavy blocks."""
    heavy = list(chains.blocks(chain.read_bytes()))[chains.FIRST_HEAVY - 1 : chains.LAST_HEAVY]
    return ["0x" + _native.keccak256(raw).hex() for block in heavy for raw in _native.rlp_decode(block)[1]]


def _heavy() -> int:
    return random.randint(chains.FIRST_HEAVY, chains.LAST_HEAVY)


def _within(blocks: int) -> Callable[[], int]:
    return lambda: random.randint(1, chains.LIGHT_BLOCKS - blocks + 1)


SHAPES: Final = (
    # first, since geth keeps the state of the last 128 blocks alone and a block comes each second
    Shape("debug_traceTransaction callTracer", _trace, {"geth": 1.0}, seconds=2.5, connections=4, every=10),
    Shape("debug_traceBlockByNumber callTracer", _trace_block, {"geth": 1.0}, seconds=4.0, connections=2, every=5),
    Shape("eth_getBalance", _balance, {"anvil": 1.2, "geth": 3.0}),
    Shape("eth_blockNumber", _block_number, {"anvil": 1.2, "geth": 3.0}, steady=False),
    Shape("eth_call balanceOf", _balance_of, {"anvil": 1.0, "geth": 1.9}),
    Shape("eth_getBlockByNumber hashes", _block(False), {"geth": 1.0}),
    Shape("eth_getBlockByNumber full", _block(True), {"geth": 1.0}, connections=4, every=20),
    Shape("eth_getTransactionReceipt", _by_hash("eth_getTransactionReceipt"), {"geth": 2.0}),
    Shape("eth_getTransactionByHash", _by_hash("eth_getTransactionByHash"), {"geth": 2.0}),
    Shape("eth_getLogs block of 425", _logs(_heavy, 1, chains.TRANSFER_TOPIC), {"geth": 3.0}, connections=4, every=20),
    Shape(
        "eth_getLogs 60 blocks one topic", _logs(lambda: chains.FIRST_HEAVY, 60, None, None, FREQUENT), {"geth": 1.0},
    ),
    Shape("eth_getLogs 1000 sparse", _logs(_within(1000), 1000, None, None, RARE), {"geth": 1.0}),
    Shape(
        "eth_getLogs 1000 dense", _logs(_within(1000), 1000, chains.TRANSFER_TOPIC), {"geth": 1.0},
        seconds=2.0, connections=4, every=10,
    ),
    Shape("eth_getLogs 10000 sparse", _logs(_within(10_000), 10_000, None, None, RARE), {"geth": 1.0}),
    Shape(
        "eth_getLogs 10000 dense", _logs(_within(10_000), 10_000, chains.TRANSFER_TOPIC), {"geth": 1.0},
        seconds=5.0, connections=2, every=5,
    ),
)  # fmt: skip
