"""
Rows as bytes: a frozen dataclass is an RLP list of its fields in order.

RLP rather than a format with names: numbers of any size (amounts in wei pass 64 bits), no second way to write a value,
and the codec is native. A field that is added comes last and has a default; then rows of before can be read.

A field is int (not negative), bool, str, bytes, an enum of str, another such dataclass, a tuple of one of these, or one
of these or None.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import types
import typing
from collections.abc import Callable
from typing import Any, TypeVar

from ethrex_node import _native

T = TypeVar("T")
Part = Any  # bytes, or a list of parts
Codec = tuple[Callable[[Any], Part], Callable[[Part], Any]]


class BadRow(Exception):
    """Bytes that are not a row of this kind."""


def encode(row: Any) -> bytes:
    return _native.rlp_encode(_codec(_any(type(row)))[0](row))


def decode(kind: type[T], data: bytes) -> T:
    """Raises `BadRow`."""
    try:
        row: T = _codec(_any(kind))[1](_native.rlp_decode(data))
    except (ValueError, TypeError, UnicodeDecodeError) as error:
        raise BadRow(f"not a row of {kind.__name__}: {error}") from None
    return row


def _any(kind: type[Any]) -> Any:
    """For mypy, which does not take a class for hashable."""
    return kind


@functools.cache
def _codec(kind: Any) -> Codec:
    if kind is int:
        return _from_int, _to_int
    if kind is bool:
        return (lambda value: b"\1" if value else b""), _to_bool
    if kind is bytes:
        return (lambda value: value), _to_bytes
    if kind is str:
        return str.encode, lambda part: _to_bytes(part).decode()
    if isinstance(kind, type) and issubclass(kind, enum.StrEnum):
        return (lambda value: value.value.encode()), lambda part: kind(_to_bytes(part).decode())
    if dataclasses.is_dataclass(kind):
        return _dataclass_codec(typing.cast("type[Any]", kind))
    if typing.get_origin(kind) is tuple:
        return _tuple_codec(typing.get_args(kind)[0])
    if isinstance(kind, types.UnionType):
        return _optional_codec(next(one for one in typing.get_args(kind) if one is not type(None)))
    if isinstance(kind, typing.NewType):
        return _codec(kind.__supertype__)
    raise TypeError(f"a row cannot hold {kind}")


def _dataclass_codec(kind: type[Any]) -> Codec:
    hints = typing.get_type_hints(kind)
    fields = [one for one in dataclasses.fields(kind) if one.init]
    codecs = [_codec(hints[one.name]) for one in fields]
    required = sum(one.default is dataclasses.MISSING for one in fields)

    def write(value: Any) -> Part:
        return [codec[0](getattr(value, one.name)) for one, codec in zip(fields, codecs, strict=True)]

    def read(part: Part) -> Any:
        if not isinstance(part, list) or not required <= len(part) <= len(fields):
            raise ValueError(f"expected {required} to {len(fields)} fields of {kind.__name__}")
        named = zip(fields, codecs, part, strict=False)
        return kind(**{one.name: codec[1](item) for one, codec, item in named})

    return write, read


def _tuple_codec(kind: Any) -> Codec:
    write, read = _codec(kind)
    return (lambda value: [write(item) for item in value]), lambda part: tuple(read(item) for item in _to_list(part))


def _optional_codec(kind: Any) -> Codec:
    """None is the empty list, a value a list of one."""
    write, read = _codec(kind)

    def back(part: Part) -> Any:
        items = _to_list(part)
        if len(items) > 1:
            raise ValueError("expected none or one")
        return read(items[0]) if items else None

    return (lambda value: [] if value is None else [write(value)]), back


def _from_int(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def _to_int(part: Part) -> int:
    return int.from_bytes(_to_bytes(part), "big")


def _to_bool(part: Part) -> bool:
    if part not in (b"", b"\1"):
        raise ValueError(f"{part!r:.40} is not a bool")
    return bool(part)


def _to_bytes(part: Part) -> bytes:
    if not isinstance(part, bytes):
        raise ValueError("expected bytes, got a list")
    return part


def _to_list(part: Part) -> list[Part]:
    if not isinstance(part, list):
        raise ValueError("expected a list, got bytes")
    return part
