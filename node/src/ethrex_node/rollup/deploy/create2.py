"""
Addresses that are known before there is anything at them (EIP-1014), by way of the deterministic deployment proxy.

The proxy is at the same address on every chain: https://github.com/Arachnid/deterministic-deployment-proxy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ethrex_node import _native
from ethrex_node.rollup import artifacts
from ethrex_node.rollup.l1 import abi

DEPLOYER: Final = bytes.fromhex("4e59b44847b379578588920ca78fbf26c0b4956c")


@dataclass(frozen=True, slots=True)
class Standing:
    """A contract that somebody else has made."""

    name: str
    address: bytes


@dataclass(frozen=True, slots=True)
class Creation:
    """A contract to be: what the deployment proxy is called with."""

    name: str
    salt: bytes
    code: bytes  # creation code with its arguments

    @property
    def address(self) -> bytes:
        preimage = b"\xff" + DEPLOYER + self.salt + _native.keccak256(self.code)
        return _native.keccak256(preimage)[12:]

    @property
    def call_data(self) -> bytes:
        return self.salt + self.code


def creation(name: str, salt: bytes, types: tuple[str, ...] = (), values: tuple[object, ...] = ()) -> Creation:
    """The contract of an artifact, made with these arguments."""
    return Creation(name, salt, artifacts.load(name).creation + abi.encode(types, values))


def proxy(implementation: Creation, salt: bytes, initializer: bytes) -> Creation:
    """An ERC-1967 proxy that begins with a call of `initializer`."""
    made = creation("ERC1967Proxy", salt, ("address", "bytes"), ("0x" + implementation.address.hex(), initializer))
    return Creation(f"{implementation.name} proxy", salt, made.code)
