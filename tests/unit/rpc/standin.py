"""
Stand-ins for the parts that the RPC asks: a reader over a chain in dictionaries, a pool, heads. Real behaviour, no
rules of Ethereum: blocks are what a test says they are.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from ethrex_node.rpc import parts

NATIVE = [
    ("eth_chainId", 0),
    ("eth_blockNumber", 0),
    ("eth_getBalance", 0),
    ("eth_getBlockByHash", 1),
    ("eth_getTransactionReceipt", 0),
    ("eth_getTransactionByHash", 0),
    ("eth_getTransactionCount", 0),
    ("eth_call", 1),
    ("eth_getLogs", 2),
    ("debug_traceTransaction", 2),
]
NAMES = [name for name, _ in NATIVE]


def keccak(data: bytes) -> bytes:
    """Not Keccak: SHA3-256 is near enough for a capital letter."""
    return hashlib.sha3_256(data).digest()


@dataclass
class Block:
    number: int
    hash: bytes
    parent: bytes
    logs: list[dict[str, Any]] = field(default_factory=list)


class Refusal(Exception):
    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Beyond(Exception):
    """Not in the snapshot."""


class MemoryReader:
    """Answers as ``_native.Reader`` does: by the rules of docs/plan.md for `answer`."""

    def __init__(self, pending: bool = False) -> None:
        self.balances: dict[str, int] = {}
        self.nonces: dict[str, int] = {}
        self.receipts: dict[str, dict[str, Any]] = {}
        self.blocks: dict[str, Block] = {}
        self.canonical: list[Block] = [Block(0, b"\0" * 32, b"")]
        self.call_seconds = 0.0
        self.release = threading.Event()
        self.release.set()
        self.threads: list[str] = []
        self.pending = pending

    def answer(self, request: bytes, allow: bytes | None = None, pending: Any = None, /) -> tuple[int, bytes] | None:
        try:
            value = orjson.loads(request)
        except ValueError:
            return None
        if not isinstance(value, dict) or value.get("jsonrpc") != "2.0" or "id" not in value:
            return None
        if isinstance(value["id"], (float, list, dict)) or not isinstance(value.get("method"), str):
            return None
        if value["method"] not in NAMES:
            return None
        index = NAMES.index(value["method"])
        if allow is not None and not allow[index]:
            return None
        self.threads.append(threading.current_thread().name)
        try:
            result = getattr(self, "_" + value["method"])(*(value.get("params") or []))
        except Beyond:
            return None
        except Refusal as error:
            return ~index, _envelope(value["id"], "error", {"code": error.code, "message": str(error)})
        except (TypeError, AttributeError, ValueError, LookupError) as error:
            return ~index, _envelope(value["id"], "error", {"code": -32602, "message": str(error)})
        return index, _envelope(value["id"], "result", result)

    def _eth_chainId(self) -> str:
        return "0x1"

    def _eth_blockNumber(self) -> str:
        return hex(self.canonical[-1].number)

    def _eth_getBalance(self, address: str, block: str = "latest") -> str:
        if block == "pending" and not self.pending:
            raise Beyond
        return hex(self.balances.get(address.lower(), 0))

    def _eth_getTransactionCount(self, address: str, block: str = "latest") -> str:
        if block == "pending":
            raise Beyond
        return hex(self.nonces.get(address.lower(), 0))

    def _eth_getTransactionReceipt(self, transaction_hash: str) -> Any:
        return self.receipts.get(transaction_hash)

    def _eth_getTransactionByHash(self, transaction_hash: str) -> Any:
        if transaction_hash not in self.receipts:
            raise Beyond
        return {"hash": transaction_hash}

    def _eth_getBlockByHash(self, block_hash: str, full: bool) -> Any:
        block = self.blocks.get(block_hash)
        if block is None:
            return None
        return {
            "hash": block_hash,
            "number": hex(block.number),
            "parentHash": "0x" + block.parent.hex(),
            "transactions": [],
            "uncles": [],
            "size": "0x1",
        }

    def _eth_call(self, call: dict[str, Any], block: str = "latest") -> str:
        time.sleep(self.call_seconds)
        return "0x"

    def _debug_traceTransaction(self, transaction_hash: str) -> dict[str, Any]:
        self.release.wait(10)
        return {"gas": 1}

    def _eth_getLogs(self, wanted: dict[str, Any]) -> list[dict[str, Any]]:
        if "blockHash" in wanted:
            blocks = [self.blocks[wanted["blockHash"]]]
        else:
            first, last = wanted.get("fromBlock", "latest"), wanted.get("toBlock", "latest")
            blocks = self.canonical[self._number(first) : self._number(last) + 1]
        addresses = wanted.get("address")
        return [log for block in blocks for log in block.logs if addresses is None or log["address"] in addresses]

    def _number(self, tag: str) -> int:
        return self.canonical[-1].number if tag == "latest" else int(tag, 16)


def _envelope(request_id: Any, key: str, value: Any) -> bytes:
    return b'{"jsonrpc":"2.0","id":%b,"%b":%b}' % (orjson.dumps(request_id), key.encode(), orjson.dumps(value))


class MemoryHeads:
    """The chain's head over a MemoryReader."""

    def __init__(self, reader: MemoryReader) -> None:
        self.reader = reader
        self.progress: dict[str, Any] | None = None
        self._listeners: list[Callable[[parts.HeadChange], None]] = []

    def head(self) -> parts.BlockId:
        block = self.reader.canonical[-1]
        return parts.BlockId(block.number, block.hash)

    def syncing(self) -> Mapping[str, Any] | None:
        return self.progress

    def watch(self, listener: Callable[[parts.HeadChange], None]) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def extend(self, *blocks: Block, remove: int = 0) -> None:
        """Take `remove` blocks off the head and put `blocks` on."""
        chain = self.reader.canonical
        removed = [chain.pop() for _ in range(remove)]
        chain.extend(blocks)
        for block in blocks:
            self.reader.blocks["0x" + block.hash.hex()] = block
        ids = [tuple(parts.BlockId(block.number, block.hash) for block in group) for group in (removed, blocks)]
        for listener in list(self._listeners):
            listener(parts.HeadChange(*ids))

    def mine(self, *logs: dict[str, Any], salt: bytes = b"", remove: int = 0) -> Block:
        parent = self.reader.canonical[-1 - remove]
        number = parent.number + 1
        block = Block(number, hashlib.sha256(parent.hash + salt).digest(), parent.hash)
        block.logs = [{**log, "blockHash": "0x" + block.hash.hex(), "removed": False} for log in logs]
        self.extend(block, remove=remove)
        return block


