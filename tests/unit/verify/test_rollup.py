"""A rollup's batches in two engines: they agree on what a sequencer makes, and neither takes a lie."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from eth_account import Account as Signer
from unit.rollup.coordinator.served import DOMAIN, KEY
from unit.rollup.rollups import CHAIN_ID, COUNTER, GWEI, MESSENGER, USER, Rollup
from unit.rollup.rollups import KEY as USER_KEY
from unit.rollup.test_batches import lies

from ethrex_node import _native, verify
from ethrex_node.verify import rollup as twin
from ethrex_node.verify.rollup import p256, rules
from ethrex_prover import errors
from ethrex_prover.backends import native
from ethrex_prover.backends.attested import Attested

pytest.importorskip("eth", reason="py-evm is not installed")

pytestmark = pytest.mark.filterwarnings("ignore:SELFDESTRUCT opcode:DeprecationWarning")

POOR: Final = b"\x77" * 20
OTHER_KEY: Final = b"\x12" * 32


@pytest.fixture
def rollup(tmp_path: Path) -> Rollup:
    return Rollup.open(tmp_path)


def signed(rollup: Rollup, **fields: Any) -> _native.Transaction:
    """The user's next transaction, of any type."""
    unsigned = {"chainId": CHAIN_ID, "nonce": rollup.nonce, "gas": 400_000, "value": 0, "data": b""} | fields
    rollup.nonce += 1
    raw = Signer.sign_transaction(unsigned, USER_KEY).raw_transaction
    (admitted,) = _native.admit_transactions([bytes(raw)])
    assert not isinstance(admitted, str), admitted
    return admitted


def agreed(rollup: Rollup) -> _native.AssembledBatch:
    made = rollup.batch()
    twin.check(made.input, _native.execute_batch(made.input))
    return made


def a_signature() -> bytes:
    """Hash, r, s, x, y."""
    secret, nonce, digest = 0xA1, 0xB2, _native.keccak256(b"signed")
    (x, y), (r, _) = (point or (0, 0) for point in (p256._times(secret, p256.G), p256._times(nonce, p256.G)))
    s = pow(nonce, -1, p256.N) * (int.from_bytes(digest, "big") + r * secret) % p256.N
    return digest + b"".join(value.to_bytes(32, "big") for value in (r, s, x, y))


# Run as the code that creates an account, each does one thing that is metered or priced in its own way.
CODES: Final = {
    "a slot, and no code": "600160015500",
    "the same value again": "60015f5560015f5500",
    "a slot that is taken back": "60015f555f5f5500",
    "hashes of blocks": "60014303405f55600243034060015500",
    "a hash of a block that is too old": "61012c430340600155600143034060025500",
    "coin to itself": "5f5f5f5f6003305af15000",
    "a creation that reverts": "6660015f555f5ffd5f52600760195ff05000",
    "a creation that leaves code": "6360015ff35f526004601c5ff05000",
    "gone as soon as it is there": "73" + USER.hex() + "ff",
    "code of its own": "60015ff3",
    "a revert": "60015f555f5ffd",
    "all gas": "fe",
    "a message": "5f5f5f5f5f73" + MESSENGER.hex() + "5af100",
    "a signature": "60a060195f39" + "602060a060a05f6101005afa50" + "60a0515f5500" + a_signature().hex(),
}


@pytest.mark.parametrize("code", CODES.values(), ids=CODES.keys())
def test_both_engines_agree_on_what_code_does(rollup: Rollup, code: str) -> None:
    rollup.seal()
    rollup.seal(rollup.send(None, 7, data=bytes.fromhex(code)))

    agreed(rollup)


def test_the_signature_s_code_stores_that_it_is_good() -> None:
    assert p256.verify(a_signature())


def test_both_engines_agree_on_every_type_of_transaction(rollup: Rollup) -> None:
    authority = Signer.from_key(OTHER_KEY)
    authorization = authority.sign_authorization({"chainId": CHAIN_ID, "address": "0x" + COUNTER.hex(), "nonce": 0})
    slots = [{"address": "0x" + COUNTER.hex(), "storageKeys": ["0x" + "00" * 32]}]
    fees = {"maxFeePerGas": 100 * GWEI, "maxPriorityFeePerGas": 2 * GWEI}
    counter = {"to": COUNTER}
    rollup.seal(
        signed(rollup, gasPrice=90 * GWEI, **counter),
        signed(rollup, type=1, gasPrice=90 * GWEI, accessList=slots, **counter),
        signed(rollup, data=b"\1" * 100, **fees, **counter),
        signed(rollup, to=authority.address, authorizationList=[authorization], type=4, **fees),
        signed(rollup, to=POOR, value=5, gas=21_000, **fees),
        items=(
            rollup.item(b"\x07" * 20, 10**18),
            rollup.item(COUNTER, sender=USER, data=b"\1\0" * 40),
            rollup.item(b"\x09" * 20, 3, sender=POOR),
            rollup.item(MESSENGER, sender=USER, data=b"\1" * 32),
        ),
    )
    for seconds in (0, 0, 1, 700):
        rollup.seal(rollup.send(COUNTER), rollup.send(b"\x08" * 20, 5), rollup.send(b"\x08" * 20, 5), seconds=seconds)
    rollup.seal(rollup.send(COUNTER, gas=60_000), seconds=0)

    agreed(rollup)
    rollup.seal(rollup.send(COUNTER, gas=50_000), rollup.send(COUNTER), l1_prices=(1, 10**13))
    agreed(rollup)


