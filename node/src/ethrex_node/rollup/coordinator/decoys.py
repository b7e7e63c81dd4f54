"""
Jobs that nobody can prove, in the place of real ones: who signs such a batch did not execute it.

A decoy is a real job's input in which the last block ends in a state that it does not end in. Header, diff, blobs and the
statement go with the lie, so that whoever reads an input without executing it comes to the hash that the job names. And it
names a batch before it that there is not: L1 takes no such commitment, so that a signature over it is of no use to anyone.

Pure but for the core, which executes the real input once to know its statement.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from ethrex_node import _native

# Of an input (docs/protocol.md, "The program").
PREVIOUS, BLOCKS, PAYLOAD, VERSIONED_HASHES, POINTER = 11, 12, 14, 15, 16
HEADER, STATE_ROOT = 0, 3  # of a block, of a header
# Words of the statement.
PREVIOUS_BATCH_HASH, NEW_STATE_ROOT, LAST_BLOCK_HASH, MESSAGES_ROOT, DATA_HASH = 4, 6, 9, 13, 16
BLOB_BYTES: Final = 126_976  # of payload
ELEMENT_BYTES: Final = 31
FIELD_ORDER: Final = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001
DEFLATE: Final = 1


@dataclass(frozen=True, slots=True)
class Decoy:
    """What stands in a grant instead of the job's own input and hash."""

    input: bytes
    input_hash: bytes
    batch_hash: bytes


def make(real: bytes, seed: bytes) -> Decoy:
    """`seed`: 32 random bytes. Raises `_native.ProgramRefused` where the real input proves nothing itself."""
    fields: list[Any] = _native.rlp_decode(real)
    words = _words(_native.execute_batch(real))
    previous = _words(fields[PREVIOUS])
    previous[MESSAGES_ROOT] = _native.keccak256(seed + b"messages")
    fields[PREVIOUS] = b"".join(previous)
    words[PREVIOUS_BATCH_HASH] = _native.batch_hash(fields[PREVIOUS])
    words[NEW_STATE_ROOT] = _native.keccak256(seed + b"state")

    header = _lie_in_the_last_block(fields, words[NEW_STATE_ROOT])
    words[LAST_BLOCK_HASH] = _native.keccak256(header)
    payload = _with_header(fields[PAYLOAD], header)
    if len(fields) > POINTER:
        fields[PAYLOAD] = payload
        words[DATA_HASH] = _native.keccak256(_word(1) + fields[POINTER] + _native.keccak256(payload))
    else:
        fields[PAYLOAD] = payload.ljust(-(-len(payload) // BLOB_BYTES) * BLOB_BYTES, b"\0")
        points = [_opened(chunk) for chunk in _pieces(fields[PAYLOAD], BLOB_BYTES)]
        fields[VERSIONED_HASHES] = [versioned_hash for versioned_hash, _, _ in points]
        count = len(points)
        flat = b"".join(part for point in points for part in point)
        words[DATA_HASH] = _native.keccak256(_word(0) + _word(count) + _word(3 * 32) + _word(count) + flat)
    made = _native.rlp_encode(fields)
    return Decoy(made, _native.keccak256(made), _native.batch_hash(b"".join(words)))


def _lie_in_the_last_block(fields: list[Any], state_root: bytes) -> bytes:
    """Changes the input; gives the header as it is afterwards."""
    *before, last = fields[BLOCKS]
    block = _native.rlp_decode(last)
    block[HEADER][STATE_ROOT] = state_root
    fields[BLOCKS] = [*before, _native.rlp_encode(block)]
    return _native.rlp_encode(block[HEADER])


def _with_header(payload: bytes, header: bytes) -> bytes:
    """The payload, without padding, whose diff begins with this header; it is as long as the one before."""
    content = payload[4 : 4 + int.from_bytes(payload[:4], "big")]
    encoding, compression, packed = content[0], content[1], content[2:]
    body = zlib.decompress(packed, -zlib.MAX_WBITS) if compression == DEFLATE else packed
    length_bytes = 1 + next(at for at, byte in enumerate(body) if byte < 0x80)  # LEB128
    body = body[:length_bytes] + header + body[length_bytes + len(header) :]
    if compression == DEFLATE:
        deflating = zlib.compressobj(zlib.Z_BEST_COMPRESSION, zlib.DEFLATED, -zlib.MAX_WBITS)
        body = deflating.compress(body) + deflating.flush()
    return (2 + len(body)).to_bytes(4, "big") + bytes((encoding, compression)) + body


def _opened(chunk: bytes) -> tuple[bytes, bytes, bytes]:
    """Versioned hash, z and y of the blob that holds a chunk."""
    elements = (b"\0" + piece.ljust(ELEMENT_BYTES, b"\0") for piece in _pieces(chunk, ELEMENT_BYTES))
    blob = b"".join(elements)
    commitment = _native.blob_to_kzg_commitment(blob)
    versioned_hash = b"\1" + hashlib.sha256(commitment).digest()[1:]
    digest = _native.keccak256(versioned_hash + _native.keccak256(chunk))
    z = _word(int.from_bytes(digest, "big") % FIELD_ORDER)
    _, y = _native.compute_kzg_proof(blob, z)
    return versioned_hash, z, y


def _words(encoded: bytes) -> list[bytes]:
    return list(_pieces(encoded, 32))


def _pieces(data: bytes, size: int) -> Sequence[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def _word(value: int) -> bytes:
    return value.to_bytes(32, "big")
