"""
A sequencer that takes nothing of L1's queue, by processes: L1 takes no batch of it past the deadline, whoever runs it; and one
that includes the queue brings the deposit and a withdrawal that its owner forced from L1, which is paid there.
"""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any, Final

import pytest

from ethrex_node.dev import accounts
from ethrex_node.rollup.l1.abi import Function
from ethrex_node.rollup.wallet import bridge
from unit.rollup.whole import roles
from unit.rollup.whole.processes import answered, ethrex_at, until
from unit.rollup.whole.roles import patiently, text
from unit.rollup.whole.test_frozen import send

CHAIN_ID: Final = 4_354
COMMITTER, SETTLER, PROVER = accounts.derive()[1:4]
DEPOSITOR, FORCED = 5, 6
RECEIVER: Final = b"\x5e" * 20
ETHER: Final = 10**18
INCLUSION_DELAY_SECONDS: Final = 3
GAS: Final = 300_000
SEND_TO_L2: Final = Function("sendToL2(uint256,(address,uint256,uint256,bytes))")
QUEUE_SLOT: Final = Function("queueSlot(uint256,uint64)", "((uint64,uint64,uint128))")
IGNORED: Final = ("--watcher.block-delay", "1000000000")
PLAN: Final[dict[str, Any]] = {
    "chainId": CHAIN_ID,
    "committers": [text(COMMITTER.address)],
    "genesis": {"balancesWei": {text(accounts.derive()[FORCED].address): ETHER}},
    "proofs": {"attestedSigners": [text(PROVER.address)]},
    "inclusionDelaySeconds": INCLUSION_DELAY_SECONDS,
}


def balance(url: str, address: bytes) -> int:
    return int(patiently(url, "eth_getBalance", text(address), "latest"), 16)


def force_withdrawal(l1_url: str, contract: bytes, wei: int) -> None:
    """By a call of the bridge on L2 that is sent on L1: no sequencer has to agree to it."""
    call = (text(bridge.BRIDGE_L2), GAS, wei, bridge.WITHDRAW.call(text(RECEIVER)))
    send(l1_url, accounts.derive()[FORCED], contract, SEND_TO_L2.call(CHAIN_ID, call), ETHER // 10)


@pytest.mark.timeout(400)
def test_an_ignored_queue_blocks_all_commits_until_it_is_included(tmp_path: Path) -> None:
    depositor = accounts.derive()[DEPOSITOR]
    with roles.l1(tmp_path) as (l1_url, _):
        roles.deploy(tmp_path, l1_url, [PLAN])
        keys = roles.Keys(COMMITTER, SETTLER, PROVER)
        flags = ("--committer.idle-time", "2", *IGNORED)
        contract = bytes.fromhex(deployed(tmp_path)["bridge"][2:])
        send(l1_url, depositor, contract, bridge.DEPOSIT.call(CHAIN_ID, text(depositor.address)), ETHER)
        force_withdrawal(l1_url, contract, ETHER // 4)
        deadline = queue_deadline(l1_url, contract, 0)
        until(lambda: time.time() > deadline)  # a dev L1 with blocks below a second is ahead of the clock of L2

        with roles.chain(tmp_path, l1_url, CHAIN_ID, keys, *flags) as chain:
            until(lambda: int(patiently(chain.url, "ethrex_batchNumber"), 16) >= 3)
            log = chain.sequencer.log
            until(lambda: log.read_text().count("InclusionOverdue(0, ") >= 2)
            assert chain.last_committed_and_verified() == (0, 0)
            assert balance(chain.url, depositor.address) == 0

            # Blocks that left it out can never be settled: whoever runs the chain begins again where L1 is.
            chain.sequencer.kill()
            shutil.rmtree(tmp_path / str(CHAIN_ID) / "data")
            at = chain.sequencer.command.index(IGNORED[0])
            del chain.sequencer.command[at : at + 2]
            chain.sequencer.start()
            until(lambda: balance(chain.url, depositor.address) == ETHER)
            until(lambda: chain.last_committed_and_verified()[1] >= 1)
            forced = patiently(chain.url, "ethrex_getQueueItem", "0x1")
            assert patiently(chain.url, "eth_getTransactionReceipt", forced["transaction_hash"])["status"] == "0x1"
            until(lambda: is_claimable(chain, forced["transaction_hash"]))
            claimed = answered(ethrex_at(l1_url, chain.url, "claim", forced["transaction_hash"], account=DEPOSITOR))
            assert claimed["l1_transactions"]
            assert balance(l1_url, RECEIVER) == ETHER // 4


def deployed(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "deployment" / f"{CHAIN_ID}.json").read_text())
    return found


def queue_deadline(l1_url: str, contract: bytes, index: int) -> int:
    call = {"to": text(contract), "data": "0x" + QUEUE_SLOT.call(CHAIN_ID, index).hex()}
    ((_, deadline, _),) = QUEUE_SLOT.result(bytes.fromhex(patiently(l1_url, "eth_call", call, "latest")[2:]))
    return int(deadline)


def is_claimable(chain: roles.Chain, transaction: str) -> bool:
    messages = patiently(chain.url, "ethrex_getL1MessageProof", transaction)
    return bool(messages) and messages[0]["status"] == "claimable"
