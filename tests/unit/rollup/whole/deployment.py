"""The real contracts on a dev L1, brought there by a plan, with one rollup whose batches one signer proves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ethrex_node.config import genesis
from ethrex_node.dev import accounts
from ethrex_node.rollup import deploy
from ethrex_node.rollup.deploy import plan
from ethrex_node.rollup.l1 import abi, signers
from ethrex_node.rollup.l1.client import L1Client
from ethrex_node.rollup.settlement import contracts
from unit.rollup.l1_process import L1
from unit.rollup.rollups import RULES

OWNER: Final = accounts.derive()[0]
COMMITTER: Final = accounts.derive()[1].address
SIGNER: Final = accounts.derive()[2].address
PROGRAM_VERSION: Final = 1
L1_CHAIN_ID: Final = 31337
GAS: Final = 10_000_000

DEPOSIT: Final = abi.Function("deposit(uint256,address)")
CLAIM: Final = abi.Function("claimWithdrawal(uint256,(address,address,address,uint256,uint64,uint256),bytes32[])")


def text(address: bytes) -> str:
    return "0x" + address.hex()


def plan_of(*chain_ids: int, attested_signers: Sequence[bytes] = (SIGNER,), **more: Any) -> dict[str, Any]:
    """A plan as its file says it: short delays, batches proven by one of the signers."""
    fees = {"operatorFeePerGasWei": RULES["operatorFeePerGas"], "operatorFeeVault": RULES["operatorFeeVault"]}
    chains = [
        {
            "chainId": chain_id,
            "committers": [text(COMMITTER)],
            "genesis": {"feeRecipient": RULES["feeRecipient"], "dataFeeVault": RULES["dataFeeVault"], **fees},
            "proofs": {"attestedSigners": [text(signer) for signer in attested_signers]},
        }
        for chain_id in chain_ids
    ]
    return {"salt": "0x" + "05" * 32, "owner": text(OWNER.address), "chains": chains} | more


@dataclass
class Deployment:
    """One chain of a plan on L1, and the hands of its users there."""

    l1: L1
    deployed: deploy.Deployment

    @classmethod
    async def make(cls, l1: L1, client: L1Client, chain_id: int, folder: Path, **more: Any) -> Deployment:
        """`l1` makes its blocks itself; `more` is of the plan."""
        path = folder / "plan.json"
        wanted = plan.read(plan_of(chain_id, **more), path)
        found = await deploy.survey(client, wanted, path)
        await deploy.carry_out(client, signers.local(OWNER.key), found)
        (written,) = await deploy.record(client, wanted, found, folder / "deployment")
        return cls(l1, deploy.load(written))

    @property
    def addresses(self) -> contracts.Addresses:
        return self.deployed.addresses

    def genesis(self) -> genesis.Genesis:
        return genesis.load(self.deployed.genesis)

    def deposit(self, recipient: bytes, value_wei: int) -> None:
        call = DEPOSIT.call(self.addresses.chain_id, text(recipient))
        send(self.l1, OWNER.address, self.addresses.bridge, call, value_wei)

    def claim(self, receiver: bytes, amount: int, batch: int, message_id: int, proof: Sequence[bytes]) -> None:
        coin = "0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE"
        withdrawal = (coin, coin, text(receiver), amount, batch, message_id)
        call = CLAIM.call(self.addresses.chain_id, withdrawal, list(proof))
        send(self.l1, OWNER.address, self.addresses.bridge, call)

    def status(self) -> contracts.ChainStatus:
        call = {
            "to": text(self.addresses.proposer),
            "data": "0x" + contracts.STATUS.call(self.addresses.chain_id).hex(),
        }
        return contracts.status_of(bytes.fromhex(self.l1.ask("eth_call", call, "latest")[2:]))


def send(l1: L1, sender: bytes, to: bytes, data: bytes, value_wei: int = 0) -> dict[str, Any]:
    """A transaction of an unlocked account, mined; it must succeed."""
    call = {"from": text(sender), "data": "0x" + data.hex(), "value": hex(value_wei), "gas": hex(GAS), "to": text(to)}
    transaction = l1.ask("eth_sendTransaction", call)
    l1.mine()
    receipt: dict[str, Any] = l1.ask("eth_getTransactionReceipt", transaction)
    assert receipt["status"] == "0x1", _reason(l1, call)
    return receipt


def _reason(l1: L1, call: dict[str, str]) -> str:
    try:
        return str(l1.ask("eth_call", call, "latest"))
    except AssertionError as error:
        return str(error)
