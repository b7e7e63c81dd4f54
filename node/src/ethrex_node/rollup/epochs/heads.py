"""
A sequencer's word on its chain (EIP-712): this block is in it, in this epoch; this epoch has ended with this batch and block.

A block stands for all before it, so one signature covers a run of blocks. It is good for one chain in one deployment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from ethrex_node.rollup.l1 import signers, typed_data
from ethrex_node.rollup.store.schema import Ended, SignedHead

NAME: Final = "Ethrex Rollup Feed"
VERSION: Final = "1"
HEAD_TYPE: Final = b"Head(uint256 chainId,uint64 epoch,uint64 number,bytes32 hash)"
END_TYPE: Final = b"End(uint256 chainId,uint64 epoch,uint64 batch,uint64 block,bytes32 hash)"
HASH_BYTES: Final = 32
MOST: Final = 2**64


class BadHead(Exception):
    """Not a signed head as the feed has them."""


def domain(l1_chain_id: int, proposer: bytes) -> typed_data.Domain:
    """Of one deployment."""
    return typed_data.Domain(NAME, VERSION, l1_chain_id, proposer)


def preimage(where: typed_data.Domain, chain_id: int, epoch: int, number: int, block_hash: bytes) -> bytes:
    """What is hashed and signed."""
    words = (typed_data.word(one) for one in (chain_id, epoch, number))
    return typed_data.preimage(where, HEAD_TYPE, *words, block_hash)


async def sign(
    signer: signers.Signer, where: typed_data.Domain, chain_id: int, epoch: int, number: int, block_hash: bytes
) -> SignedHead:
    """Raises `signers.RemoteFailed`."""
    signature = await typed_data.sign(signer, preimage(where, chain_id, epoch, number, block_hash))
    return SignedHead(number, block_hash, epoch, signature)


def signer_of(head: SignedHead, where: typed_data.Domain, chain_id: int) -> bytes | None:
    """Whose word it is; None for nobody's."""
    return typed_data.signer_of(head.signature, preimage(where, chain_id, head.epoch, head.number, head.hash))


def end_preimage(where: typed_data.Domain, chain_id: int, end: Ended) -> bytes:
    """What is hashed and signed when an epoch has ended."""
    words = (typed_data.word(one) for one in (chain_id, end.epoch, end.batch, end.block))
    return typed_data.preimage(where, END_TYPE, *words, end.hash)


async def sign_end(signer: signers.Signer, where: typed_data.Domain, chain_id: int, end: Ended) -> Ended:
    """Raises `signers.RemoteFailed`."""
    return replace(end, signature=await typed_data.sign(signer, end_preimage(where, chain_id, end)))


def end_signer_of(end: Ended, where: typed_data.Domain, chain_id: int) -> bytes | None:
    """Whose word it is; None for nobody's."""
    return typed_data.signer_of(end.signature, end_preimage(where, chain_id, end))


def as_json(head: SignedHead) -> dict[str, str]:
    return {
        "number": hex(head.number),
        "hash": "0x" + head.hash.hex(),
        "epoch": hex(head.epoch),
        "signature": "0x" + head.signature.hex(),
    }


def of_json(given: Any) -> SignedHead:
    """Raises `BadHead`."""
    if not isinstance(given, Mapping):
        raise BadHead(f"{given!r:.80} is no signed head")
    try:
        number, epoch = int(given["number"], 16), int(given["epoch"], 16)
        block_hash = bytes.fromhex(given["hash"].removeprefix("0x"))
        signature = bytes.fromhex(given["signature"].removeprefix("0x"))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadHead(f"a signed head of number, hash, epoch and signature is expected: {error}") from None
    if not (0 <= number < MOST and 0 < epoch < MOST and len(block_hash) == HASH_BYTES):
        raise BadHead(f"no block {number} with this hash in epoch {epoch} can be")
    return SignedHead(number, block_hash, epoch, signature)


def end_as_json(end: Ended) -> dict[str, str]:
    return {
        "epoch": hex(end.epoch),
        "batch": hex(end.batch),
        "block": hex(end.block),
        "hash": "0x" + end.hash.hex(),
        "signature": "0x" + end.signature.hex(),
    }


def end_of_json(given: Any) -> Ended:
    """Raises `BadHead`."""
    if not isinstance(given, Mapping):
        raise BadHead(f"{given!r:.80} is no end of an epoch")
    try:
        epoch, batch, block = (int(given[name], 16) for name in ("epoch", "batch", "block"))
        block_hash, signature = (bytes.fromhex(given[name].removeprefix("0x")) for name in ("hash", "signature"))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadHead(f"epoch, batch, block, hash and signature of an end are expected: {error}") from None
    if not (0 < epoch < MOST and 0 <= batch < MOST and 0 <= block < MOST and len(block_hash) == HASH_BYTES):
        raise BadHead(f"epoch {epoch} cannot have ended with batch {batch} and block {block}")
    return Ended(epoch, batch, block, block_hash, signature)
