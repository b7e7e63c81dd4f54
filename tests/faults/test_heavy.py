"""Blocks of 30 M gas and more that do nothing but one heavy precompile: imported right, and readers are served meanwhile."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import pytest

from ethrex_node import _native
from faults import heavy, load, process, story

TRANSACTION_GAS: Final = 1 << 24  # the most that EIP-7825 lets a transaction have; two make the block
BLOCK_GAS: Final = 30_000_000
STALL_SECONDS: Final = 1.0  # what the node's own monitor may have seen, on a machine that does other work too
MEMORY_BYTES: Final = 16 << 20
# Of the polynomial zero: commitment and proof are the point at infinity. Prints by how much the process grew.
FIRST_EVALUATION: Final = """
import hashlib, resource
from ethrex_node import _native
infinity = b"\\xc0" + bytes(47)
data = b"\\1" + hashlib.sha256(infinity).digest()[1:] + bytes(64) + infinity + infinity
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert _native.run_precompile("Osaka", (10).to_bytes(20, "big"), data)[0]
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""
pytestmark = pytest.mark.timeout(400)


def test_worst_blocks_of_the_heavy_precompiles(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    calls = heavy.calls()
    genesis = tmp_path / "genesis.json"
    genesis.write_bytes(_genesis(calls))
    chain = _native.Chain(tmp_path / "source", genesis.read_bytes(), durable=False, map_size=1 << 28)
    blocks: dict[str, story.Block] = {}
    head = "0x" + chain.head().hash.hex()
    for at, call in enumerate(calls):
        raw = [story.signed(one.key, at, _contract(at), data=call.data, gas=TRANSACTION_GAS) for one in story.KEYS[:2]]
        head = story.block(chain, blocks, head, at + 1, 1 + 12 * (at + 1), raw)
        assert int(blocks[head].payload["gasUsed"], 16) >= BLOCK_GAS, call.name
    node = process.Process(tmp_path / "data", genesis).start()
    seconds = {}
    with load.Readers(node) as readers:
        try:
            for at, (call, block) in enumerate(zip(calls, blocks.values(), strict=True)):
                started = time.perf_counter()
                story.send(node.engine, [block])
                seconds[call.name] = f"{time.perf_counter() - started:.2f} s"
                story.choose(node.engine, block.hash)

                assert _receipts(node, block) == ["0x1", "0x1"], call.name
                stored = node.ask("eth_getStorageAt", "0x" + _contract(at).hex(), "0x0", "latest")
                assert stored == "0x" + bytes(_native.keccak256(call.answer)).hex(), call.name
            stall = node.metric("ethrex_loop_longest_gap_ever_seconds")
        finally:
            node.kill()
    with capsys.disabled():
        print(f"\nblocks of 30 M gas: {seconds}, {readers.answers} answers meanwhile, longest stall {stall:.3f} s")
    assert not readers.wrong, readers.wrong
    assert readers.answers
    assert stall < STALL_SECONDS


def _genesis(calls: list[heavy.Call]) -> bytes:
    made = json.loads(story.genesis())
    for at, call in enumerate(calls):
        made["alloc"][_contract(at).hex()] = {"balance": "0x0", "code": heavy.repeated(call.precompile)}
    return json.dumps(made).encode()


def _contract(at: int) -> bytes:
    return b"\xee" * 19 + bytes([at])


def _receipts(node: process.Process, block: story.Block) -> list[str]:
    return [one["status"] for one in node.ask("eth_getBlockReceipts", hex(block.number))]


def test_the_first_point_evaluation_makes_no_tables() -> None:
    """Those of the whole trusted setup cost 100 MB and held up the first block that needs them for two seconds."""
    ran = subprocess.run([sys.executable, "-c", FIRST_EVALUATION], capture_output=True, text=True, check=True)

    assert int(ran.stdout) < MEMORY_BYTES
