"""
An L1 that fails under a whole rollup: it takes blocks back, its pool is full or asks for more, it hangs, the rollup's account
there runs dry. Users' receipts stay, nothing is committed twice, and at the end all of it is verified.

FAULT_L1_REORGS is the number of reorgs, FAULT_L1_STOP_SECONDS how long L1 hangs (`make faults`: 20, and ten minutes).
"""

from __future__ import annotations

import os
import random
import signal
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest
from unit.rollup.whole import roles
from unit.rollup.whole.roles import GWEI, LIMIT_SECONDS, patiently, text

from ethrex_node.dev import accounts
from ethrex_node.rollup.l1.fees import Fees
from ethrex_node.rollup.l1.transaction import Transaction

REORGS: Final = int(os.environ.get("FAULT_L1_REORGS", "2"))
STOP_SECONDS: Final = float(os.environ.get("FAULT_L1_STOP_SECONDS", "25"))
SEED: Final = int(os.environ.get("FAULT_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
CHAIN_ID: Final = 4_348
L1_CHAIN_ID: Final = 31337
COMMITTER, SETTLER, PROVER, USER, *CROWD = accounts.derive()[1:10]
PLAN: Final = {
    "chainId": CHAIN_ID,
    "committers": [text(COMMITTER.address)],
    "genesis": {"balancesWei": {text(USER.address): 10**20}},
    "proofs": {"attestedSigners": [text(PROVER.address)]},
}
KEYS: Final = roles.Keys(COMMITTER, SETTLER, PROVER)
DEPTH: Final = 60  # blocks that L1 may take back
ETHER: Final = 10**18
BAD: Final = ("a role of the rollup fails", "L1 refused a batch", "L1 would refuse a batch", "no block could be sealed")


@dataclass
class Rollup:
    """A rollup and its user, who pays a wei at a time."""

    chain: roles.Chain
    metrics_url: str
    sent: list[str] = field(default_factory=list)

    def pay(self) -> str:
        self.sent.append(roles.pay(self.chain.url, CHAIN_ID, USER, len(self.sent)))
        return self.sent[-1]

    def until(self, is_so: Callable[[], object], seconds: float = 2 * LIMIT_SECONDS) -> None:
        """The user pays meanwhile, as far as what was paid is in blocks."""
        end = time.monotonic() + seconds
        while not is_so():
            assert time.monotonic() < end, self.log[-6000:]
            if not self.sent or self.is_sealed(self.sent[-1]):
                self.pay()
            time.sleep(0.2)

    def is_sealed(self, sent: str) -> bool:
        return patiently(self.chain.url, "eth_getTransactionReceipt", sent) is not None

    def settles(self, batches: int = 2) -> None:
        """So many more batches are verified."""
        wanted = self.chain.last_committed_and_verified()[1] + batches
        self.until(lambda: self.chain.last_committed_and_verified()[1] >= wanted)

    @property
    def log(self) -> str:
        return self.chain.sequencer.log.read_text()

    def figure(self, name: str) -> float:
        with urllib.request.urlopen(self.metrics_url, timeout=30) as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))

    def is_whole(self) -> None:
        """All receipts are there, each batch stands on L1 once, and nothing was said that should not be."""
        for one in self.sent[:-1]:
            assert self.is_sealed(one), one
        numbers = self.chain.commits()
        assert numbers == list(range(1, len(numbers) + 1))
        for bad in BAD:
            assert bad not in self.log, [line for line in self.log.splitlines() if bad in line][:3]


@contextmanager
def rollup(folder: Path, l1_url: str, *flags: str) -> Iterator[Rollup]:
    port = roles.free_port()
    watched = ("--metrics", "--metrics.port", str(port))
    with roles.chain(folder, l1_url, CHAIN_ID, KEYS, *watched, *flags) as chain:
        made = Rollup(chain, f"http://127.0.0.1:{port}/metrics")
        made.settles(1)
        yield made


@pytest.mark.timeout(6 * LIMIT_SECONDS + 60 * REORGS)
def test_reorgs_below_the_finality_that_l1_tells_and_above_the_configured_one(tmp_path: Path) -> None:
    """A dev L1 calls each block final at once, so all of these are of blocks that it called final."""
    print(f"seed {SEED}, {REORGS} reorgs")
    chance = random.Random(SEED)
    with roles.l1(tmp_path) as (l1_url, _):
        roles.deploy(tmp_path, l1_url, [PLAN])
        with rollup(tmp_path, l1_url, "--eth.final-depth", str(DEPTH)) as running:
            for _ in range(REORGS):
                begun = head(l1_url)
                taken = patiently(l1_url, "evm_snapshot")
                deep = chance.randrange(2, DEPTH - 20)
                running.until(lambda wanted=begun + deep: head(l1_url) >= wanted)  # type: ignore[misc]
                final = patiently(l1_url, "eth_getBlockByNumber", "finalized", False)

                assert patiently(l1_url, "evm_revert", taken) is True

                assert int(final["number"], 16) > head(l1_url)
                running.settles()
            running.is_whole()
            assert "taken back by an L1 reorg" in running.log


