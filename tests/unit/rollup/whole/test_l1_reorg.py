"""An L1 that takes back what it said: batches that were committed and verified in the blocks that are gone come again."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ethrex_node.dev import accounts
from ethrex_node.rollup.l1.fees import Fees
from ethrex_node.rollup.l1.transaction import Transaction
from unit.rollup.whole import roles
from unit.rollup.whole.roles import LIMIT_SECONDS, patiently, text

CHAIN_ID: Final = 4_345
GWEI: Final = 10**9
COMMITTER, SETTLER, PROVER, USER = accounts.derive()[1:5]
REORGS: Final = 2


def pay(chain: roles.Chain, nonce: int) -> str:
    transaction = Transaction(
        chain_id=CHAIN_ID, nonce=nonce, to=b"\xab" * 20, gas_limit=100_000, fees=Fees(50 * GWEI, GWEI), value_wei=1
    )
    raw = roles.signed(transaction, USER.key).raw
    sent: str = patiently(chain.url, "eth_sendRawTransaction", "0x" + raw.hex())
    until(lambda: patiently(chain.url, "eth_getTransactionReceipt", sent) is not None)
    return sent


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + LIMIT_SECONDS
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_batches_come_again_after_a_reorg(tmp_path: Path) -> None:
    plan = {
        "chainId": CHAIN_ID,
        "committers": [text(COMMITTER.address)],
        "genesis": {"balancesWei": {text(USER.address): 10**20}},
        "proofs": {"attestedSigners": [text(PROVER.address)]},
    }
    keys = roles.Keys(COMMITTER, SETTLER, PROVER)
    with roles.l1(tmp_path) as (l1_url, _):
        roles.deploy(tmp_path, l1_url, [plan])
        with roles.chain(tmp_path, l1_url, CHAIN_ID, keys, "--eth.final-depth", "20") as chain:
            receipts = []
            for round_ in range(REORGS):
                before = patiently(l1_url, "evm_snapshot")
                receipts.append(pay(chain, round_))
                wanted = chain.last_committed_and_verified()[1] + 1
                until(lambda wanted=wanted: chain.last_committed_and_verified()[1] >= wanted)  # type: ignore[misc]
                until(lambda wanted=wanted: f"mined on L1  purpose=commit/{wanted} " in chain.sequencer.log.read_text())  # type: ignore[misc]

                assert patiently(l1_url, "evm_revert", before) is True
                until(lambda wanted=wanted: chain.last_committed_and_verified()[1] >= wanted)  # type: ignore[misc]

            for sent in receipts:
                assert patiently(chain.url, "eth_getTransactionReceipt", sent) is not None
            log = chain.sequencer.log.read_text()
            assert log.count("taken back by an L1 reorg") >= REORGS
            assert "a role of the rollup fails" not in log
