"""
Answers of L1 nodes as data. What comes in is checked field by field: a node may lie, lag or be another program than it
says, and none of that may surface later as an odd value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ethrex_node.rollup.l1.errors import Malformed


@dataclass(frozen=True, slots=True)
class Block:
    """A header, as far as the rollup looks at it. Fees in wei per gas; 0 where the fork has none."""

    number: int
    hash: bytes
    parent_hash: bytes
    timestamp: int
    base_fee_per_gas: int


@dataclass(frozen=True, slots=True)
class Log:
    address: bytes
    topics: tuple[bytes, ...]
    data: bytes
    block_number: int
    block_hash: bytes
    transaction_hash: bytes
    log_index: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """`blob_gas_price` is 0 for a transaction without blobs."""

    transaction_hash: bytes
    block_number: int
    block_hash: bytes
    succeeded: bool
    gas_used: int
    effective_gas_price: int
    blob_gas_used: int
    blob_gas_price: int

    @property
    def cost_wei(self) -> int:
        return self.gas_used * self.effective_gas_price + self.blob_gas_used * self.blob_gas_price


@dataclass(frozen=True, slots=True)
class Sent:
    """A transaction on the chain. `to` is None where it created a contract."""

    hash: bytes
    to: bytes | None
    input: bytes
    block_number: int


@dataclass(frozen=True, slots=True)
class Market:
    """What the next block asks, in wei per gas."""

    base_fee: int
    tip: int
    blob_base_fee: int


@dataclass(frozen=True, slots=True)
class Simulated:
    """What a call would do. `error` is why it would fail, `data` what it gives or reverts with."""

    gas_used: int
    data: bytes
    error: str | None


def quantity(value: Any, where: str) -> int:
    """0x and digits."""
    if not isinstance(value, str) or not value.startswith("0x") or len(value) > 66:
        raise Malformed(f"{where}: {value!r:.80} is not a quantity")
    try:
        return int(value, 16)
    except ValueError:
        raise Malformed(f"{where}: {value!r:.80} is not a quantity") from None


def data(value: Any, where: str, size: int | None = None) -> bytes:
    """0x and an even number of digits, `size` bytes where that is given."""
    if not isinstance(value, str) or not value.startswith("0x"):
        raise Malformed(f"{where}: {value!r:.80} is not data")
    try:
        found = bytes.fromhex(value[2:])
    except ValueError:
        raise Malformed(f"{where}: {value!r:.80} is not data") from None
    if size is not None and len(found) != size:
        raise Malformed(f"{where}: {len(found)} bytes, expected {size}")
    return found


def block(value: Any) -> Block:
    fields = _object(value, "block")
    return Block(
        number=quantity(fields.get("number"), "block.number"),
        hash=data(fields.get("hash"), "block.hash", 32),
        parent_hash=data(fields.get("parentHash"), "block.parentHash", 32),
        timestamp=quantity(fields.get("timestamp"), "block.timestamp"),
        base_fee_per_gas=quantity(fields.get("baseFeePerGas", "0x0"), "block.baseFeePerGas"),
    )


def log(value: Any) -> Log:
    fields = _object(value, "log")
    topics = fields.get("topics")
    if not isinstance(topics, list) or len(topics) > 4:
        raise Malformed(f"log.topics: {topics!r:.80} is not a list of up to 4")
    return Log(
        address=data(fields.get("address"), "log.address", 20),
        topics=tuple(data(topic, "log.topics", 32) for topic in topics),
        data=data(fields.get("data"), "log.data"),
        block_number=quantity(fields.get("blockNumber"), "log.blockNumber"),
        block_hash=data(fields.get("blockHash"), "log.blockHash", 32),
        transaction_hash=data(fields.get("transactionHash"), "log.transactionHash", 32),
        log_index=quantity(fields.get("logIndex"), "log.logIndex"),
    )


def receipt(value: Any) -> Receipt:
    fields = _object(value, "receipt")
    return Receipt(
        transaction_hash=data(fields.get("transactionHash"), "receipt.transactionHash", 32),
        block_number=quantity(fields.get("blockNumber"), "receipt.blockNumber"),
        block_hash=data(fields.get("blockHash"), "receipt.blockHash", 32),
        succeeded=quantity(fields.get("status"), "receipt.status") == 1,
        gas_used=quantity(fields.get("gasUsed"), "receipt.gasUsed"),
        effective_gas_price=quantity(fields.get("effectiveGasPrice"), "receipt.effectiveGasPrice"),
        blob_gas_used=quantity(fields.get("blobGasUsed") or "0x0", "receipt.blobGasUsed"),
        blob_gas_price=quantity(fields.get("blobGasPrice") or "0x0", "receipt.blobGasPrice"),
    )


def sent(value: Any) -> Sent | None:
    """None: not mined."""
    fields = _object(value, "transaction")
    if fields.get("blockNumber") is None:
        return None
    to = fields.get("to")
    return Sent(
        hash=data(fields.get("hash"), "transaction.hash", 32),
        to=None if to is None else data(to, "transaction.to", 20),
        input=data(fields.get("input"), "transaction.input"),
        block_number=quantity(fields.get("blockNumber"), "transaction.blockNumber"),
    )


def transaction_of(value: Any, sender: bytes, nonce: int) -> bytes | None:
    """The hash of a transaction of a whole block, by its sender and nonce."""
    transactions = _object(value, "block").get("transactions")
    if not isinstance(transactions, list):
        raise Malformed(f"block.transactions: {transactions!r:.80} is not a list")
    for one in transactions:
        fields = _object(one, "transaction")
        is_theirs = data(fields.get("from"), "transaction.from", 20) == sender
        if is_theirs and quantity(fields.get("nonce"), "transaction.nonce") == nonce:
            return data(fields.get("hash"), "transaction.hash", 32)
    return None


def _object(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Malformed(f"{where}: {value!r:.80} is not an object")
    return value


def simulated(block: Any) -> Simulated:
    """A block of eth_simulateV1 with one call."""
    calls = block.get("calls") if isinstance(block, dict) else None
    if not isinstance(calls, list) or len(calls) != 1 or not isinstance(calls[0], dict):
        raise Malformed(f"simulation: {block!r:.80} is not a block with a call")
    (call,) = calls
    error = call.get("error")
    reason = None if error is None else str(error.get("message")) if isinstance(error, dict) else str(error)
    returned = (
        error["data"] if isinstance(error, dict) and isinstance(error.get("data"), str) else call.get("returnData")
    )
    failed = call.get("status") != "0x1"
    return Simulated(
        quantity(call.get("gasUsed"), "gasUsed"),
        data("0x" if returned is None else returned, "returnData"),
        (reason or "it reverts") if failed else None,
    )
