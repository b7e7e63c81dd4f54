"""Transactions of type 2 (EIP-1559), 3 (EIP-4844) and 4 (EIP-7702): fields, what is signed, and the bytes that go out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from ethrex_node import _native
from ethrex_node.rollup.l1.blobs import Sidecar
from ethrex_node.rollup.l1.fees import Fees

DYNAMIC_FEE: Final = 2
BLOB: Final = 3
SET_CODE: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization:
    """An account lets `delegate` be its code (EIP-7702); `chain_id` 0 is every chain."""

    chain_id: int
    delegate: bytes
    nonce: int
    y_parity: int
    r: int
    s: int

    def fields(self) -> list[bytes]:
        signature = (_number(self.y_parity), _number(self.r), _number(self.s))
        return [_number(self.chain_id), self.delegate, _number(self.nonce), *signature]


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """
    With `blob_hashes` it is of type 3, with `authorizations` of type 4, else of type 2. Contracts are made through a
    factory: `to` is always there.
    """

    chain_id: int
    nonce: int
    to: bytes
    gas_limit: int
    fees: Fees
    data: bytes = b""
    value_wei: int = 0
    blob_hashes: tuple[bytes, ...] = ()
    authorizations: tuple[Authorization, ...] = ()

    @property
    def kind(self) -> int:
        if self.authorizations:
            return SET_CODE
        return BLOB if self.blob_hashes else DYNAMIC_FEE

    @property
    def preimage(self) -> bytes:
        """What is hashed and signed."""
        return bytes([self.kind]) + _native.rlp_encode(self._fields())

    def signed(self, signature: bytes) -> Signed:
        """`signature`: r, s, parity (65 bytes)."""
        fields = [*self._fields(), signature[64:].lstrip(b"\0"), *(_trimmed(signature[i : i + 32]) for i in (0, 32))]
        raw = bytes([self.kind]) + _native.rlp_encode(fields)
        return Signed(raw, _native.keccak256(raw))

    def _fields(self) -> list[Any]:
        fees = self.fees
        fields: list[Any] = [
            *map(_number, (self.chain_id, self.nonce, fees.max_priority_fee_per_gas, fees.max_fee_per_gas)),
            *(_number(self.gas_limit), self.to, _number(self.value_wei), self.data, []),
        ]
        if self.blob_hashes:
            fields += [_number(fees.max_fee_per_blob_gas), list(self.blob_hashes)]
        if self.authorizations:
            fields.append([one.fields() for one in self.authorizations])
        return fields


def read(raw: bytes) -> Transaction:
    """One that was signed here, of type 2 or 4, out of the form that stands in a block."""
    fields = _native.rlp_decode(raw[1:])
    chain_id, nonce, tip, per_gas, gas_limit = map(_value, fields[:5])
    authorizations = fields[9] if raw[0] == SET_CODE else []
    return Transaction(
        chain_id=chain_id,
        nonce=nonce,
        to=bytes(fields[5]),
        gas_limit=gas_limit,
        fees=Fees(per_gas, tip),
        value_wei=_value(fields[6]),
        data=bytes(fields[7]),
        authorizations=tuple(map(_authorization, authorizations)),
    )


@dataclass(frozen=True, slots=True)
class Signed:
    """`raw` is the form that stands in a block, without blobs."""

    raw: bytes
    hash: bytes

    def network(self, sidecar: Sidecar | None, *, cells: bool = True) -> bytes:
        """What eth_sendRawTransaction takes. `cells`: proofs in the form of Osaka and later."""
        if sidecar is None:
            return self.raw
        fields = _native.rlp_decode(self.raw[1:])
        return self.raw[:1] + _native.rlp_encode([fields, *sidecar.wrapped(cells=cells)])


def _authorization(fields: list[bytes]) -> Authorization:
    chain_id, delegate, nonce, y_parity, r, s = fields
    numbers = {"chain_id": chain_id, "nonce": nonce, "y_parity": y_parity, "r": r, "s": s}
    return Authorization(delegate=bytes(delegate), **{name: _value(one) for name, one in numbers.items()})


def _value(part: bytes) -> int:
    return int.from_bytes(part, "big")


def _number(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def _trimmed(word: bytes) -> bytes:
    return word.lstrip(b"\0")
