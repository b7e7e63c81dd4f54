"""
Whether the code on L1 is that of this version's contracts.

An address by CREATE2 says what was created there, and nothing of what a proxy runs by now; an address that somebody names
says nothing at all. So code is compared with the artifacts byte for byte, but for immutables, and a proxy by the
implementation in its ERC-1967 slot.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from ethrex_node import _native
from ethrex_node.rollup import artifacts
from ethrex_node.rollup.deploy import steps
from ethrex_node.rollup.deploy.errors import Absent, ForeignCode
from ethrex_node.rollup.l1.client import L1Client

IMPLEMENTATION_SLOT: Final = bytes.fromhex("360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc")
PROXY: Final = "ERC1967Proxy"


@dataclass(frozen=True, slots=True)
class Verified:
    """The implementation behind each proxy that was compared, by the names of a deployment's file."""

    implementations: Mapping[str, bytes] = field(default_factory=dict)


async def compare(client: L1Client, made: steps.Contracts, *, whole: bool) -> Verified:
    """
    All contracts that stand on L1; `whole` where none may be missing.

    Raises `Absent`, `ForeignCode` with everything that differs, `L1Error`.
    """
    number = (await client.head()).number
    differs: list[str] = []
    found: dict[str, bytes] = {}
    for contract, artifact in _expected(made):
        code = await client.code(contract.address, number)
        if code:
            differs += _differs(contract.name, contract.address, code, artifact)
        elif whole:
            raise Absent(f"no contract is at 0x{contract.address.hex()}, where the {contract.name} should be")
    for (entry, contract), name in zip(made.entries.items(), steps.PROXIED, strict=False):
        slot = await client.storage(contract.address, IMPLEMENTATION_SLOT, number)
        if any(slot):
            found[entry] = slot[12:]
            behind = await client.code(slot[12:], number)
            differs += _differs(f"implementation of the {contract.name}", slot[12:], behind, name)
    if differs:
        raise ForeignCode(differs)
    return Verified(found)


def _expected(made: steps.Contracts) -> Iterator[tuple[steps.Contract, str]]:
    """Each contract with the name of its artifact."""
    for proxy in made.proxies:
        yield proxy, PROXY
    for one in made.every:
        if one not in made.proxies:
            yield one, one.name


def _differs(what: str, address: bytes, code: bytes, name: str) -> list[str]:
    if artifacts.load(name).matches(code):
        return []
    told = f"{len(code):,} bytes, code hash 0x{_native.keccak256(code).hex()}"
    return [f"0x{address.hex()}, the {what}, is not the {name} of this version: {told}"]
