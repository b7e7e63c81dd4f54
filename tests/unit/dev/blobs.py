"""Blob transactions of the first account, in both forms of proofs."""

from __future__ import annotations

import hashlib
from typing import Any

from eth_account import Account

from ethrex_node import _native
from unit.dev.conftest import ACCOUNTS, SECOND


def blob(seed: int) -> bytes:
    """Field elements are below the modulus where their first byte is zero."""
    return b"".join(b"\x00" + bytes([seed]) * 31 for _ in range(4096))


def transaction(blob_list: list[bytes], *, cells: bool = True) -> bytes:
    """As it travels, with cell proofs (EIP-7594) or one proof a blob (EIP-4844)."""
    commitments = [_native.blob_to_kzg_commitment(one) for one in blob_list]
    if cells:
        proofs = [proof for one in blob_list for proof in _native.compute_cells_and_kzg_proofs(one)[1]]
    else:
        proofs = list(map(_native.compute_blob_kzg_proof, blob_list, commitments))
    hashes = [b"\x01" + hashlib.sha256(one).digest()[1:] for one in commitments]
    gwei = 10**9

    def number(value: int) -> bytes:
        return value.to_bytes((value.bit_length() + 7) // 8, "big")

    fields: list[Any] = [number(31337), b"", number(gwei), number(10 * gwei), number(21_000), SECOND, b"", b"", []]
    fields += [number(gwei), hashes]
    digest = _native.keccak256(b"\x03" + _native.rlp_encode(fields))
    signed = Account.unsafe_sign_hash(digest, ACCOUNTS[0].key)
    fields += [number(signed.v - 27), number(signed.r), number(signed.s)]
    return b"\x03" + bytes(_native.rlp_encode([fields, *([b"\x01"] if cells else []), blob_list, commitments, proofs]))
