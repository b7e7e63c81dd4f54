"""The real contracts on a dev L1, with one rollup registered whose batches one signer proves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from ethrex_node import _native
from ethrex_node.dev import accounts
from ethrex_node.rollup import artifacts
from ethrex_node.rollup.l1 import abi
from ethrex_node.rollup.settlement import contracts
from unit.rollup.l1_process import L1

OWNER: Final = accounts.derive()[0].address
COMMITTER: Final = accounts.derive()[1].address
SIGNER: Final = accounts.derive()[2].address
ATTESTED: Final = contracts.KINDS["attested"]
PROGRAM_VERSION: Final = 1
SALT: Final = b"\x05" * 32
L1_CHAIN_ID: Final = 31337
GAS: Final = 10_000_000

INITIALIZE: Final = abi.Function("initialize(address)")
PARAMETERS: Final = (
    "(uint256,uint8,address,address,address,address,bytes32,bytes32,uint64,bytes32,uint64,uint64,uint64,uint64,uint32,"
    "uint64,uint32,uint256)"
)
REGISTER_CHAIN: Final = abi.Function(f"registerChain({PARAMETERS},bytes32)")
SET_POLICY: Final = abi.Function("setPolicy(uint256,(uint16,uint8,bool,uint64))")
REGISTER_VERSION: Final = abi.Function("registerVersion(uint256,uint32,uint64,uint64,uint8[],address[],bytes32[])")
REGISTER_SIGNER: Final = abi.Function("registerSigner(uint256,uint32,uint8,address,uint64,bool)")
DEPOSIT: Final = abi.Function("deposit(uint256,address)")
CLAIM: Final = abi.Function("claimWithdrawal(uint256,(address,address,address,uint256,uint64,uint256),bytes32[])")


def text(address: bytes) -> str:
    return "0x" + address.hex()


@dataclass
class Deployment:
    """Addresses on L1, and the owner's hand."""

    l1: L1
    addresses: contracts.Addresses
    registry: bytes

    @classmethod
    def make(cls, l1: L1, chain_id: int) -> Deployment:
        proposer, bridge, registry, attested = (
            _proxy(l1, name) for name in ("OnChainProposer", "CommonBridge", "VerifierRegistry", "AttestedVerifier")
        )
        both, one = abi.Function("connect(address,address)"), abi.Function("connect(address)")
        send(l1, OWNER, proposer, both.call(text(bridge), text(registry)))
        send(l1, OWNER, bridge, one.call(text(proposer)))
        send(l1, OWNER, registry, one.call(text(proposer)))
        send(l1, OWNER, attested, both.call(text(proposer), text(registry)))
        send(l1, OWNER, registry, SET_POLICY.call(chain_id, (1 << ATTESTED, 1, False, 0)))
        version = (chain_id, PROGRAM_VERSION, 0, 0, [ATTESTED], [text(attested)], [bytes(32)])
        send(l1, OWNER, registry, REGISTER_VERSION.call(*version))
        send(l1, OWNER, attested, REGISTER_SIGNER.call(chain_id, PROGRAM_VERSION, ATTESTED, text(SIGNER), 0, False))
        return cls(l1, contracts.Addresses(chain_id, proposer, bridge, attested, l1.head()), registry)

    def register(self, genesis: bytes) -> bytes:
        """Open the chain; gives the encoding of the batch before its first."""
        encoded = _native.genesis_batch(genesis, l1_chain_id=L1_CHAIN_ID, proposer=self.addresses.proposer, salt=SALT)
        field = {name: contracts.field_of(encoded, name) for name, _ in contracts.BATCH_FIELDS}
        nobody = text(bytes(20))
        parameters: tuple[Any, ...] = (
            *(self.addresses.chain_id, 0, nobody, nobody, text(OWNER), text(COMMITTER)),
            *(field["newStateRoot"], field["lastBlockHash"], contracts.number_of(encoded, "lastTimestamp")),
            *(field["configHash"], 30_000_000, 3_600, 86_400, 43_200, 10, 5_000_000, 4, 0),
        )
        send(self.l1, OWNER, self.addresses.proposer, REGISTER_CHAIN.call(parameters, SALT))
        return encoded

    def deposit(self, recipient: bytes, value_wei: int) -> None:
        call = DEPOSIT.call(self.addresses.chain_id, text(recipient))
        send(self.l1, OWNER, self.addresses.bridge, call, value_wei)

    def claim(self, receiver: bytes, amount: int, batch: int, message_id: int, proof: Sequence[bytes]) -> None:
        coin = "0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE"
        withdrawal = (coin, coin, text(receiver), amount, batch, message_id)
        send(self.l1, OWNER, self.addresses.bridge, CLAIM.call(self.addresses.chain_id, withdrawal, list(proof)))

    def status(self) -> contracts.ChainStatus:
        call = {
            "to": text(self.addresses.proposer),
            "data": "0x" + contracts.STATUS.call(self.addresses.chain_id).hex(),
        }
        return contracts.status_of(bytes.fromhex(self.l1.ask("eth_call", call, "latest")[2:]))


def send(l1: L1, sender: bytes, to: bytes | None, data: bytes, value_wei: int = 0) -> dict[str, Any]:
    """A transaction of an unlocked account, mined; it must succeed."""
    call = {"from": text(sender), "data": "0x" + data.hex(), "value": hex(value_wei), "gas": hex(GAS)}
    transaction = l1.ask("eth_sendTransaction", call | ({} if to is None else {"to": text(to)}))
    l1.mine()
    receipt: dict[str, Any] = l1.ask("eth_getTransactionReceipt", transaction)
    assert receipt["status"] == "0x1", _reason(l1, call, to)
    return receipt


def _reason(l1: L1, call: dict[str, str], to: bytes | None) -> str:
    try:
        return str(l1.ask("eth_call", call | ({} if to is None else {"to": text(to)}), "latest"))
    except AssertionError as error:
        return str(error)


def _create(l1: L1, code: bytes) -> bytes:
    return bytes.fromhex(send(l1, OWNER, None, code)["contractAddress"][2:])


def _proxy(l1: L1, name: str) -> bytes:
    implementation = _create(l1, artifacts.load(name).creation)
    arguments = abi.encode(["address", "bytes"], [text(implementation), INITIALIZE.call(text(OWNER))])
    return _create(l1, artifacts.load("ERC1967Proxy").creation + arguments)
