"""
A sequencer that never comes back, through the public commands alone: the chain is frozen, its state comes back from L1 and the
blobs, and a holder takes on L1 what they had.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any, Final

from bench import servers
from ethrex_node.dev import accounts
from ethrex_node.rollup.l1.abi import Function
from ethrex_node.rollup.l1.fees import Fees
from ethrex_node.rollup.l1.transaction import Transaction
from ethrex_node.rollup.wallet import bridge
from unit.rollup.whole import roles
from unit.rollup.whole.processes import COMMAND, LIMIT_SECONDS, answered, ethrex_at, until
from unit.rollup.whole.roles import GWEI, patiently, text

CHAIN_ID: Final = 4_346
L1_CHAIN_ID: Final = 31337
ETHER: Final = 10**18
HELD: Final = 3 * ETHER
COMMITTER, SETTLER, PROVER = accounts.derive()[1:4]
HOLDER: Final = 5
STRANGER: Final = 6
TAKEOVER_DELAY_SECONDS: Final = 7 * 24 * 3600
FREEZE: Final = Function("freeze(uint256)")
PLAN: Final = {
    "chainId": CHAIN_ID,
    "committers": [text(COMMITTER.address)],
    "proofs": {"attestedSigners": [text(PROVER.address)]},
}


def send(l1_url: str, sender: accounts.DevAccount, to: bytes, data: bytes, value_wei: int = 0) -> None:
    """On L1, until it is mined."""
    nonce = int(patiently(l1_url, "eth_getTransactionCount", text(sender.address), "latest"), 16)
    transaction = Transaction(
        chain_id=L1_CHAIN_ID, nonce=nonce, to=to, gas_limit=1_000_000, fees=Fees(100 * GWEI, GWEI), data=data,
        value_wei=value_wei,
    )  # fmt: skip
    sent = patiently(l1_url, "eth_sendRawTransaction", "0x" + roles.signed(transaction, sender.key).raw.hex())
    until(lambda: patiently(l1_url, "eth_getTransactionReceipt", sent) is not None)
    assert patiently(l1_url, "eth_getTransactionReceipt", sent)["status"] == "0x1"


def settle(chain: roles.Chain, transaction: str) -> None:
    """Its block is in a verified batch."""
    block = patiently(chain.url, "eth_getTransactionReceipt", transaction)["blockNumber"]

    def is_verified() -> bool:
        batch = patiently(chain.url, "ethrex_getBatchByBlock", block)
        return batch is not None and batch["status"] in ("verified", "final")

    until(is_verified)


def test_a_holder_takes_their_coin_out_of_a_dead_rollup(tmp_path: Path) -> None:
    with roles.l1(tmp_path) as (l1_url, _):
        roles.deploy(tmp_path, l1_url, [PLAN])
        with roles.chain(tmp_path, l1_url, CHAIN_ID, roles.Keys(COMMITTER, SETTLER, PROVER)) as chain:
            deposited = answered(ethrex_at(l1_url, chain.url, "deposit", "3eth", account=HOLDER))
            settle(chain, deposited["l2_transaction"])
        holder = accounts.derive()[HOLDER]
        send(l1_url, holder, chain.bridge, bridge.DEPOSIT.call(CHAIN_ID, text(holder.address)), 1)  # nobody takes it
        patiently(l1_url, "evm_increaseTime", TAKEOVER_DELAY_SECONDS + 3600)  # blocks may be ahead of the clock
        proposer = bytes.fromhex(chain.deployment["proposer"][2:])
        send(l1_url, accounts.derive()[STRANGER], proposer, FREEZE.call(CHAIN_ID))

        def command(*words: str | Path, account: int = HOLDER) -> subprocess.CompletedProcess[str]:
            given = ("--deployment", tmp_path / "deployment" / f"{CHAIN_ID}.json", "--eth-rpc-url", l1_url, "--json")
            line = [COMMAND, "l2", words[0], *given, *words[1:]]
            environment = {**os.environ, "ETHREX_KEY": "env:KEY", "KEY": accounts.derive()[account].key.hex()}
            return subprocess.run(
                list(map(str, line)),
                capture_output=True,
                text=True,
                timeout=LIMIT_SECONDS,
                env=environment,
                check=False,
            )

        def told(done: subprocess.CompletedProcess[str]) -> Any:
            assert done.returncode == 0, done.stderr
            return json.loads(done.stdout)

        told(command("reconstruct", "--beacon", l1_url, "--verified", "--out", tmp_path / "state"))
        with servers.ours(tmp_path / "node", tmp_path / "state" / "state.json", core=None) as state:
            before = int(patiently(l1_url, "eth_getBalance", text(holder.address), "latest"), 16)
            escaped = told(command("escape", "--state-url", state.url))
            again = command("escape", "--state-url", state.url)
            nothing = command("escape", "--state-url", state.url, account=STRANGER)
            elsewhere = command("escape", "--state-url", l1_url)

        receipt = patiently(l1_url, "eth_getTransactionReceipt", escaped["l1_transaction"])
        paid = int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16)
        after = int(patiently(l1_url, "eth_getBalance", text(holder.address), "latest"), 16)
        assert escaped["amount"] == str(HELD)
        assert after - before == HELD - paid
        assert (again.returncode, nothing.returncode, elsewhere.returncode) == (2, 2, 2)
        assert "AlreadyEscaped" in again.stderr
        assert "held nothing" in nothing.stderr
        assert "does not have the state after batch" in elsewhere.stderr
