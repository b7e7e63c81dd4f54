"""
Blockchain tests: import ``blocks[].rlp`` one by one on a genesis, then compare head and state.

Blocks go through the node's own writer (``Chain``): executed as candidates, made the head by fork choice, committed. Which
branch is the head is the consensus layer's business in the node; here it is decided as the fixtures' clients did: before the
merge the greater total difficulty, the first of equals; after it the newest valid block.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from conformance import fixture, genesis, networks, state_check
from conformance.case import Case, Mismatch, Skip, Suite, equal
from ethrex_node import _native

NONE: Final = bytes(32)  # no safe or finalized block
MAP_BYTES: Final = 64 << 20  # grows by itself where a test needs more
DIFFICULTY_FIELD: Final = 7  # of a header


def cases(_file: str, data: bytes) -> Iterator[Case]:
    for name, test in fixture.named(data):
        if {"blocks", "pre", "genesisBlockHeader", "network"} <= test.keys():
            yield Case(name, test)


def check(case: Case) -> None:
    test: dict[str, Any] = case.data
    with imported(test) as chain:
        equal("head", chain.head().hash, fixture.unhex(test["lastblockhash"]))
        state_check.compare(state_check.of_reader(chain.reader()), test)


@contextmanager
def imported(test: dict[str, Any]) -> Iterator[_native.Chain]:
    """The chain of a test, with its blocks judged as the test says."""
    if networks.is_unscheduled(test["network"]):
        raise Skip("unscheduled-fork")
    with tempfile.TemporaryDirectory(prefix="conformance-chain-") as folder:
        chain = _native.Chain(folder, orjson.dumps(genesis.build(test)), durable=False, map_size=MAP_BYTES)
        equal("genesis hash", chain.head().hash, fixture.unhex(test["genesisBlockHeader"]["hash"]))
        choice = ForkChoice.at_genesis(test)
        for number, block in enumerate(test["blocks"]):
            _import(chain, choice, number, block)
        yield chain


@dataclass(slots=True)
class ForkChoice:
    head: bytes
    total_difficulty: dict[bytes, int] = field(default_factory=dict)

    @classmethod
    def at_genesis(cls, test: dict[str, Any]) -> ForkChoice:
        header = test["genesisBlockHeader"]
        head = fixture.unhex(header["hash"])
        return cls(head, {head: fixture.number(header["difficulty"])})

    def takes(self, block: bytes, header: list[bytes]) -> bool:
        """Whether the block becomes the head; remembers it in any case."""
        difficulty = int.from_bytes(header[DIFFICULTY_FIELD], "big")
        self.total_difficulty[block] = self.total_difficulty[header[0]] + difficulty
        better = difficulty == 0 or self.total_difficulty[block] > self.total_difficulty[self.head]
        if better:
            self.head = block
        return better


def _import(chain: _native.Chain, choice: ForkChoice, number: int, block: dict[str, Any]) -> None:
    exception = next((value for key, value in block.items() if key.startswith("expectException")), None)
    raw = fixture.unhex(block["rlp"])
    try:
        executed = chain.execute(raw)
    except (_native.BlockInvalid, _native.UnknownParent) as error:
        if exception is None:
            raise Mismatch(f"block {number} refused: {error}") from error
        return
    if exception is not None:
        raise Mismatch(f"block {number} accepted, expected {exception}")
    if choice.takes(executed, _native.rlp_decode(raw)[0]):
        chain.set_head(executed, NONE, NONE)


SUITE: Final = Suite((".json",), cases, check)
