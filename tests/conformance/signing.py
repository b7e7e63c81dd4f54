"""
Put together and sign the transaction of a state test that brings its parts only.

``transaction`` holds lists of data, gas limits, values and access lists; ``indexes`` choose among them. Legacy
transactions are signed without a chain id, as the fillers of such files did.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conformance.fixture import number, unhex
from ethrex_node import _native

CHAIN_ID = 1
Item = bytes | list[Any]


def signed(transaction: Mapping[str, Any], indexes: Mapping[str, int]) -> bytes:
    secret = unhex(transaction["secretKey"]).rjust(32, b"\0")
    kind, fields = _fields(transaction, indexes)
    prefix = bytes([kind]) if kind else b""
    digest = _native.keccak256(prefix + _native.rlp_encode(fields))
    signature = _native.sign_hash(secret, digest)
    r, s, odd = signature[:32].lstrip(b"\0"), signature[32:64].lstrip(b"\0"), signature[64]
    parity = _integer(odd if kind else 27 + odd)
    return prefix + bytes(_native.rlp_encode([*fields, parity, r, s]))


def _fields(transaction: Mapping[str, Any], indexes: Mapping[str, int]) -> tuple[int, list[Item]]:
    access_lists = transaction.get("accessLists")
    access = access_lists[indexes["data"]] if access_lists else None
    nonce, gas_limit = _integer(transaction["nonce"]), _integer(transaction["gasLimit"][indexes["gas"]])
    to, value = unhex(transaction["to"]), _integer(transaction["value"][indexes["value"]])
    body: list[Item] = [gas_limit, to, value, unhex(transaction["data"][indexes["data"]])]
    if "maxFeePerGas" in transaction:
        fees = [_integer(transaction["maxPriorityFeePerGas"]), _integer(transaction["maxFeePerGas"])]
        common = [_integer(CHAIN_ID), nonce, *fees, *body, _access_list(access)]
        if "blobVersionedHashes" in transaction:
            hashes = [unhex(digest) for digest in transaction["blobVersionedHashes"]]
            return 3, [*common, _integer(transaction["maxFeePerBlobGas"]), hashes]
        if "authorizationList" in transaction:
            return 4, [*common, [_authorization(entry) for entry in transaction["authorizationList"]]]
        return 2, common
    price = _integer(transaction["gasPrice"])
    if access is not None:
        return 1, [_integer(CHAIN_ID), nonce, price, *body, _access_list(access)]
    return 0, [nonce, price, *body]


def _access_list(entries: list[Mapping[str, Any]] | None) -> Item:
    return [
        [unhex(entry["address"]), [unhex(key).rjust(32, b"\0") for key in entry["storageKeys"]]]
        for entry in entries or []
    ]


def _authorization(entry: Mapping[str, Any]) -> Item:
    parity = entry.get("yParity", entry.get("v"))
    numbers = (parity, entry["r"], entry["s"])
    return [
        _integer(entry["chainId"]), unhex(entry["address"]), _integer(entry["nonce"]),
        *(_integer(value) for value in numbers),
    ]  # fmt: skip


def _integer(value: Any) -> bytes:
    whole = number(value)
    return whole.to_bytes((whole.bit_length() + 7) // 8, "big")
