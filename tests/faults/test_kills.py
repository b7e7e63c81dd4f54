"""
kill -9 before each write and sync of the data folder, and at any instant, while blocks come, heads change, payloads
are built, transactions arrive and readers ask. Afterwards the folder opens at the last or the last but one commit.

FAULT_KILLS says how often, of each kind (`make faults`: 110).
"""

from __future__ import annotations

import os
import random
import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from faults import disk, load, process, story

KILLS = int(os.environ.get("FAULT_KILLS", "6"))
SEED = int(os.environ.get("FAULT_SEED", "1"))
LONGEST_LIFE_SECONDS = 1.5
pytestmark = pytest.mark.timeout(60 + 30 * KILLS)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> story.Story:
    return story.tell(tmp_path_factory.mktemp("story"), 40)


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return process.compile_shim(tmp_path_factory.mktemp("shim"))


@dataclass
class Driver:
    """The consensus client and a user: what they were told counts as promised."""

    told: story.Story
    promised: str
    awaited: str
    at: int = 0
    sent: int = 0  # transactions of the second account: they wait behind a nonce gap
    kept: list[str] = field(default_factory=list)

    def live(self, node: process.Process) -> None:
        """Go on until the process is gone or the story told."""
        while not self.is_over:
            raw = story.signed(story.KEYS[1].key, self.sent + 1, story.CLOCK)
            self.sent += 1
            self.kept.append(node.ask("eth_sendRawTransaction", "0x" + raw.hex()))
            self.awaited = self.told.heads[self.at]
            story.make_head(node.engine, self.told, self.awaited)
            self.promised = self.awaited
            self.at += 1
            self._build(node)

    @property
    def is_over(self) -> bool:
        return self.at >= len(self.told.heads)

    def _build(self, node: process.Process) -> None:
        head = self.told.blocks[self.promised]
        state = {"headBlockHash": head.hash, "safeBlockHash": story.ZERO, "finalizedBlockHash": story.ZERO}
        attributes = {
            "timestamp": hex(head.timestamp + 12),
            "prevRandao": story.ZERO,
            "suggestedFeeRecipient": "0x" + "11" * 20,
            "withdrawals": [],
            "parentBeaconBlockRoot": story.ZERO,
        }
        payload_id = node.engine("engine_forkchoiceUpdatedV3", state, attributes)["payloadId"]
        built = node.engine("engine_getPayloadV5", payload_id)["executionPayload"]
        assert built["parentHash"] == head.hash

    def found(self, head: str) -> None:
        """Go on from what the disk has."""
        if head != self.promised:
            assert head == self.awaited
            self.at += 1
        self.promised = self.awaited = head


class Lives:
    """One data folder through many deaths, and the next one when the story is told."""

    def __init__(self, folder: Path, told: story.Story, shim: Path) -> None:
        self.root, self.told, self.shim = folder, told, shim
        self.genesis = folder / "genesis.json"
        self.genesis.write_bytes(told.genesis)
        self.where: Counter[str] = Counter()
        self.behind = self.folders = self.heads = 0
        self._begin()

    def _begin(self) -> None:
        self.folder = self.root / f"data{self.folders}"
        self.driver = Driver(self.told, self.told.origin, self.told.origin)
        self.folders += 1

    def live(self, faults: dict[str, str], seconds: float | None = None) -> None:
        node = process.Process(self.folder, self.genesis, shim=self.shim, faults=faults)
        timer = threading.Timer(seconds, node.kill_at_once) if seconds is not None else None
        try:
            node.start()
            waiting = node.ask("txpool_content")["queued"].get(story.checksummed(story.KEYS[1].address), {})
            hashes = {one["hash"] for one in waiting.values()}
            missing = [one for one in self.driver.kept if one not in hashes]
            assert not missing, f"the pool lost {len(missing)} of {len(self.driver.kept)}"
            if timer is not None:
                timer.start()
            with load.Readers(node) as readers:
                try:
                    self.driver.live(node)
                finally:
                    node.kill()
            assert not readers.wrong, readers.wrong
        except process.Gone:
            pass
        finally:
            if timer is not None:
                timer.cancel()
            node.kill()
        assert node.process.returncode == -9, node.errors
        self.where[_where(node.errors)] += 1
        self.check()
        if self.driver.is_over:
            self.heads += self.driver.at
            self._begin()

    def check(self) -> None:
        if not (self.folder / "chain" / "data.mdb").exists():
            return
        promised = self.driver.promised
        allowed = {promised, self.driver.awaited}
        try:
            ask = disk.reader(self.folder)
        except Exception:
            if promised != self.told.origin:
                raise
            return  # killed while the chain was being born
        head = disk.check(ask, self.told, allowed)
        self.behind += head == promised
        self.driver.found(head)

    def ends_well(self) -> None:
        """An untroubled life at last: it serves, goes on and ends by itself."""
        node = process.Process(self.folder, self.genesis).start()
        head = self.told.heads[self.driver.at]
        story.make_head(node.engine, self.told, head)
        self.heads += self.driver.at + 1
        assert node.stop() == 0
        disk.check(disk.reader(self.folder), self.told, {head})


def _where(errors: str) -> str:
    killed = [line for line in errors.splitlines() if line.startswith("fault: killed before ")]
    return killed[0].removeprefix("fault: killed ") if killed else "at random"


def test_kills_between_each_two_writes(
    tmp_path: Path, told: story.Story, shim: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The n-th write of a life, n = 1, 2, 3, ...: birth, opening, journal, blocks, reorgs; every third one torn."""
    lives = Lives(tmp_path, told, shim)
    for kill in range(KILLS):
        torn = {"FAULT_TORN": "1"} if kill % 3 == 2 else {}
        lives.live({"FAULT_KILL_AT": str(1 + kill * 7 % 71)} | torn)
    lives.ends_well()
    with capsys.disabled():
        print(f"\n{KILLS} kills between writes: {dict(lives.where)}, {lives.behind} opened at the last promised commit")


def test_kills_at_any_instant(
    tmp_path: Path, told: story.Story, shim: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dice = random.Random(SEED)
    lives = Lives(tmp_path, told, shim)
    for _ in range(KILLS):
        lives.live({}, seconds=dice.uniform(0, LONGEST_LIFE_SECONDS))
    lives.ends_well()
    with capsys.disabled():
        print(f"\n{KILLS} kills at random: {lives.heads} heads set, {lives.behind} opened at the last promised commit")
