"""
Positional JSON parameters to typed arguments.

A method's signature is its schema: each parameter's annotation names a decoder here. New types are added with
`register`. Every refusal is InvalidParams with the position and the reason, worded as geth words it.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable
from typing import Any, NewType

from ethrex_node.rpc import errors

Address = NewType("Address", bytes)
Hash = NewType("Hash", bytes)
Data = NewType("Data", bytes)
Quantity = NewType("Quantity", int)
Decoder = Callable[[Any], Any]

MAX_QUANTITY_DIGITS = 64


def data(value: Any, size: int | None = None) -> bytes:
    """0x-prefixed hex of whole bytes. Raises ValueError."""
    if type(value) is not str:
        raise ValueError(f"expected a hex string, got {_kind(value)}")
    if value[:2] not in ("0x", "0X"):
        raise ValueError("hex string without 0x prefix")
    digits = value[2:]
    if len(digits) % 2:
        raise ValueError("hex string of odd length")
    try:
        raw = bytes.fromhex(digits) if digits.isalnum() or not digits else _bad_hex()
    except ValueError:
        _bad_hex()
    if size is not None and len(raw) != size:
        raise ValueError(f"hex string has length {len(digits)}, want {2 * size}")
    return raw


def quantity(value: Any) -> int:
    """0x-prefixed hex number without leading zeros, up to 256 bits. Raises ValueError."""
    if type(value) is not str:
        raise ValueError(f"expected a hex number, got {_kind(value)}")
    if value[:2] not in ("0x", "0X"):
        raise ValueError("hex string without 0x prefix")
    digits = value[2:]
    if not digits:
        raise ValueError("hex string is empty")
    if digits[0] == "0" and len(digits) > 1:
        raise ValueError("hex number with leading zero digits")
    if len(digits) > MAX_QUANTITY_DIGITS:
        raise ValueError("hex number above 256 bits")
    if not (digits.isascii() and digits.isalnum()):
        _bad_hex()
    try:
        return int(digits, 16)
    except ValueError:
        _bad_hex()


def boolean(value: Any) -> bool:
    if type(value) is not bool:
        raise ValueError(f"expected true or false, got {_kind(value)}")
    return value


def text(value: Any) -> str:
    if type(value) is not str:
        raise ValueError(f"expected a string, got {_kind(value)}")
    return value


def integer(value: Any) -> int:
    """A plain JSON number, whole."""
    if type(value) is not int:
        raise ValueError(f"expected a whole number, got {_kind(value)}")
    return value


def mapping(value: Any) -> dict[str, Any]:
    if type(value) is not dict:
        raise ValueError(f"expected an object, got {_kind(value)}")
    return value


def array(value: Any) -> list[Any]:
    if type(value) is not list:
        raise ValueError(f"expected an array, got {_kind(value)}")
    return value


def hex_quantity(value: int) -> str:
    return hex(value)


def hex_data(value: bytes) -> str:
    return "0x" + value.hex()


_DECODERS: dict[Any, Decoder] = {
    Address: lambda value: data(value, 20),
    Hash: lambda value: data(value, 32),
    Data: data,
    Quantity: quantity,
    bool: boolean,
    str: text,
    int: integer,
    dict[str, Any]: mapping,
    list[Any]: array,
    list[Data]: lambda value: [data(one) for one in array(value)],
    Any: lambda value: value,
}


def register(annotation: Any, decoder: Decoder) -> None:
    """Teach the table a type. The decoder raises ValueError for what it does not accept."""
    _DECODERS[annotation] = decoder


def decoder_of(function: Callable[..., Any], skip: int) -> Callable[[Any], list[Any]]:
    """Read a signature once; give a function from JSON params to arguments. The first `skip` are not the caller's."""
    hints = typing.get_type_hints(function)
    slots = [
        (_decoder_for(hints[parameter.name]), parameter.default is inspect.Parameter.empty)
        for parameter in list(inspect.signature(function).parameters.values())[skip:]
    ]
    required = sum(1 for _, needed in slots if needed)
    defaults = [parameter.default for parameter in list(inspect.signature(function).parameters.values())[skip:]]

    def decode(params: Any) -> list[Any]:
        if params is None:
            params = []
        if type(params) is not list:
            raise errors.InvalidParams("non-array args")
        if len(params) > len(slots):
            raise errors.InvalidParams(f"too many arguments, want at most {len(slots)}")
        arguments = list(defaults)
        for position, value in enumerate(params):
            if value is None:
                if slots[position][1]:
                    raise errors.InvalidParams(f"missing value for required argument {position}")
                continue
            try:
                arguments[position] = slots[position][0](value)
            except ValueError as error:
                raise errors.InvalidParams(f"invalid argument {position}: {error}") from error
        if len(params) < required:
            raise errors.InvalidParams(f"missing value for required argument {len(params)}")
        return arguments

    return decode


def _decoder_for(annotation: Any) -> Decoder:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        (annotation,) = (part for part in typing.get_args(annotation) if part is not types.NoneType)
    try:
        return _DECODERS[annotation]
    except KeyError:
        raise TypeError(f"no decoder for parameters of type {annotation!r}: see params.register") from None


def _kind(value: Any) -> str:
    names = {
        type(None): "null",
        bool: "a boolean",
        int: "a number",
        float: "a number",
        str: "a string",
        list: "an array",
    }
    return names.get(type(value), "an object")


def _bad_hex() -> typing.NoReturn:
    raise ValueError("invalid hex string")
