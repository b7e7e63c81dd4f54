"""
The escape hatch: a rollup whose sequencer is gone is frozen on L1, and what accounts held there is claimed with the proofs
that the node itself gives (`eth_getProof`), as `ethrex l2 escape` shows them, against the last state that L1 has verified.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import orjson
import pytest

from ethrex_node.dev import accounts
from ethrex_node.rollup.deploy import create2
from ethrex_node.rollup.l1 import abi
from ethrex_node.rollup.l1.client import L1Client
from ethrex_node.rollup.recovery import escape
from ethrex_node.rollup.recovery.published import Published, RecoveryError
from ethrex_node.rollup.store.schema import Batch
from unit.rollup import l1_process
from unit.rollup.rollups import CHAIN_ID
from unit.rollup.whole import tokens
from unit.rollup.whole.deployment import OWNER, Deployment, send, text
from unit.rollup.whole.stepped import Rollup, rollup_of
from unit.rollup.whole.test_whole_path import ALICE_ADDRESS, prover, until

ETHER: Final = 10**18
HOLDER: Final = accounts.derive()[5].address
TAKEOVER_DELAY_SECONDS: Final = 7 * 24 * 3600
TOKENS: Final = 1_000

APPROVE: Final = abi.Function("approve(address,uint256)")
DEPOSIT_ERC20: Final = abi.Function("depositERC20(uint256,address,address,address,uint256)")
FREEZE: Final = abi.Function("freeze(uint256)")


@pytest.fixture
def l1() -> Iterator[l1_process.L1]:
    with l1_process.dev_chain("--dev.block-time", "0") as running:
        yield running


class State:
    """The rollup's own node as the commands ask one."""

    name = "the rollup"

    def __init__(self, rollup: Rollup) -> None:
        self._reader = rollup.native.reader()

    async def call(self, method: str, *params: Any) -> Any:
        answer = self._reader.answer(orjson.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))
        assert answer is not None
        return orjson.loads(answer[1])["result"]


async def verified(rollup: Rollup, deployment: Deployment, folder: Path) -> Batch:
    """A batch of what is sealed, published, proven and verified."""
    await rollup.sequencer.end_batch()
    (batch,) = await rollup.batches.step()
    await rollup.committer.step()
    await rollup.settle_on_l1(deployment.l1)
    async with prover(rollup, deployment, folder):
        await until(lambda: rollup.coordinator.proofs(batch.number))
    await rollup.settler.step()
    await rollup.settle_on_l1(deployment.l1)
    assert deployment.status().last_verified == batch.number
    return batch


async def test_after_a_freeze_a_holder_takes_coin_and_tokens(
    l1: l1_process.L1, asking: L1Client, tmp_path: Path
) -> None:
    deployment = await Deployment.make(l1, asking, CHAIN_ID, tmp_path)
    bridge = deployment.addresses.bridge
    token_l1 = bytes.fromhex(tokens.make(l1.ask, text(OWNER.address), text(HOLDER), TOKENS)[2:])
    kinds, values = ("string", "string", "uint8", "address"), ("Dollar", "USD", 18, text(token_l1))
    token_l2 = create2.creation("ERC20L2", bytes(32), kinds, values)
    async with rollup_of(tmp_path, asking, deployment) as rollup:
        # The holder has coin and tokens on L2, in a state that L1 has verified.
        deployment.deposit(ALICE_ADDRESS, ETHER)
        deployment.deposit(HOLDER, 3 * ETHER)
        await rollup.watcher.step()
        await rollup.sequencer.step()
        rollup.send(create2.DEPLOYER, 0, token_l2.call_data, gas=3_000_000)
        await rollup.sequencer.step()
        send(l1, HOLDER, token_l1, APPROVE.call(text(bridge), TOKENS))
        pair = (text(token_l1), text(token_l2.address))
        send(l1, HOLDER, bridge, DEPOSIT_ERC20.call(CHAIN_ID, *pair, text(HOLDER), TOKENS))
        await rollup.watcher.step()
        await rollup.sequencer.step()
        batch = await verified(rollup, deployment, tmp_path)
        last = Published(batch.number, batch.statement, (), 0, is_verified=True)
        coin = await escape.coin(State(rollup), CHAIN_ID, last, HOLDER)
        token = await escape.token(State(rollup), CHAIN_ID, last, HOLDER, token_l2.address)
        with pytest.raises(RecoveryError, match="held nothing"):
            await escape.token(State(rollup), CHAIN_ID, last, bytes(20), token_l2.address)
    assert (coin.amount, token.amount) == (3 * ETHER, TOKENS)

    # Nobody takes what is queued any more: the chain is frozen.
    deployment.deposit(HOLDER, 1)
    l1.ask("evm_increaseTime", TAKEOVER_DELAY_SECONDS + 3600)  # blocks may be ahead of the clock
    send(l1, OWNER.address, deployment.addresses.proposer, FREEZE.call(CHAIN_ID))
    assert deployment.status().is_frozen

    before = l1.balance(HOLDER)
    receipt = send(l1, HOLDER, bridge, coin.data)
    paid = int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16)
    assert l1.balance(HOLDER) - before == 3 * ETHER - paid

    send(l1, HOLDER, bridge, token.data)
    assert tokens.balance(l1.ask, text(token_l1), text(HOLDER)) == TOKENS
    with pytest.raises(AssertionError):
        send(l1, HOLDER, bridge, token.data)
    assert tokens.balance(l1.ask, text(token_l1), text(HOLDER)) == TOKENS
