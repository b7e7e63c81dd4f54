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
TEXT: Final = bytes.fromhex("08c379a0")  # Error(string)


def told(data: bytes | None) -> str | None:
    """``NumberNotNext(2, 3)``, the text of a plain revert, or None where the data says nothing that is known."""
    if data is None or len(data) < 4:
        return None
    if data[:4] == TEXT:
        return str(_values(("string",), data[4:])[0])
    known = _errors().get(data[:4])
    if known is None:
        return None
    name, types = known
    return f"{name}({', '.join(_shown(value) for value in _values(types, data[4:]))})"


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
                found[_native.keccak256(signature.encode())[:4]] = (str(one["name"]), types)
    return found


def _type(argument: Mapping[str, Any]) -> str:
    kind = str(argument["type"])
    if not kind.startswith("tuple"):
        return kind
    return f"({','.join(_type(one) for one in argument['components'])}){kind.removeprefix('tuple')}"
