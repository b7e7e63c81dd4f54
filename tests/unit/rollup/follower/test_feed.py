"""A sequencer's answer is read with suspicion."""

from __future__ import annotations

from typing import Any

import pytest

from ethrex_node import _native
from ethrex_node.rollup.follower import feed


def block(number: int, parent: bytes = bytes(32)) -> bytes:
    """A header of sixteen fields and an empty body: what stands in it is for the chain to judge."""
    header = [b""] * 16
    header[feed.PARENT] = parent
    header[feed.NUMBER] = bytes([number])
    header[feed.TIMESTAMP] = bytes([number + 1])
    return _native.rlp_encode([header, [], []])


def hash_of(raw: bytes) -> bytes:
    return _native.keccak256(_native.rlp_encode(_native.rlp_decode(raw)[0]))


def answer(*raw: bytes, latest: Any = "0x9", **more: Any) -> dict[str, Any]:
    return {"latest": latest, "blocks": ["0x" + one.hex() for one in raw], "signed": None, "newest": None} | more


def head(number: int, block_hash: bytes, epoch: str = "0x1") -> dict[str, str]:
    return {"number": hex(number), "hash": "0x" + block_hash.hex(), "epoch": epoch, "signature": "0x" + "11" * 65}


def test_a_run_of_blocks() -> None:
    first = block(5)
    second = block(6, hash_of(first))

    read = feed.read(answer(first, second), 5)

    assert read.latest == 9
    assert [(one.number, one.hash, one.raw) for one in read.blocks] == [
        (5, hash_of(first), first),
        (6, hash_of(second), second),
    ]
    assert read.blocks[1].parent_hash == read.blocks[0].hash
    assert read.blocks[0].timestamp == 6


def test_a_signature_covers_the_blocks_up_to_its_own() -> None:
    first = block(5)
    second = block(6, hash_of(first))

    signed = feed.read(answer(first, second, signed=head(5, hash_of(first)), newest=head(9, bytes(32), "0x3")), 5)

    assert [one.number for one in signed.covered] == [5]
    assert signed.newest is not None
    assert (signed.newest.number, signed.newest.epoch) == (9, 3)
    assert feed.read(answer(first, second), 5).covered == ()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, "holds no blocks"),
        ({}, "holds no blocks"),
        (answer(latest=7), "holds no blocks"),
        ({"latest": "0x9", "blocks": ["0xzz"]}, "holds no blocks"),
        ({"latest": "0x9", "blocks": [7]}, "holds no blocks"),
        (answer(b"\xc0"), "holds no blocks"),
        (answer(b"\xc1\xc0"), "holds no blocks"),
        (answer(b"\x83abc"), "holds no blocks"),
        ({"latest": "0x9", "blocks": []}, "holds no blocks"),
        (answer(newest=7), "no signed head"),
        (answer(newest=head(9, bytes(31))), "can be"),
        (answer(newest=head(9, bytes(32), "0x0")), "can be"),
        (answer(newest=head(9, bytes(32)) | {"signature": 3}), "expected"),
        (answer(block(5), signed=head(5, bytes(32))), "signs a block 5 that it does not give"),
        (answer(block(5), signed=head(6, hash_of(block(5)))), "signs a block 6 that it does not give"),
        (answer(block(4)), "gives block 4 where 5 was asked for"),
        (answer(block(5), block(5)), "gives block 5 where 6 was asked for"),
        (answer(block(5), block(6, b"\x01" * 32)), "does not follow"),
    ],
)
def test_what_is_no_run_of_blocks_is_refused(given: Any, said: str) -> None:
    with pytest.raises(feed.BadFeed, match=said):
        feed.read(given, 5)