@dataclass(frozen=True)
class Transaction:
    """`raw` is sender (20 bytes), nonce (1 byte), anything."""

    raw: bytes

    @property
    def hash(self) -> bytes:
        return hashlib.sha256(self.raw).digest()

    @property
    def sender(self) -> bytes:
        return self.raw[:20]

    @property
    def nonce(self) -> int:
        return self.raw[20]

    @property
    def json(self) -> bytes:
        return orjson.dumps({"hash": "0x" + self.hash.hex(), "nonce": hex(self.nonce), "blockHash": None})

    @property
    def summary(self) -> str:
        return f"0x{self.raw[21:41].hex()}: 1 wei + 21000 gas × 7 wei"


class MemoryPool:
    """Holds what is at least 21 bytes long. `calls` records the sizes of the batches that came."""

    def __init__(self) -> None:
        self.transactions: dict[bytes, Transaction] = {}
        self.calls: list[int] = []
        self.delay_seconds = 0.0
        self._listeners: list[Callable[[Sequence[parts.Pooled]], None]] = []

    async def add(self, raw: Sequence[bytes]) -> Sequence[bytes | Exception]:
        self.calls.append(len(raw))
        await asyncio.sleep(self.delay_seconds)
        results: list[bytes | Exception] = []
        fresh: list[Transaction] = []
        for one in raw:
            if len(one) < 21:
                results.append(ValueError("transaction too short"))
                continue
            transaction = Transaction(one)
            self.transactions[transaction.hash] = transaction
            fresh.append(transaction)
            results.append(transaction.hash)
        for listener in list(self._listeners):
            listener(fresh)
        return results

    def get(self, transaction_hash: bytes) -> Transaction | None:
        return self.transactions.get(transaction_hash)

    def next_nonce(self, address: bytes) -> int | None:
        nonces = [one.nonce for one in self.transactions.values() if one.sender == address]
        return max(nonces) + 1 if nonces else None

    def counts(self) -> tuple[int, int]:
        return len(self.transactions), 0

    def content(self) -> tuple[parts.Senders, parts.Senders]:
        senders: dict[bytes, list[Transaction]] = {}
        for one in sorted(self.transactions.values(), key=lambda transaction: transaction.nonce):
            senders.setdefault(one.sender, []).append(one)
        return senders, {}

    def content_from(self, address: bytes) -> tuple[Sequence[parts.Pooled], Sequence[parts.Pooled]]:
        return self.content()[0].get(address, []), []

    def watch(self, listener: Callable[[Sequence[parts.Pooled]], None]) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)
