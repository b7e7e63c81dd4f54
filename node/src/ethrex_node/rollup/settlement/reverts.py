"""What a contract of ours says when it refuses, in words: its errors by their selectors, out of the artifacts."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, Final

from ethrex_node import _native
from ethrex_node.rollup import artifacts
from ethrex_node.rollup.l1 import abi
from ethrex_node.rollup.l1.errors import Malformed

CONTRACTS: Final = (
    *("OnChainProposer", "CommonBridge", "VerifierRegistry", "AttestedVerifier", "DataCommittee", "Timelock"),
    *("CommonBridgeL2", "Messenger", "ERC20L2"),
)
SELECTOR_BYTES: Final = 4
TEXT: Final = bytes.fromhex("08c379a0")  # Error(string)


def told(given: Any) -> str | None:
    """
    ``NumberNotNext(2, 3)``, the text of a plain revert, or None where the data says nothing that is known. `given` is
    bytes, or what a node has put into its error: mostly hex.
    """
    data = _bytes(given)
    if len(data) < SELECTOR_BYTES:
        return None
    if data[:SELECTOR_BYTES] == TEXT:
        return str(_values(("string",), data[SELECTOR_BYTES:])[0])
    known = _errors().get(data[:SELECTOR_BYTES])
    if known is None:
        return None
    name, types = known
    return f"{name}({', '.join(_shown(value) for value in _values(types, data[SELECTOR_BYTES:]))})"


def _bytes(given: Any) -> bytes:
    if isinstance(given, bytes):
        return given
    try:
        return bytes.fromhex(given[2:]) if isinstance(given, str) and given.startswith("0x") else b""
    except ValueError:
        return b""


def _values(types: tuple[str, ...], data: bytes) -> tuple[Any, ...]:
    try:
        return abi.decode(types, data, "revert")
    except Malformed:
        return ("?",) * len(types)


def _shown(value: Any) -> str:
    return f"0x{value.hex()}" if isinstance(value, bytes) else str(value)


@functools.cache
def _errors() -> Mapping[bytes, tuple[str, tuple[str, ...]]]:
    found = {}
    for contract in CONTRACTS:
        for one in artifacts.load(contract).abi:
            if one["type"] == "error":
                types = tuple(_type(argument) for argument in one["inputs"])
                signature = f"{one['name']}({','.join(types)})"
                found[_native.keccak256(signature.encode())[:SELECTOR_BYTES]] = (str(one["name"]), types)
    return found


def _type(argument: Mapping[str, Any]) -> str:
    kind = str(argument["type"])
    if not kind.startswith("tuple"):
        return kind
    return f"({','.join(_type(one) for one in argument['components'])}){kind.removeprefix('tuple')}"
