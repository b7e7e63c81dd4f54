"""Small rollups of the real native core, in temporary folders: blocks with users' transactions and items of a queue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from eth_account import Account as Signer

from ethrex_node import _native
from ethrex_node.config import genesis

CHAIN_ID: Final = 1337
BRIDGE: Final = bytes(18) + b"\xff\xff"
MESSENGER: Final = bytes(18) + b"\xff\xfe"
HISTORY: Final = bytes.fromhex("0000f90827f1c53a10cb7a02335b175320002935")
COUNTER: Final = b"\xcc" * 20
GWEI: Final = 10**9
L1_PRICES: Final = (20 * GWEI, 3 * GWEI)
KEY: Final = b"\x11" * 32
USER: Final = bytes.fromhex(Signer.from_key(KEY).address[2:])

# The code of EIP-2935's contract.
HISTORY_CODE: Final = (
    "0x3373fffffffffffffffffffffffffffffffffffffffe14604657602036036042575f35600143038111604257611fff8143"
    "0311604257611fff9006545f5260205ff35b5f5ffd5b5f35611fff60014303065500"
)
# Adds one to slot 0, stores the caller at the slot of its number.
COUNTER_CODE: Final = "0x5f546001018060005533905500"
# LOG4(L1Message, caller, first word of the input, count of messages so far + 1)
MESSENGER_CODE: Final = (
    "0x5f54600101805f555f35337f" + _native.keccak256(b"L1Message(address,bytes32,uint256)").hex() + "5f5fa400"
)
FORKS: Final = (
    *("homestead", "eip150", "eip155", "eip158", "byzantium", "constantinople", "petersburg", "istanbul"),
    *("berlin", "london"),
)
RULES: Final[dict[str, Any]] = {
    "gasLimit": 30_000_000,
    "feeRecipient": "0x" + "c0" * 20,
    "operatorFeePerGas": 1,
    "operatorFeeVault": "0x" + "c1" * 20,
    "dataFeeVault": "0x" + "c2" * 20,
}


def rollup_genesis(more: Mapping[str, Any] | None = None, **config: Any) -> bytes:
    """`more`: accounts, by address in hex."""
    forks = {f"{name}Block": 0 for name in FORKS}
    times = {"shanghaiTime": 0, "cancunTime": 0, "pragueTime": 0, "terminalTotalDifficulty": 0}
    alloc = {
        USER.hex(): {"balance": hex(10**21)},
        HISTORY.hex(): {"balance": "0x0", "nonce": "0x1", "code": HISTORY_CODE},
        COUNTER.hex(): {"balance": "0x0", "nonce": "0x1", "code": COUNTER_CODE},
        MESSENGER.hex(): {"balance": "0x0", "nonce": "0x1", "code": MESSENGER_CODE},
    } | dict(more or {})
    given = {
        "gasLimit": hex(RULES["gasLimit"]),
        "difficulty": "0x0",
        "timestamp": "0x64",
        "baseFeePerGas": hex(GWEI),
        "alloc": alloc,
        "config": {"chainId": CHAIN_ID} | forks | times | {"rollup": RULES} | config,
    }
    return genesis.check(given).json


@dataclass
class Rollup:
    """A chain that seals blocks; `batch` makes the batch of all that came since the last one."""

    chain: _native.Chain
    genesis: bytes
    queue: int = 0
    nonce: int = 0
    previous: bytes = b""
    first: int = 1
    blocks: list[_native.Built] = field(default_factory=list)

    @classmethod
    def open(cls, folder: Path, accounts: Mapping[str, Any] | None = None) -> Rollup:
        given = rollup_genesis(accounts)
        chain = _native.Chain(folder / "chain", given, durable=False, map_size=1 << 30)
        previous = _native.genesis_batch(given, l1_chain_id=1, proposer=b"\x05" * 20, salt=bytes(32))
        return cls(chain, given, previous=previous)

    def item(self, to: bytes, value: int = 0, sender: bytes = BRIDGE, data: bytes = b"", gas: int = 200_000) -> bytes:
        """The next item of the queue."""
        raw = _native.privileged_transaction(
            chain_id=CHAIN_ID,
            index=self.queue,
            sender=sender,
            to=to,
            value=value.to_bytes(32, "big"),
            gas_limit=gas,
            data=data,
        )
        self.queue += 1
        return raw

    def send(self, to: bytes | None, value: int = 0, data: bytes = b"", gas: int = 500_000) -> _native.Transaction:
        """The user's next transaction."""
        unsigned: dict[str, Any] = {
            "chainId": CHAIN_ID,
            "nonce": self.nonce,
            "gas": gas,
            "maxFeePerGas": 100 * GWEI,
            "maxPriorityFeePerGas": 2 * GWEI,
            "value": value,
            "data": data,
        }
        if to is not None:
            unsigned["to"] = to
        self.nonce += 1
        signed = Signer.sign_transaction(unsigned, KEY)
        (admitted,) = _native.admit_transactions([bytes(signed.raw_transaction)])
        assert not isinstance(admitted, str), admitted
        return admitted

    def seal(
        self,
        *transactions: _native.Transaction,
        items: tuple[bytes, ...] = (),
        seconds: int = 1,
        l1_prices: tuple[int, int] = L1_PRICES,
        max_data_bytes: int = 1 << 20,
    ) -> _native.Built:
        """One block on the head."""
        head = self.chain.head()
        built = self.chain.seal(
            head.hash,
            list(transactions),
            timestamp=head.timestamp + seconds,
            l1_prices=l1_prices,
            privileged=list(items),
            max_data_bytes=max_data_bytes,
        )
        self.chain.set_head(built.hash, built.hash, built.hash)
        self.blocks.append(built)
        return built

    def batch(self, pointer: bytes | None = None) -> _native.AssembledBatch:
        """With a pointer: as a validium makes it."""
        last = self.chain.head().number
        made = self.chain.reader().batch(self.first, last, self.previous, 1, pointer)
        self.previous, self.first = made.encoded, last + 1
        return made
