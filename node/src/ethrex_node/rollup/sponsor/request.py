"""What a user asks to be paid for: a call, and authorizations (EIP-7702) that somebody signed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ethrex_node import _native
from ethrex_node.rollup.l1 import signers
from ethrex_node.rollup.l1.transaction import Authorization
from ethrex_node.rpc import errors, params

FIELDS: Final = frozenset({"to", "data", "input", "value", "chainId", "type", "authorizationList"})
MAGIC: Final = b"\x05"  # EIP-7702: before what an authority signs
MOST_AUTHORIZATIONS: Final = 8
KINDS: Final = (2, 4)


@dataclass(frozen=True, slots=True)
class Signed:
    """An authorization and who signed it."""

    authority: bytes
    authorization: Authorization

    @property
    def delegate(self) -> bytes:
        return self.authorization.delegate


@dataclass(frozen=True, slots=True)
class Request:
    to: bytes
    data: bytes = b""
    authorizations: tuple[Signed, ...] = ()

    @property
    def call(self) -> dict[str, Any]:
        """As eth_call and eth_estimateGas take it."""
        call: dict[str, Any] = {"to": params.hex_data(self.to), "data": params.hex_data(self.data)}
        if self.authorizations:
            call["authorizationList"] = [_told(one.authorization) for one in self.authorizations]
        return call


def read(asked: Mapping[str, Any], chain_id: int) -> Request:
    """Raises `InvalidParams`."""
    given = {name: value for name, value in asked.items() if value is not None}
    unknown = sorted(set(given) - FIELDS)
    if unknown:
        raise errors.InvalidParams(f"the sponsor decides these fields: {', '.join(unknown)}")
    if "to" not in given:
        raise errors.InvalidParams("missing field 'to': contracts are not made for others")
    if _field(given, "value", params.quantity, 0):
        raise errors.InvalidParams("value has to be 0: the sponsor pays fees and gives nothing away")
    if _field(given, "chainId", params.quantity, chain_id) != chain_id:
        raise errors.InvalidParams(f"chainId {given['chainId']} is another chain's, this is {chain_id}")
    if _field(given, "type", params.quantity, KINDS[0]) not in KINDS:
        raise errors.InvalidParams("a sponsored transaction is of type 0x2, or 0x4 with authorizations")
    data, also = _field(given, "data", params.data, None), _field(given, "input", params.data, None)
    if data is not None and also is not None and data != also:
        raise errors.InvalidParams('both "data" and "input" are set and not equal')
    listed = _field(given, "authorizationList", params.array, [])
    if len(listed) > MOST_AUTHORIZATIONS:
        raise errors.InvalidParams(f"{len(listed)} authorizations, at most {MOST_AUTHORIZATIONS} are sponsored at once")
    signed = tuple(read_authorization(one, number, chain_id) for number, one in enumerate(listed))
    return Request(_field(given, "to", _address, b""), (data if data is not None else also) or b"", signed)


def authority_of(one: Authorization) -> bytes | None:
    """Who signed it; None: nobody."""
    preimage = MAGIC + _native.rlp_encode(one.fields()[:3])
    signature = one.r.to_bytes(32, "big") + one.s.to_bytes(32, "big") + bytes([one.y_parity])
    return signers.recover(_native.keccak256(preimage), signature)


def read_authorization(value: Any, number: int, chain_id: int) -> Signed:
    """Raises `InvalidParams`."""
    where = f"authorizationList[{number}]"
    try:
        given = params.mapping(value)
        parity = given.get("yParity", given.get("v"))
        numbers = {name: params.quantity(given.get(name)) for name in ("chainId", "nonce")}
        one = Authorization(
            chain_id=numbers["chainId"],
            delegate=_address(given.get("address")),
            nonce=numbers["nonce"],
            y_parity=params.quantity(parity) % 27,
            r=_word(given.get("r")),
            s=_word(given.get("s")),
        )
        authority = authority_of(one)
    except ValueError as error:
        raise errors.InvalidParams(f"{where}: {error}") from error
    if one.chain_id not in (0, chain_id):
        raise errors.InvalidParams(f"{where}: chain {one.chain_id} is neither this one, {chain_id}, nor 0")
    if authority is None:
        raise errors.InvalidParams(f"{where}: the signature is nobody's")
    return Signed(authority, one)


def _told(one: Authorization) -> dict[str, str]:
    numbers = {"chainId": one.chain_id, "nonce": one.nonce, "yParity": one.y_parity, "r": one.r, "s": one.s}
    return {"address": params.hex_data(one.delegate)} | {name: hex(value) for name, value in numbers.items()}


def _word(value: Any) -> int:
    """Wallets write r and s as numbers or as 32 bytes."""
    if isinstance(value, str) and len(value) == 66:
        return int.from_bytes(params.data(value, 32), "big")
    return params.quantity(value)


def _address(value: Any) -> bytes:
    return params.data(value, 20)


def _field(given: Mapping[str, Any], name: str, decode: Any, otherwise: Any) -> Any:
    if name not in given:
        return otherwise
    try:
        return decode(given[name])
    except ValueError as error:
        raise errors.InvalidParams(f"invalid {name}: {error}") from error
