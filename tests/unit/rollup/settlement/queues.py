"""A queue on a dev L1: a contract that logs what it is told stands where the bridge would."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Final

from ethrex_node import _native
from ethrex_node.rollup.l1 import abi
from ethrex_node.rollup.settlement import contracts
from unit.rollup.l1_process import L1
from unit.rollup.rollups import BRIDGE, CHAIN_ID

# LOG4 of the first four words of the input, with the rest of it as data.
LOGGER: Final = "0x608036036080" + "5f37" + "606035604035602035" + "5f35" + "60803603" + "5f" + "a400"
SENDER: Final = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"


@dataclass
class Queue:
    """What the bridge would keep: how many items there are, and their hash."""

    l1: L1
    length: int = 0
    hash: bytes = bytes(32)
    items: list[bytes] = field(default_factory=list)
    bridge: bytes = field(default_factory=lambda: os.urandom(20))

    def install(self) -> contracts.Addresses:
        self.l1.ask("anvil_setCode", "0x" + self.bridge.hex(), LOGGER)
        return contracts.Addresses(CHAIN_ID, b"\xa0" * 20, self.bridge, b"\xc0" * 20, self.l1.head())

    def send(
        self, to: bytes, value: int, chain_id: int = CHAIN_ID, index: int | None = None, queue_hash: bytes | None = None
    ) -> None:
        """Log an item and mine it."""
        index = self.length if index is None else index
        raw = _native.privileged_transaction(
            chain_id=CHAIN_ID,
            index=index,
            sender=BRIDGE,
            to=to,
            value=value.to_bytes(32, "big"),
            gas_limit=100_000,
            data=b"",
        )
        if chain_id == CHAIN_ID:
            self.hash = _native.queue_hash(self.hash, raw)
            self.length += 1
            self.items.append(raw)
        topics = [
            contracts.PRIVILEGED_TX_SENT.topic,
            chain_id.to_bytes(32, "big"),
            index.to_bytes(32, "big"),
            bytes(12) + b"\x01" * 20,
        ]
        data = abi.encode(
            ["address", "address", "uint256", "uint256", "bytes", "uint64", "bytes32"],
            [BRIDGE, to, value, 100_000, b"", 9_999, queue_hash or self.hash],
        )
        call = {"from": SENDER, "to": "0x" + self.bridge.hex(), "data": "0x" + (b"".join(topics) + data).hex()}
        self.l1.ask("eth_sendTransaction", call | {"gas": "0x100000"})
        self.l1.mine()
