"""
Structures of the Engine API out of JSON: fork choice state, payload attributes, requests. Types are checked here, which
version takes which field in ``forkchoice`` and ``payloads``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from ethrex_node.engine import errors, parts
from ethrex_node.rpc import params

U64: Final = 2**64
ZERO: Final = bytes(32)


@dataclass(frozen=True, slots=True)
class ForkchoiceState:
    """Zero hashes: not known to the consensus client yet."""

    head: bytes
    safe: bytes
    finalized: bytes


@dataclass(frozen=True, slots=True)
class Status:
    """PayloadStatusV1."""

    status: str
    latest_valid: bytes | None = None
    reason: str | None = None

    def json(self) -> dict[str, str | None]:
        latest = None if self.latest_valid is None else params.hex_data(self.latest_valid)
        return {"status": self.status, "latestValidHash": latest, "validationError": self.reason}


SYNCING: Final = Status("SYNCING")
ACCEPTED: Final = Status("ACCEPTED")


def valid(block_hash: bytes) -> Status:
    return Status("VALID", block_hash)


def forkchoice_state(value: Any) -> ForkchoiceState:
    """Raises ValueError."""
    fields = params.mapping(value)
    names = ("headBlockHash", "safeBlockHash", "finalizedBlockHash")
    return ForkchoiceState(*(_field(fields, name, 32) for name in names))


def attributes(value: Any) -> parts.Attributes:
    """Any version. Raises ValueError."""
    fields = params.mapping(value)
    withdrawals, root = fields.get("withdrawals"), fields.get("parentBeaconBlockRoot")
    return parts.Attributes(
        timestamp=number(fields, "timestamp"),
        prev_randao=_field(fields, "prevRandao", 32),
        fee_recipient=_field(fields, "suggestedFeeRecipient", 20),
        withdrawals=None if withdrawals is None else tuple(map(_withdrawal, params.array(withdrawals))),
        parent_beacon_root=None if root is None else params.data(root, 32),
    )


def hashes(value: Any) -> list[bytes]:
    """Raises ValueError."""
    return [params.data(one, 32) for one in params.array(value)]


def requests(values: list[Any]) -> list[bytes]:
    """EIP-7685: a type byte and at least one more, types ascending, each once. Raises WrongParams."""
    try:
        decoded = [params.data(value) for value in values]
    except ValueError as error:
        raise errors.WrongParams(f"execution requests: {error}") from error
    for position, one in enumerate(decoded):
        if len(one) < 2:
            raise errors.WrongParams(f"empty request: {params.hex_data(one)}")
        if position and one[0] <= decoded[position - 1][0]:
            raise errors.WrongParams(f"invalid request order: type {one[0]} after {decoded[position - 1][0]}")
    return decoded


def _withdrawal(value: Any) -> parts.Withdrawal:
    fields = params.mapping(value)
    return parts.Withdrawal(
        index=number(fields, "index"),
        validator=number(fields, "validatorIndex"),
        address=_field(fields, "address", 20),
        amount=number(fields, "amount"),
    )


def _field(fields: dict[str, Any], name: str, size: int) -> bytes:
    if fields.get(name) is None:
        raise ValueError(f"missing required field '{name}'")
    try:
        return params.data(fields[name], size)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def number(fields: dict[str, Any], name: str) -> int:
    """A member that has to be there, of 64 bits. Raises ValueError."""
    if fields.get(name) is None:
        raise ValueError(f"missing required field '{name}'")
    try:
        value = params.quantity(fields[name])
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    if value >= U64:
        raise ValueError(f"{name}: above 64 bits")
    return value


params.register(ForkchoiceState, forkchoice_state)
params.register(parts.Attributes, attributes)
params.register(list[bytes], hashes)
