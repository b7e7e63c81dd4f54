"""
What the contracts came to: ABI and code, a JSON file each, written by ``make contracts`` and compared in the checks.

Sources: ``contracts/src``. Everybody who deploys, calls or puts a contract into a genesis reads it here.
"""

from __future__ import annotations

import functools
import importlib.resources
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


class ArtifactMissing(Exception):
    """There is no contract of that name."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """A built contract."""

    name: str
    abi: Sequence[Mapping[str, Any]]
    #: What creates it; constructor arguments follow.
    creation: bytes
    #: What stands at its address, with zeros where the constructor puts immutables.
    deployed: bytes
    #: Where immutables stand in `deployed`: first byte and length of each.
    immutables: Sequence[tuple[int, int]] = ()

    @property
    def has_immutables(self) -> bool:
        return bool(self.immutables)

    def matches(self, code: bytes) -> bool:
        """Whether `code` is this contract, whatever its immutables are."""
        if len(code) != len(self.deployed):
            return False
        blank = bytearray(code)
        for start, length in self.immutables:
            blank[start : start + length] = bytes(length)
        return bytes(blank) == self.deployed


@functools.cache
def load(name: str) -> Artifact:
    """Raises `ArtifactMissing`."""
    file = importlib.resources.files(__package__) / f"{name}.json"
    if not file.is_file():
        raise ArtifactMissing(f"no artifact of a contract {name}")
    given = json.loads(file.read_bytes())
    return Artifact(
        given["contractName"],
        given["abi"],
        _code(given["bytecode"]),
        _code(given["deployedBytecode"]),
        tuple((one["start"], one["length"]) for one in given["immutableReferences"]),
    )


def _code(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))
