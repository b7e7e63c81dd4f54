"""Killed at random instants, while the L1 seals, drops and takes back blocks: every action is mined once, none is lost."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from unit.rollup import l1_process
from unit.rollup.conftest import KEYS

CHILD = str(Path(__file__).with_name("child.py"))
SEED = 1
ACTIONS = 30
KILLS = 15
LIMIT_SECONDS = 60


class Weather:
    """The L1 meanwhile: blocks, now and then a pool that forgets, a reorg of up to two blocks."""

    def __init__(self, l1: l1_process.L1, seed: int) -> None:
        self.reorgs = 0
        self._l1 = l1
        self._choice = random.Random(seed)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._blow)

    def __enter__(self) -> Weather:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _blow(self) -> None:
        while not self._over.wait(0.02):
            kind = self._choice.random()
            if kind < 0.1:
                self._l1.ask("anvil_dropAllTransactions")
            elif kind < 0.3:
                snapshot = self._l1.ask("evm_snapshot")
                self._l1.mine(self._choice.randrange(1, 3))
                self._l1.ask("evm_revert", snapshot)
                self.reorgs += 1
            else:
                self._l1.mine()


@pytest.mark.timeout(300)
def test_every_action_is_mined_once(tmp_path: Path) -> None:
    choice = random.Random(SEED)
    with l1_process.dev_chain() as l1:
        command = [sys.executable, CHILD, l1.url, str(tmp_path / "rollup"), str(ACTIONS)]
        with Weather(l1, SEED) as weather:
            kills = 0
            while True:
                process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
                assert process.stdout is not None
                first = process.stdout.readline()
                assert first == "up\n", first + process.stdout.read()
                try:
                    limit = choice.random() * 0.6 if kills < KILLS else LIMIT_SECONDS
                    output, _ = process.communicate(timeout=limit)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.communicate()
                    kills += 1
                    assert kills <= KILLS, "the last run did not end"
                    continue
                assert output.endswith("done\n"), output
                break

        assert l1.balance(b"\x77" * 20) == (1 << ACTIONS) - 1
        assert kills > 3
        assert weather.reorgs > 5
        assert l1.nonce(KEYS[1].address) == ACTIONS
