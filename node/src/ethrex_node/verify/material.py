"""What verification needs of a block, asked of a snapshot reader as any caller of the JSON-RPC would ask it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Protocol

import orjson

from ethrex_node import _native
from ethrex_node.verify.errors import Unverifiable, VerifyError

OMMERS: Final = 2  # of a block's fields
ABSENT: Final = bytes(32)  # what a proof says of an account that is not there
NO_CODE: Final = bytes.fromhex("c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470")
NO_SLOTS: Final = bytes.fromhex("56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421")


class Reader(Protocol):
    """``_native.Reader``."""

    def answer(self, request: bytes, allow: bytes | None = None) -> tuple[int, bytes] | None: ...


@dataclass(frozen=True, slots=True)
class Material:
    """A block (RLP), its receipts as this node stores them (EIP-2718), and the witness: trie nodes, codes, headers."""

    number: int
    block: bytes
    receipts: tuple[bytes, ...]
    nodes: tuple[bytes, ...]
    codes: tuple[bytes, ...]
    headers: tuple[bytes, ...]  # RLP, by number; the last is the parent's
    keys: tuple[bytes, ...]  # addresses and slots that this node's engine looked at


@dataclass(frozen=True, slots=True)
class Account:
    """As this node has it after a block. An account that is not there is empty, its storage root that of no trie."""

    nonce: int
    balance: int
    code_hash: bytes
    storage_root: bytes


class Source:
    """Asks. Raises VerifyError where the database has no answer."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def head(self) -> int:
        return int(self._ask("eth_blockNumber"), 16)

    def config(self) -> dict[str, Any]:
        """The chain's ``config`` object."""
        config: dict[str, Any] = self._ask("debug_chainConfig")
        return config

    def material(self, number: int) -> Material:
        """Raises Unverifiable for a block with ommers, VerifyError where there is no witness: below the proof window."""
        block = _bytes(self._ask("debug_getRawBlock", hex(number)))
        if _native.rlp_decode(block)[OMMERS]:
            raise Unverifiable(number, "it has ommers, and no witness shows whether they are kin")
        witness = self._ask("debug_executionWitness", hex(number))
        lists = [tuple(map(_bytes, witness[name])) for name in ("state", "codes", "headers", "keys")]
        receipts = tuple(map(_bytes, self._ask("debug_getRawReceipts", hex(number))))
        return Material(number, block, receipts, *lists)

    def account(self, address: bytes, number: int) -> Account:
        found = self._ask("eth_getProof", "0x" + address.hex(), [], hex(number))
        code_hash, storage_root = _bytes(found["codeHash"]), _bytes(found["storageHash"])
        return Account(
            int(found["nonce"], 16),
            int(found["balance"], 16),
            NO_CODE if code_hash == ABSENT else code_hash,
            NO_SLOTS if storage_root == ABSENT else storage_root,
        )

    def slot(self, address: bytes, slot: int, number: int) -> int:
        return int(self._ask("eth_getStorageAt", "0x" + address.hex(), f"0x{slot:064x}", hex(number)), 16)

    def _ask(self, method: str, *params: Any) -> Any:
        request = orjson.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        answer = self._reader.answer(request)
        if answer is None:
            raise VerifyError(f"{method} is not answered by a snapshot")
        told = orjson.loads(answer[1])
        if "error" in told:
            raise VerifyError(told["error"]["message"])
        return told["result"]


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text[2:])