def test_a_statement_that_says_anything_else_differs(rollup: Rollup) -> None:
    rollup.seal(rollup.send(MESSENGER, data=b"\1" * 32), items=(rollup.item(b"\x07" * 20, 1),))
    made = agreed(rollup)
    published_and_unused = {0, 14, 15, 16}

    for at in set(range(20)) - published_and_unused:
        statement = bytearray(made.encoded)
        statement[32 * at + 31] ^= 1

        with pytest.raises(twin.Differs, match="py-evm comes to"):
            twin.check(made.input, bytes(statement))


def test_what_the_core_refuses_of_blocks_and_witness_the_second_engine_refuses_too(rollup: Rollup) -> None:
    rollup.seal(rollup.send(COUNTER), rollup.send(MESSENGER, data=b"\1" * 32), items=(rollup.item(b"\x07" * 20, 1),))
    made = rollup.batch()
    seen = 0
    for at, lie in lies(made.input, 150):
        if at not in (1, 3, 4, 6, 7, 8, 12):
            continue
        try:
            other = _native.execute_batch(lie)
        except _native.ProgramRefused:
            seen += 1
            with pytest.raises(twin.Differs):
                twin.check(lie, made.encoded)
        else:
            twin.check(lie, other)

    assert seen > 30


def field(at: int, value: bytes) -> Callable[[list[bytes]], None]:
    def change(header: list[bytes]) -> None:
        header[at] = value

    return change


HEADER_LIES: Final = [
    field(0, bytes(32)), field(1, bytes(32)), field(2, bytes(20)), field(7, b"\1"), field(8, b"\x09"),
    field(9, b"\1"), field(11, b"\1"), field(12, b""), field(12, b"\1" + bytes(16)), field(13, bytes(32)),
    field(14, b"\1" * 8), field(15, b"\1"), field(16, bytes(32)), field(17, b"\1"), field(18, b"\1"),
    field(19, b"\1" * 32), field(20, bytes(32)), field(10, b"\xff" * 8), lambda header: header.append(b""),
]  # fmt: skip


@pytest.mark.parametrize("lie", HEADER_LIES, ids=range(len(HEADER_LIES)))
def test_a_header_has_nothing_that_its_sequencer_may_choose(rollup: Rollup, lie: Callable[[list[Any]], None]) -> None:
    rollup.seal()
    rollup.seal()
    made = rollup.batch()
    fields = _native.rlp_decode(made.input)
    (parent, header) = (_native.rlp_decode(block)[0] for block in fields[12])
    operator, data, token = fields[7:10]
    gas_limit = int.from_bytes(fields[3], "big")
    chosen = rules.Rules(CHAIN_ID, gas_limit, fields[4], fields[5], 1, operator, data, token, rules.NEVER)
    parent_hash = _native.keccak256(_native.rlp_encode(parent))
    rules.check_header(chosen, header, parent, parent_hash)

    lie(header)

    with pytest.raises(rules.Refused):
        rules.check_header(chosen, header, parent, parent_hash)


def test_p256_is_that_of_the_core() -> None:
    source, good = random.Random(3), a_signature()
    inputs = [good, b"", good[:-1], good + b"\0", bytes(160)]
    for at in (1, 40, 70, 100, 150):
        other = bytearray(good)
        other[at] ^= 1 << source.randrange(8)
        inputs.append(bytes(other))
    for part in range(1, 5):
        ends = (value.to_bytes(32, "big") for value in (0, p256.N, p256.P))
        inputs += [good[: 32 * part] + end + good[32 * part + 32 :] for end in ends]

    for data in inputs:
        output, _ = _native.run_precompile("Osaka", (0x100).to_bytes(20, "big"), data)
        assert p256.verify(data) == bool(output), data.hex()


# Blocks of a data folder


def test_stored_blocks_of_a_rollup_are_verified_one_by_one(rollup: Rollup) -> None:
    rollup.seal(rollup.send(COUNTER), items=(rollup.item(b"\x07" * 20, 1), rollup.item(COUNTER, sender=USER)))
    rollup.seal(rollup.send(MESSENGER, data=b"\1" * 32), rollup.send(COUNTER), items=(rollup.item(COUNTER),))
    source = verify.Source(rollup.chain.reader())
    config = source.config()

    assert [verify.verify(source, number, config) for number in (1, 2)] == [[], []]
    other = config | {"rollup": config["rollup"] | {"operatorFeePerGas": 2}}
    (difference,) = verify.verify(source, 1, other)
    assert "state root" in str(difference)


# The prover


async def test_a_prover_that_checks_with_both_engines_signs_what_both_come_to(rollup: Rollup) -> None:
    rollup.seal(rollup.send(COUNTER))
    made = rollup.batch()

    signature = await Attested(native.cross_checked, KEY, DOMAIN).prove(made.input, made.hash)

    assert len(signature) == 65


async def test_a_prover_signs_nothing_where_the_engines_differ(rollup: Rollup, monkeypatch: pytest.MonkeyPatch) -> None:
    rollup.seal(rollup.send(COUNTER))
    made = rollup.batch()
    wrong = made.encoded[: 6 * 32] + bytes(32) + made.encoded[7 * 32 :]
    # A core with a fault: it comes to another state than its blocks end in.
    monkeypatch.setattr(_native, "execute_batch", lambda _: wrong)

    with pytest.raises(errors.Unprovable, match="newStateRoot"):
        await Attested(native.cross_checked, KEY, DOMAIN).prove(made.input, _native.batch_hash(wrong))
