"""
One L1 node of three that lies or hangs, a stranger who uses the committer's nonces, fees that jump: batches go on, none is
committed twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from ethrex_node.dev import accounts
from ethrex_node.rollup.l1.fees import Fees
from ethrex_node.rollup.l1.transaction import Transaction
from ethrex_node.rollup.settlement import contracts
from unit.rollup.l1_proxy import proxies
from unit.rollup.whole import roles
from unit.rollup.whole.roles import GWEI, LIMIT_SECONDS, patiently, text

CHAIN_ID: Final = 4_345
L1_CHAIN_ID: Final = 31337
COMMITTER, SETTLER, PROVER, USER = accounts.derive()[1:5]
KEYS: Final = roles.Keys(COMMITTER, SETTLER, PROVER)
PLAN: Final = {
    "chainId": CHAIN_ID,
    "committers": [text(COMMITTER.address)],
    "genesis": {"balancesWei": {text(USER.address): 10**20}},
    "proofs": {"attestedSigners": [text(PROVER.address)]},
}
MORE: Final = 2  # batches that have to be verified under a fault
SPIKE_WEI: Final = 300 * GWEI


def lie(method: str, params: list[Any], result: Any) -> Any:
    """In the form of the method."""
    match method:
        case "eth_getLogs":
            return result[:-1]
        case "eth_getTransactionReceipt":
            return None
        case "eth_getTransactionCount":
            return hex(int(result, 16) + 3)
        case "eth_getBlockByNumber" if result is not None:
            return result | {"hash": "0x" + "66" * 32}
        case "eth_call":
            return result[:-1] + ("0" if result[-1] != "0" else "1")
    return result


class Traffic:
    """Payments of one user on L2."""

    def __init__(self, chain: roles.Chain) -> None:
        self._chain = chain
        self._nonce = 0

    def pay(self) -> None:
        roles.pay(self._chain.url, CHAIN_ID, USER, self._nonce)
        self._nonce += 1

    def until(self, is_so: Callable[[], bool]) -> None:
        end = time.monotonic() + LIMIT_SECONDS
        while not is_so():
            assert time.monotonic() < end, self._chain.sequencer.log.read_text()[-3000:]
            self.pay()
            time.sleep(0.3)

    def settles(self, batches: int = MORE) -> None:
        """So many more batches are verified."""
        wanted = self._chain.last_committed_and_verified()[1] + batches
        self.until(lambda: self._chain.last_committed_and_verified()[1] >= wanted)


@contextmanager
def rollup(folder: Path, l1_url: str, *through: str) -> Iterator[roles.Chain]:
    with roles.chain(folder, l1_url, CHAIN_ID, KEYS, through=through) as running:
        yield running


def check_each_is_committed_once(chain: roles.Chain) -> None:
    criteria = {
        "address": chain.deployment["proposer"], "fromBlock": "0x0", "toBlock": "latest",
        "topics": ["0x" + contracts.BATCH_COMMITTED.topic.hex()],
    }  # fmt: skip
    numbers = [int(one["topics"][2], 16) for one in patiently(chain.l1_url, "eth_getLogs", criteria)]
    assert numbers == list(range(1, len(numbers) + 1))


async def test_one_l1_node_of_three_may_lie_or_hang(tmp_path: Path) -> None:
    with roles.l1(tmp_path) as (l1_url, _):
        roles.deploy(tmp_path, l1_url, [PLAN])
        async with proxies(l1_url, 3) as nodes:
            await asyncio.to_thread(_go_on_with_two_of_three, tmp_path, l1_url, nodes)


def _go_on_with_two_of_three(folder: Path, l1_url: str, nodes: list[Any]) -> None:
    nodes[1].change = lie
    with rollup(folder, l1_url, *(node.url for node in nodes)) as chain:
        traffic = Traffic(chain)
        traffic.settles()
        assert "something else than the others" in chain.sequencer.log.read_text()

        nodes[1].change = None
        nodes[2].silent = {"eth_getLogs", "eth_getBlockByNumber", "eth_call", "eth_sendRawTransaction"}
        traffic.settles()

        nodes[2].silent, nodes[0].down = set(), True
        traffic.settles()
        check_each_is_committed_once(chain)


def steal_a_nonce(l1_url: str, stolen: list[str]) -> bool:
    """A transfer with the next nonce of the committer, in `stolen` then; False where its own transaction was first."""
    nonce = int(patiently(l1_url, "eth_getTransactionCount", text(COMMITTER.address), "latest"), 16)
    foreign = Transaction(
        chain_id=L1_CHAIN_ID, nonce=nonce, to=b"\xcd" * 20, gas_limit=21_000, fees=Fees(500 * GWEI, 50 * GWEI),
        value_wei=1,
    )  # fmt: skip
    raw = roles.signed(foreign, COMMITTER.key)
    with contextlib.suppress(AssertionError):  # refused: theirs is in the pool
        stolen.append(patiently(l1_url, "eth_sendRawTransaction", "0x" + raw.raw.hex()))
    return bool(stolen)


def test_a_stolen_nonce_and_a_fee_spike_hold_nothing_up_for_good(tmp_path: Path) -> None:
    with roles.l1(tmp_path) as (l1_url, _):
        roles.deploy(tmp_path, l1_url, [PLAN])
        with rollup(tmp_path, l1_url) as chain:
            traffic = Traffic(chain)
            traffic.settles(1)
            stolen: list[str] = []
            traffic.until(lambda: steal_a_nonce(l1_url, stolen))
            traffic.settles()
            assert patiently(l1_url, "eth_getTransactionReceipt", stolen[0]) is not None

            for _ in range(5):
                patiently(l1_url, "anvil_setNextBlockBaseFeePerGas", hex(SPIKE_WEI))
                traffic.pay()
                time.sleep(0.3)
            traffic.settles()
            check_each_is_committed_once(chain)
