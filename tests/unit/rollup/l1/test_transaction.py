"""Transactions against eth-account and against the node's own reading of them."""

from __future__ import annotations

import pytest
from eth_account import Account
from unit.rollup.conftest import KEYS

from ethrex_node import _native
from ethrex_node.rollup.l1 import blobs, fees, signers
from ethrex_node.rollup.l1.transaction import Authorization, Transaction

KEY = KEYS[0]
BLOBS = (bytes(blobs.BLOB_BYTES), b"\0" + b"\7" * 31 + bytes(blobs.BLOB_BYTES - 32))


def transaction(**more: object) -> Transaction:
    fields: dict[str, object] = {
        "chain_id": 31337, "nonce": 0, "to": b"\x11" * 20, "gas_limit": 50_000, "fees": fees.Fees(10**10, 10**9, 0),
        "data": b"\0\1\2", "value_wei": 10**18,
    }  # fmt: skip
    return Transaction(**(fields | more))  # type: ignore[arg-type]


@pytest.mark.parametrize("nonce", [0, 1, 127, 128, 70_000])
async def test_type_2_is_byte_for_byte_that_of_eth_account(nonce: int) -> None:
    ours = transaction(nonce=nonce)
    theirs = Account.sign_transaction(
        {"type": 2, "chainId": 31337, "nonce": nonce, "to": "0x" + "11" * 20, "gas": 50_000, "maxFeePerGas": 10**10,
         "maxPriorityFeePerGas": 10**9, "data": b"\0\1\2", "value": 10**18},
        KEY._key,
    )  # fmt: skip

    signed = ours.signed(await KEY.sign(ours.preimage))

    assert signed.raw == bytes(theirs.raw_transaction)
    assert signed.hash == bytes(theirs.hash)


async def test_type_4_is_byte_for_byte_that_of_eth_account() -> None:
    user = Account.from_key(b"\x0d" * 32)
    given = user.sign_authorization({"chainId": 31337, "address": "0x" + "22" * 20, "nonce": 0})
    one = Authorization(
        chain_id=31337, delegate=b"\x22" * 20, nonce=0, y_parity=given.y_parity, r=given.r, s=given.s
    )  # fmt: skip
    ours = transaction(authorizations=(one,))
    theirs = Account.sign_transaction(
        {"type": 4, "chainId": 31337, "nonce": 0, "to": "0x" + "11" * 20, "gas": 50_000, "maxFeePerGas": 10**10,
         "maxPriorityFeePerGas": 10**9, "data": b"\0\1\2", "value": 10**18, "authorizationList": [given]},
        KEY._key,
    )  # fmt: skip

    signed = ours.signed(await KEY.sign(ours.preimage))

    assert signed.raw == bytes(theirs.raw_transaction)


@pytest.mark.parametrize("cells", [True, False])
async def test_type_3_is_read_by_the_node_with_either_form_of_proofs(cells: bool) -> None:
    sidecar = blobs.make(BLOBS)
    ours = transaction(blob_hashes=sidecar.versioned_hashes, fees=fees.Fees(10**10, 10**9, 5))

    signed = ours.signed(await KEY.sign(ours.preimage))
    (read,) = _native.admit_transactions([signed.network(sidecar, cells=cells)])

    assert not isinstance(read, str), read
    assert (read.sender, read.hash, read.cell_proofs, read.blob_count) == (KEY.address, signed.hash, cells, 2)
    assert read.blob_hashes == list(sidecar.versioned_hashes)
    assert _native.verify_blob_kzg_proof_batch(sidecar.blobs, sidecar.commitments, sidecar.blob_proofs)


def test_a_blob_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="blob 1 has 5 bytes"):
        blobs.make((BLOBS[0], b"short"))


def test_what_recovers_to_nobody_is_nobody() -> None:
    digest = bytes(32)
    assert signers.recover(digest, bytes(65)) is None
    assert signers.recover(digest, b"\xff" * 65) is None
    assert signers.recover(digest, b"") is None


async def test_the_other_half_of_a_signature_is_refused() -> None:
    """EIP-2: (r, n - s) would be a second signature of the same key."""
    digest = _native.keccak256(b"m")
    good = await KEY.sign(b"m")
    order = 2 * signers.HALF_ORDER + 1
    high = good[:32] + (order - int.from_bytes(good[32:64], "big")).to_bytes(32, "big") + bytes([1 - good[64]])

    assert signers.recover(digest, good) == KEY.address
    assert signers.recover(digest, high) is None