@pytest.mark.timeout(8 * LIMIT_SECONDS)
def test_a_full_pool_and_one_that_asks_for_more_hold_nothing_up_for_good(tmp_path: Path) -> None:
    flags = ("--mempool.maxsize", "6", "--mempool.max-blob-txs", "2", "--mempool.min-tip", str(GWEI * 3 // 2))
    with roles.l1(tmp_path) as (l1_url, l1):
        roles.deploy(tmp_path, l1_url, [PLAN])  # a node without these limits; the rollup's is one with them
        l1.kill()
        l1.command += flags
        l1.start()
        with rollup(tmp_path, l1_url) as running:
            assert "replaced on L1" in running.log, "a first offer of one gwei is too little"

            patiently(l1_url, "evm_setIntervalMining", 0)  # no blocks: the pool stays as full as it is
            running.until(lambda: crowded(l1_url) and "pool is full" in running.log)
            assert running.figure('ethrex_outbox_refusals_total{reason="PoolFull"}') >= 1
            patiently(l1_url, "evm_setIntervalMining", 1)

            running.settles()
            running.is_whole()


def crowded(l1_url: str) -> bool:
    """Others fill L1's pool, at a price that we do not pay."""
    for one in CROWD:
        nonce = int(patiently(l1_url, "eth_getTransactionCount", text(one.address), "pending"), 16)
        filler = Transaction(
            chain_id=L1_CHAIN_ID, nonce=nonce, to=one.address, gas_limit=21_000, fees=Fees(900 * GWEI, 90 * GWEI)
        )
        try:
            patiently(l1_url, "eth_sendRawTransaction", "0x" + roles.signed(filler, one.key).raw.hex())
        except AssertionError as error:
            return "full" in str(error)
    return False


@pytest.mark.timeout(8 * LIMIT_SECONDS + 2 * STOP_SECONDS)
def test_an_l1_that_hangs_costs_nothing_but_time(tmp_path: Path) -> None:
    """It takes connections and answers nothing; users go on until as much is waiting as may."""
    with roles.l1(tmp_path) as (l1_url, l1):
        roles.deploy(tmp_path, l1_url, [PLAN])
        few = ("--block-producer.most-uncommitted-blobs", "3", "--committer.commit-time", "4")
        with rollup(tmp_path, l1_url, *few, "--block-producer.block-time", "0.5") as running:
            before = len(running.log)
            assert l1.process is not None
            l1.process.send_signal(signal.SIGSTOP)
            try:
                until = time.monotonic() + STOP_SECONDS
                running.until(
                    lambda: "nothing is sealed" in running.log[before:] or time.monotonic() > until, 2 * STOP_SECONDS
                )
                waiting = running.sent[-1]
                while time.monotonic() < until:
                    assert patiently(running.chain.url, "eth_blockNumber") is not None
                    time.sleep(1.0)
                assert "no answer" in running.log[before:]
            finally:
                l1.process.send_signal(signal.SIGCONT)

            running.until(lambda: running.is_sealed(waiting), 4 * LIMIT_SECONDS)
            running.settles()
            running.is_whole()


@pytest.mark.timeout(8 * LIMIT_SECONDS)
def test_an_account_that_runs_low_is_told_of_long_before_it_stops(tmp_path: Path) -> None:
    with roles.l1(tmp_path) as (l1_url, _):
        roles.deploy(tmp_path, l1_url, [PLAN])
        with rollup(tmp_path, l1_url, "--eth.low-balance", str(ETHER)) as running:
            assert running.figure("ethrex_outbox_balance_low") == 0
            for account in (COMMITTER, SETTLER):
                patiently(l1_url, "anvil_setBalance", text(account.address), hex(ETHER - 1))

            running.until(lambda: running.log.count("the account on L1 runs low") == 2)
            assert running.figure("ethrex_outbox_balance_low") == 2
            running.settles(3)  # it goes on all the same

            patiently(l1_url, "anvil_setBalance", text(COMMITTER.address), hex(10**9))
            running.until(lambda: "insufficient funds" in running.log)
            patiently(l1_url, "anvil_setBalance", text(COMMITTER.address), hex(10 * ETHER))
            running.settles()
            running.is_whole()
            assert running.log.count("the account on L1 runs low") == 2, "told when it falls, not each time"


def head(l1_url: str) -> int:
    return int(patiently(l1_url, "eth_blockNumber"), 16)
