"""What a sequencer signs: the same digest as another implementation of EIP-712, and nobody else's word passes for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from ethrex_node.dev import accounts
from ethrex_node.rollup.epochs import heads
from ethrex_node.rollup.l1 import signers

SEQUENCER = accounts.derive()[1]
PROPOSER = b"\x05" * 20
DOMAIN = heads.domain(31337, PROPOSER)
CHAIN_ID = 4_346
BLOCK_HASH = b"\x77" * 32


async def test_a_head_is_signed_as_another_implementation_signs_it() -> None:
    signed = await heads.sign(signers.local(SEQUENCER.key), DOMAIN, CHAIN_ID, 3, 17, BLOCK_HASH)

    fields = {"chainId": "uint256", "epoch": "uint64", "number": "uint64", "hash": "bytes32"}
    message = encode_typed_data(
        {"name": "Ethrex Rollup Feed", "version": "1", "chainId": 31337, "verifyingContract": "0x" + PROPOSER.hex()},
        {"Head": [{"name": name, "type": kind} for name, kind in fields.items()]},
        {"chainId": CHAIN_ID, "epoch": 3, "number": 17, "hash": BLOCK_HASH},
    )
    assert signed.signature == bytes(Account.sign_message(message, SEQUENCER.key).signature)
    assert heads.signer_of(signed, DOMAIN, CHAIN_ID) == SEQUENCER.address
    assert heads.of_json(heads.as_json(signed)) == signed


async def test_another_chain_epoch_block_or_deployment_is_not_what_was_signed() -> None:
    signed = await heads.sign(signers.local(SEQUENCER.key), DOMAIN, CHAIN_ID, 3, 17, BLOCK_HASH)

    others = [replace(signed, epoch=4), replace(signed, number=18), replace(signed, hash=bytes(32))]
    assert all(heads.signer_of(one, DOMAIN, CHAIN_ID) != SEQUENCER.address for one in others)
    assert heads.signer_of(signed, DOMAIN, CHAIN_ID + 1) != SEQUENCER.address
    assert heads.signer_of(signed, heads.domain(31337, b"\x06" * 20), CHAIN_ID) != SEQUENCER.address
    assert heads.signer_of(replace(signed, signature=b""), DOMAIN, CHAIN_ID) is None


@pytest.mark.parametrize(
    "given", [None, [], {}, {"number": "0x1"}, {"number": 1, "hash": "", "epoch": 1, "signature": ""}]
)
def test_what_is_no_head_is_refused(given: Any) -> None:
    with pytest.raises(heads.BadHead):
        heads.of_json(given)
