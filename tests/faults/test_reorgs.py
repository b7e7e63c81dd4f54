"""
Reorgs 1, 64 and 1,000 blocks deep, there and back, by the Engine API of a process that serves readers meanwhile.

The moment the fork choice is answered, every reader's question (balances, history, logs, receipts, filters) is answered from
the new branch, through any worker.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from ethrex_node import _native
from faults import load, process, story

DEPTHS: Final = (1, 64, 1000)
WORKERS: Final = ("1", "2")
SENDER: Final = story.KEYS[0]
NOTHING: Final = "0x0"
pytestmark = pytest.mark.timeout(600)


@dataclass(frozen=True)
class Branch:
    """What is the chain from block `fork` + 1 on; `payee` is paid one wei by each of its blocks, and by no other's."""

    fork: int
    payee: bytes
    hashes: tuple[str, ...]


@dataclass(frozen=True)
class Tree:
    """A main chain and branches that leave it `DEPTHS` below its head, each one block longer than what it replaces."""

    genesis: bytes
    blocks: dict[str, story.Block]
    main: Branch
    branches: tuple[Branch, ...]

    def chain(self, branch: Branch) -> list[story.Block]:
        """From block 1 to the branch's head."""
        below = [] if branch is self.main else self.main.hashes[: branch.fork]
        return [self.blocks[one] for one in (*below, *branch.hashes)]


def payment(number: int, payee: bytes) -> bytes:
    return story.signed(SENDER.key, 2 * (number - 1), payee, 1)


def tick(number: int) -> bytes:
    """The same transaction in every branch."""
    return story.signed(SENDER.key, 2 * (number - 1) + 1, story.CLOCK)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    document = story.genesis()
    folder = tmp_path_factory.mktemp("source") / "chain"
    chain = _native.Chain(folder, document, durable=False, map_size=1 << 28)
    blocks: dict[str, story.Block] = {}

    def grow(parent: str, fork: int, length: int, payee: bytes) -> Branch:
        hashes = []
        for number in range(fork + 1, fork + 1 + length):
            raw = [payment(number, payee), tick(number)]
            parent = story.block(chain, blocks, parent, number, 1 + 12 * number, raw, payee)
            hashes.append(parent)
        return Branch(fork, payee, tuple(hashes))

    height = DEPTHS[-1] + 1
    main = grow("0x" + chain.head().hash.hex(), 0, height, b"\xb0" * 20)
    branches = []
    for at, depth in enumerate(DEPTHS):
        fork = height - depth
        branches.append(grow(main.hashes[fork - 1], fork, depth + 1, bytes([0xB1 + at]) * 20))
    return Tree(document, blocks, main, tuple(branches))


@pytest.fixture(params=WORKERS, ids=lambda workers: f"workers={workers}")
def node(request: pytest.FixtureRequest, tmp_path: Path, tree: Tree) -> Iterator[process.Process]:
    (tmp_path / "genesis.json").write_bytes(tree.genesis)
    flags = ("--http.workers", request.param)
    running = process.Process(tmp_path / "data", tmp_path / "genesis.json", flags).start()
    yield running
    running.kill()


def test_reorgs_under_load(node: process.Process, tree: Tree, capsys: pytest.CaptureFixture[str]) -> None:
    story.send(node.engine, tree.chain(tree.main))
    story.choose(node.engine, tree.main.hashes[-1])
    seconds: dict[int, list[str]] = {}
    with load.Readers(node) as readers:
        try:
            for depth, branch in zip(DEPTHS, tree.branches, strict=True):
                story.send(node.engine, tree.chain(branch)[branch.fork :])
                there = _switch(node, tree, tree.main, branch)
                back = _switch(node, tree, branch, tree.main)
                seconds[depth] = [f"{one:.3f} s" for one in (there, back)]
            stall = node.metric("ethrex_loop_longest_gap_ever_seconds")
        finally:
            node.kill()
    with capsys.disabled():
        print(f"\nreorgs by depth, there and back: {seconds}, {readers.answers} answers meanwhile, stall {stall:.3f} s")
    assert not readers.wrong, readers.wrong
    assert readers.answers


def _switch(node: process.Process, tree: Tree, old: Branch, new: Branch) -> float:
    """Seconds of the fork choice."""
    heads, logs = node.ask("eth_newBlockFilter"), node.ask("eth_newFilter", {"address": _text(story.CLOCK)})
    started = time.perf_counter()
    story.choose(node.engine, new.hashes[-1])
    seconds = time.perf_counter() - started

    fork = max(old.fork, new.fork)
    gone, come = tree.chain(old)[fork:], tree.chain(new)
    _told_at_head(node, tree, old, new)
    _told_of_transactions(node, fork, gone, come)
    assert node.ask("eth_getFilterChanges", heads) == [one.hash for one in come[fork:]]
    changes = node.ask("eth_getFilterChanges", logs)
    assert {one["blockHash"] for one in changes if one["removed"]} == {one.hash for one in gone}
    assert [one["blockHash"] for one in changes if not one["removed"]] == [one.hash for one in come[fork:]]
    return seconds


def _told_at_head(node: process.Process, tree: Tree, old: Branch, new: Branch) -> None:
    come = tree.chain(new)
    assert node.ask("eth_getBlockByNumber", "latest", False)["hash"] == come[-1].hash
    assert int(node.ask("eth_blockNumber"), 16) == len(come)
    fork = max(old.fork, new.fork)
    for number in sorted({fork, fork + 1, (fork + len(come)) // 2, len(come)}):
        assert node.ask("eth_getBlockByNumber", hex(number), False)["hash"] == come[number - 1].hash
        ours = sum(tree.blocks[one].number <= number for one in new.hashes)
        assert _wei(node, new.payee, hex(number)) % 10**9 == ours  # each block's wei; fees are whole gwei
        below = max(new.fork - old.fork, 0) if old is tree.main else 0
        assert _wei(node, old.payee, hex(number)) % 10**9 == below
        assert int(node.ask("eth_getTransactionCount", _text(SENDER.address), hex(number)), 16) == 2 * number
        time_told = node.ask("eth_getStorageAt", _text(story.CLOCK), hex(number), hex(number))
        assert int(time_told, 16) == come[number - 1].timestamp
    assert node.ask("eth_getBlockByNumber", hex(len(come) + 1), False) is None
    found = node.ask("eth_getLogs", {"fromBlock": NOTHING, "toBlock": "latest", "address": _text(story.CLOCK)})
    assert [one["blockHash"] for one in found] == [one.hash for one in come]


def _told_of_transactions(
    node: process.Process, fork: int, gone: Sequence[story.Block], come: Sequence[story.Block]
) -> None:
    """What both branches have lies in the new one; what only the old one had has no receipt."""
    for block in (come[fork], come[min(fork + len(gone), len(come)) - 1]):
        for raw in (tick(block.number), block.payload["transactions"][0]):
            assert node.ask("eth_getTransactionReceipt", _hash(raw))["blockHash"] == block.hash
    for old in (gone[0], gone[-1]):
        assert node.ask("eth_getTransactionReceipt", _hash(old.payload["transactions"][0])) is None


def _wei(node: process.Process, owner: bytes, block: str) -> int:
    return int(node.ask("eth_getBalance", _text(owner), block), 16)


def _hash(raw: bytes | str) -> str:
    data = raw if isinstance(raw, bytes) else bytes.fromhex(raw[2:])
    return _text(bytes(_native.keccak256(data)))


def _text(data: bytes) -> str:
    return "0x" + data.hex()
