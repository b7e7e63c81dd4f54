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


def _number(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def _trimmed(word: bytes) -> bytes:
    return word.lstrip(b"\0")
