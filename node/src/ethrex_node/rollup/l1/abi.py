"""
Calls, events and errors of contracts by their Solidity signatures.

A signature is text as Solidity canonically writes it: ``commitBatch((uint8,uint256),bytes[])``. Encoding is eth-abi's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from eth_abi import abi, exceptions, grammar

from ethrex_node import _native
from ethrex_node.rollup.l1.answers import Log
from ethrex_node.rollup.l1.errors import Malformed


def types_of(arguments: str) -> tuple[str, ...]:
    """``(uint8,(bytes,bool)[])`` -> ("uint8", "(bytes,bool)[]"). ValueError where it is not a list of types."""
    try:
        parsed = grammar.parse(arguments) if arguments != "()" else None
    except exceptions.ParseError as error:
        raise ValueError(f"{arguments!r} is not a list of ABI types: {error}") from None
    return () if parsed is None else tuple(one.to_type_str() for one in parsed.components)


def encode(types: Sequence[str], values: Sequence[Any]) -> bytes:
    """abi.encode. ValueError where a value does not fit its type."""
    try:
        return abi.encode(types, values)
    except (exceptions.EncodingError, TypeError) as error:
        raise ValueError(f"{tuple(types)}: {error}") from None


def decode(types: Sequence[str], data: bytes, where: str) -> tuple[Any, ...]:
    """Raises `Malformed`."""
    try:
        return tuple(abi.decode(types, data))
    except (exceptions.DecodingError, OverflowError, ValueError) as error:
        raise Malformed(f"{where}: {error}") from None


@dataclass(frozen=True)
class Function:
    """`returns` is a list of types in parentheses."""

    signature: str
    returns: str = "()"

    @cached_property
    def selector(self) -> bytes:
        return _native.keccak256(self.signature.encode())[:4]

    @cached_property
    def _types(self) -> tuple[str, ...]:
        return types_of(self.signature[self.signature.index("(") :])

    def call(self, *arguments: Any) -> bytes:
        """Call data."""
        return self.selector + encode(self._types, arguments)

    def arguments(self, data: bytes) -> tuple[Any, ...]:
        """What a call was made with. Raises `Malformed`, also for another function's call."""
        if data[:4] != self.selector:
            raise Malformed(f"0x{data[:4].hex()} is not a call of {self.signature}")
        return decode(self._types, data[4:], self.signature)

    def result(self, data: bytes) -> tuple[Any, ...]:
        return decode(types_of(self.returns), data, self.signature)


@dataclass(frozen=True)
class Event:
    """`arguments` in order: (name, type, whether it is indexed)."""

    name: str
    arguments: tuple[tuple[str, str, bool], ...]

    @cached_property
    def topic(self) -> bytes:
        types = ",".join(kind for _, kind, _ in self.arguments)
        return _native.keccak256(f"{self.name}({types})".encode())

    def read(self, log: Log) -> dict[str, Any]:
        """Values by name; an indexed one of dynamic type is its hash. Raises `Malformed`."""
        indexed = [(name, kind) for name, kind, is_indexed in self.arguments if is_indexed]
        plain = [(name, kind) for name, kind, is_indexed in self.arguments if not is_indexed]
        if log.topics[:1] != (self.topic,) or len(log.topics) != 1 + len(indexed):
            raise Malformed(f"a log of 0x{log.address.hex()} is not {self.name}")
        values: dict[str, Any] = {}
        for (name, kind), topic in zip(indexed, log.topics[1:], strict=True):
            is_hashed = kind in ("bytes", "string") or kind.endswith((")", "]"))
            values[name] = topic if is_hashed else decode([kind], topic, self.name)[0]
        found = decode([kind for _, kind in plain], log.data, self.name)
        return values | dict(zip((name for name, _ in plain), found, strict=True))
