"""Batches of a real chain: what the sequencer makes is what every prover proves, and nothing else is proven."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ethrex_node import _native
from unit.chain import chains
from unit.rollup.rollups import BRIDGE, COUNTER, L1_PRICES, MESSENGER, USER, Rollup

WORDS = [
    "protocolVersion",
    "chainId",
    "number",
    "programVersion",
    "previousBatchHash",
    "previousStateRoot",
    "newStateRoot",
    "firstBlock",
    "lastBlock",
    "lastBlockHash",
    "lastTimestamp",
    "queueIndex",
    "queueHash",
    "messagesRoot",
    "outboundHash",
    "inboundHash",
    "dataHash",
    "configHash",
    "l1BaseFee",
    "l1BlobBaseFee",
]


@pytest.fixture
def rollup(tmp_path: Path) -> Rollup:
    return Rollup.open(tmp_path)


def fields(encoded: bytes) -> dict[str, bytes]:
    return dict(zip(WORDS, (encoded[at : at + 32] for at in range(0, len(encoded), 32)), strict=True))


def number(word: bytes) -> int:
    return int.from_bytes(word, "big")


def busy(rollup: Rollup) -> None:
    """Three blocks with some of everything."""
    rollup.seal(rollup.send(COUNTER), items=(rollup.item(b"\x07" * 20, 10**18),))
    rollup.seal(rollup.send(b"\x08" * 20, 5), rollup.send(None, data=bytes.fromhex("600160015500")), seconds=0)
    rollup.seal(
        rollup.send(MESSENGER, data=b"\x01" * 32),
        rollup.send(MESSENGER, data=b"\x02" * 32),
        items=(rollup.item(COUNTER), rollup.item(b"\x09" * 20, 3, sender=USER)),
    )


def test_a_prover_comes_to_the_sequencer_s_batch(rollup: Rollup) -> None:
    for number_of_batch in range(1, 4):
        busy(rollup)

        made = rollup.batch()

        assert _native.execute_batch(made.input) == made.encoded
        assert _native.batch_hash(made.encoded) == made.hash
        assert made.number == number_of_batch


def test_the_batch_says_what_its_blocks_did(rollup: Rollup) -> None:
    before = fields(rollup.previous)
    busy(rollup)
    head = rollup.chain.head()

    said = fields(rollup.batch().encoded)

    assert said["previousStateRoot"] == before["newStateRoot"]
    assert said["lastBlockHash"] == head.hash
    assert (number(said["firstBlock"]), number(said["lastBlock"])) == (1, 3)
    assert number(said["lastTimestamp"]) == head.timestamp
    assert number(said["queueIndex"]) == 3
    assert (number(said["l1BaseFee"]), number(said["l1BlobBaseFee"])) == L1_PRICES
    assert said["configHash"] == _native.config_hash(rollup.genesis)
    assert said["outboundHash"] == said["inboundHash"] == bytes(32)


def test_messages_have_proofs_to_their_root(rollup: Rollup) -> None:
    busy(rollup)
    made = rollup.batch()
    root = fields(made.encoded)["messagesRoot"]

    def leaf(word: int, number_of_message: int) -> bytes:
        data = bytes([word]) * 32
        packed = bytes(12) + USER + data + number_of_message.to_bytes(32, "big")
        return _native.keccak256(_native.keccak256(packed))

    assert made.messages == [leaf(1, 1), leaf(2, 2)]
    for index, node in enumerate(made.messages):
        for sibling in _native.message_proof(made.messages, index):
            node = _native.keccak256(min(node, sibling) + max(node, sibling))
        assert node == root
    with pytest.raises(ValueError, match="no message 2 among 2"):
        _native.message_proof(made.messages, 2)


def test_blobs_open_at_their_points(rollup: Rollup) -> None:
    busy(rollup)

    for blob, commitment, versioned_hash, z, y, proof in rollup.batch().blobs:
        assert _native.blob_to_kzg_commitment(blob) == commitment
        assert versioned_hash[0] == 1
        assert _native.verify_kzg_proof(commitment, z, y, proof)


def test_a_validium_s_batch_names_its_payload_by_pointer_and_digest(rollup: Rollup) -> None:
    busy(rollup)
    pointer = b"\5" * 32

    made = rollup.batch(pointer)

    assert made.kept is not None
    assert made.blobs == []
    assert len(made.kept) < 1_000, "no padding is kept"
    digest = _native.keccak256(made.kept)
    assert fields(made.encoded)["dataHash"] == _native.keccak256((1).to_bytes(32, "big") + pointer + digest)
    assert _native.execute_batch(made.input) == made.encoded


def test_a_validium_s_state_comes_back_from_what_was_kept(rollup: Rollup) -> None:
    rebuilt = _native.RebuiltState(rollup.genesis, rollup.previous)
    for turn in range(2):
        busy(rollup)
        made = rollup.batch(bytes(32))
        assert made.kept is not None

        assert rebuilt.take_kept(made.encoded, bytes(32), made.kept) == made.messages
        assert rebuilt.statement == made.encoded, turn
    busy(rollup)
    made = rollup.batch(bytes(32))
    assert made.kept is not None
    with pytest.raises(_native.ProgramRefused, match="not the one that was committed"):
        rebuilt.take_kept(made.encoded, bytes(32), made.kept + b"\0")


def test_an_item_out_of_order_makes_no_batch(rollup: Rollup) -> None:
    rollup.queue = 1
    rollup.seal(items=(rollup.item(b"\x07" * 20, 1),))

    with pytest.raises(_native.ProgramRefused, match="holds item 1 of the queue, 0 comes next"):
        rollup.batch()


def test_prices_change_between_batches_only(rollup: Rollup) -> None:
    rollup.seal()
    rollup.seal(l1_prices=(1, 2))

    with pytest.raises(_native.ProgramRefused, match="block 2 names other prices"):
        rollup.batch()


def test_blocks_that_do_not_follow_make_no_batch(rollup: Rollup) -> None:
    rollup.seal()
    rollup.seal()
    reader = rollup.chain.reader()

    with pytest.raises(_native.ProgramRefused, match="block number is not that of the previous batch"):
        reader.batch(2, 2, rollup.previous, 1)
    with pytest.raises(_native.ProgramRefused, match="there is no block 3"):
        reader.batch(1, 3, rollup.previous, 1)
    with pytest.raises(ValueError, match="not the encoding of a batch"):
        reader.batch(1, 2, b"", 1)


def changed(item: Any, random_source: random.Random) -> Any:
    """The item of RLP with one bit turned over, somewhere."""
    if isinstance(item, list):
        places = [at for at, part in enumerate(item) if part]
        at = random_source.choice(places)
        return [*item[:at], changed(item[at], random_source), *item[at + 1 :]]
    bit = random_source.randrange(8 * len(item))
    turned = bytearray(item)
    turned[bit // 8] ^= 1 << bit % 8
    return bytes(turned)


def lies(encoded: bytes, count: int) -> Iterator[tuple[int, bytes]]:
    """The input with one bit of one field changed, each field as often as the others."""
    source = random.Random(7)
    form = _native.rlp_decode(encoded)
    filled = [at for at, part in enumerate(form) if part]
    for turn in range(count):
        at = filled[turn % len(filled)]
        yield at, _native.rlp_encode([*form[:at], changed(form[at], source), *form[at + 1 :]])


@pytest.mark.parametrize("pointer", [None, b"\5" * 32], ids=["rollup", "validium"])
def test_a_lie_is_refused_or_is_another_statement(rollup: Rollup, pointer: bytes | None) -> None:
    rollup.seal()
    rollup.batch(pointer)
    busy(rollup)
    made = rollup.batch(pointer)
    proven: list[int] = []
    count = 600

    for at, lie in lies(made.input, count):
        try:
            batch = _native.execute_batch(lie)
        except _native.ProgramRefused:
            continue
        proven.append(at)
        assert batch != made.encoded, f"field {at} does not matter to the proof"

    # Only what L1 itself compares can differ and still be a true statement: what the config hash binds and no block
    # shows (a fork to come, the coin's name), the program's version, what the previous batch said beside what the
    # blocks go on from, the blobs' hashes or the pointer.
    osaka_time, native_token, program_version, previous, versioned_hashes, found_by = 2, 9, 10, 11, 15, 16
    assert set(proven) <= {osaka_time, native_token, program_version, previous, versioned_hashes, found_by}
    print(f"{count} lies: {count - len(proven)} refused, {len(proven)} other statements")


def test_an_input_of_another_form_is_refused() -> None:
    for junk in (b"", b"\xc0", b"\x80", bytes(100)):
        with pytest.raises(_native.ProgramRefused, match="no input of this program"):
            _native.execute_batch(junk)


def test_a_user_without_enough_gas_for_data_fails_and_the_batch_is_proven(rollup: Rollup) -> None:
    built = rollup.seal(rollup.send(COUNTER, gas=50_000), l1_prices=(1, 10**13))

    assert built.gas_used == 50_000
    made = rollup.batch()
    assert _native.execute_batch(made.input) == made.encoded


def test_a_rollup_s_block_is_not_built_as_one_of_l1(rollup: Rollup) -> None:
    with pytest.raises(_native.NativeError, match="sealed by its sequencer"):
        chains.build(rollup.chain, rollup.chain.head().hash, 1_000)


def test_a_chain_of_its_own_seals_nothing(tmp_path: Path) -> None:
    chain = chains.open_chain(tmp_path)

    with pytest.raises(_native.NativeError, match="no rollup"):
        chain.seal(chain.head().hash, [], timestamp=1_000, l1_prices=(1, 1), privileged=[], max_data_bytes=1)


def test_items_and_users_pay_into_the_same_state(rollup: Rollup) -> None:
    assert BRIDGE != USER
    rollup.seal(items=(rollup.item(USER, 7),))
    (nonce, balance, *_) = rollup.chain.accounts([USER])[0]

    assert (nonce, balance) == (0, 10**21 + 7)
