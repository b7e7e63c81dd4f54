"""Genesis files: what is accepted, what is refused and in which words."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ethrex_node import _native
from ethrex_node.config import errors, genesis, networks

ADDRESS = "0x" + "11" * 20


def minimal(**config: Any) -> dict[str, Any]:
    forks = (
        "homestead",
        "eip150",
        "eip155",
        "eip158",
        "byzantium",
        "constantinople",
        "petersburg",
        "istanbul",
        "berlin",
    )
    blocks: dict[str, Any] = {f"{fork}Block": 0 for fork in (*forks, "london")}
    return {
        "config": {"chainId": 7} | blocks | {"terminalTotalDifficulty": 0} | config,
        "gasLimit": "0x1000000",
        "difficulty": "0x0",
        "alloc": {ADDRESS: {"balance": "0x1"}},
    }


BLOBS = {"cancun": {"target": 3, "max": 6, "baseFeeUpdateFraction": 3338477}}


def problems(given: Any) -> tuple[str, ...]:
    with pytest.raises(errors.GenesisInvalid) as refused:
        genesis.check(given)
    return refused.value.problems


def test_a_minimal_file_passes() -> None:
    checked = genesis.check(minimal())

    assert (checked.chain_id, checked.timestamp, checked.accounts, checked.warnings) == (7, 0, 1, ())


@pytest.mark.parametrize("key", ["config", "gasLimit", "difficulty", "alloc"])
def test_a_required_field_is_named(key: str) -> None:
    given = minimal()
    del given[key]

    assert problems(given) == (f"{key} is missing",)


def test_every_problem_is_told_at_once() -> None:
    given = minimal(chainId="x", berlinBlock=-1)
    given["gasLimit"] = "many"
    given["alloc"] = {"0x12": {"balance": "1"}}

    found = problems(given)

    assert [line.split(":")[0] for line in found] == ["gasLimit", "config.berlinBlock", "config.chainId", "alloc.0x12"]


@pytest.mark.parametrize("text", ["0x10", "16", 16, "0X10", "0x0010"])
def test_numbers_are_read_as_geth_reads_them(text: Any) -> None:
    given = minimal() | {"timestamp": text}

    assert genesis.check(given).timestamp == 16


@pytest.mark.parametrize("value", [True, 1.5, "0xg", "1e3", "-1", -1, 1 << 64, "0x" + "f" * 17, [], {}, " 1"])
def test_what_is_no_number_of_64_bits_is_refused(value: Any) -> None:
    assert problems(minimal() | {"timestamp": value})[0].startswith("timestamp: ")


def test_forks_out_of_order_are_refused() -> None:
    assert problems(minimal(homesteadBlock=5)) == ("config.eip150Block is 0, before homesteadBlock at 5",)


def test_a_fork_without_the_one_before_it_is_refused() -> None:
    given = minimal(shanghaiTime=0, pragueTime=0)

    assert problems(given)[0] == "config.pragueTime is set to 0, but cancunTime, which comes before it, is not set"


def test_optional_forks_may_be_left_out() -> None:
    later = {"cancunTime": 5, "shanghaiTime": 5, "blobSchedule": BLOBS}

    assert genesis.check(minimal(**later)).config["cancunTime"] == 5


def test_forks_by_time_need_a_terminal_difficulty() -> None:
    assert "the chain would never get there" in problems(minimal(shanghaiTime=0, terminalTotalDifficulty=None))[0]


def test_cancun_needs_its_number_of_blobs() -> None:
    assert problems(minimal(shanghaiTime=0, cancunTime=0)) == (
        "config.blobSchedule has no entry 'cancun', but cancunTime is set",
    )


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({"target": 7, "max": 6, "baseFeeUpdateFraction": 1}, "the target 7 lies above the maximum 6"),
        ({"target": 1, "max": 6, "baseFeeUpdateFraction": 0}, "division by zero"),
        ({"target": 1, "max": 6}, "baseFeeUpdateFraction is missing"),
        (3, "is 3, not an object"),
    ],
)
def test_a_wrong_blob_entry_is_refused(entry: Any, problem: str) -> None:
    assert problem in problems(minimal(shanghaiTime=0, cancunTime=0, blobSchedule={"cancun": entry}))[0]


def test_a_fork_that_is_not_implemented_is_refused() -> None:
    assert "implements the forks up to BPO5" in problems(minimal(amsterdamTime=1))[0]


def test_a_fork_in_the_far_future_is_left_out() -> None:
    checked = genesis.check(minimal(amsterdamTime=2**64 - 1))

    assert "amsterdamTime" not in checked.config
    assert checked.warnings == ("config.amsterdamTime lies in the far future and is left out",)


def test_an_unknown_key_is_warned_of_with_the_nearest() -> None:
    checked = genesis.check(minimal(pragTime=1))

    assert checked.warnings == ("config.pragTime is not known and has no effect; did you mean config.pragueTime?",)


@pytest.mark.parametrize(
    ("account", "problem"),
    [
        ({}, f"alloc.{ADDRESS}.balance is missing"),
        (7, f"alloc.{ADDRESS} is 7, not an object"),
        ({"balance": "0x1", "code": "0x1"}, f"alloc.{ADDRESS}.code: '0x1' is not hex with 0x of whole bytes"),
        ({"balance": "0x1" + "0" * 64}, "does not fit 256 bits"),
        ({"balance": 1, "storage": {"0x" + "0" * 65: "0x1"}}, "is not hex of up to 32 bytes"),
        ({"balance": 1, "storage": {"0x1": 1}}, "1 is not hex of up to 32 bytes"),
        ({"balance": 1, "storage": {"0x1": "0x1", "0x01": "0x2"}}, "this slot stands twice"),
    ],
)
def test_a_wrong_account_is_refused(account: Any, problem: str) -> None:
    found = problems(minimal() | {"alloc": {ADDRESS: account}})

    assert problem in found[0]


def test_one_address_in_two_spellings_is_refused() -> None:
    twice = {ADDRESS: {"balance": 1}, ADDRESS[2:]: {"balance": 2}}

    assert "stands twice in alloc" in problems(minimal() | {"alloc": twice})[0]


def test_block_0_has_the_number_0() -> None:
    assert problems(minimal() | {"number": "0x2"}) == ("number is 2: block 0 has the number 0",)


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"", "is not JSON"),
        (b"{", "is not JSON: "),
        (b"\xff\xfe", "is not JSON"),
        (b"[" * 200_000, "is nested too deeply"),
        (b"1" * 10_000, "is not JSON"),
        (b"[]", "holds a list, expected an object"),
        (b'{"gasLimit": NaN}', "NaN is not a JSON number"),
    ],
)
def test_what_is_no_object_is_refused(raw: bytes, problem: str) -> None:
    with pytest.raises(errors.GenesisInvalid, match=problem):
        genesis.parse(raw, "file")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(errors.GenesisInvalid, match=r"absent\.json is not .*\n.*No such file"):
        genesis.load(tmp_path / "absent.json")


def test_of_many_problems_a_dozen_is_shown() -> None:
    given = minimal() | {"alloc": {f"{number}": {} for number in range(100)}}

    with pytest.raises(errors.GenesisInvalid, match="and 188 more"):
        genesis.check(given)


@pytest.mark.parametrize("name", networks.NAMES)
def test_the_normal_form_is_stable(name: str) -> None:
    once = networks.load(name).genesis

    assert genesis.parse(once.json).json == once.json


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["0x", "0x1", ADDRESS]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
PLACES = [
    (), ("config",), ("alloc",), ("gasLimit",), ("config", "chainId"), ("config", "blobSchedule"), ("config", "cancunTime"),
    ("config", "blobSchedule", "cancun"), ("alloc", ADDRESS), ("alloc", ADDRESS, "storage"), ("alloc", ADDRESS, "code"),
    ("config", "terminalTotalDifficulty"), ("config", "depositContractAddress"), ("mixHash",), ("extraData",),
]  # fmt: skip


@settings(max_examples=600, deadline=None)
@given(place=st.sampled_from(PLACES), value=JSON)
def test_whatever_stands_somewhere_it_is_accepted_or_refused_in_words(place: tuple[str, ...], value: Any) -> None:
    whole: Any = minimal(shanghaiTime=0, cancunTime=0, blobSchedule=copy.deepcopy(BLOBS))
    if place:
        inner = whole
        for key in place[:-1]:
            inner = inner[key]
        inner[place[-1]] = value
    else:
        whole = value

    try:
        checked = genesis.check(whole)
    except errors.GenesisInvalid as error:
        assert str(error).count("\n") >= 1
    else:
        assert json.loads(checked.json)["config"]["chainId"] == checked.chain_id


def block_0_hash(given: genesis.Genesis) -> bytes:
    """The hash of a genesis header of Frontier or London, put together here by hand."""
    fields = json.loads(given.json)
    whole = {"nonce": "0x0", "code": "0x", "storage": {}}
    accounts = {f"0x{address}": whole | account for address, account in fields["alloc"].items()}
    root = _native.state_root(json.dumps(accounts).encode())
    empty_list, empty_trie = _native.keccak256(b"\xc0"), _native.keccak256(b"\x80")

    def number(key: str) -> bytes:
        return bytes.fromhex(f"{int(fields[key], 16):x}".rjust(64, "0")).lstrip(b"\0")

    def raw(key: str) -> bytes:
        return bytes.fromhex(fields[key][2:])

    header: list[bytes] = [
        raw("parentHash"), empty_list, raw("coinbase"), root, empty_trie, empty_trie, bytes(256),
        number("difficulty"), b"", number("gasLimit"), b"", number("timestamp"), raw("extraData"), raw("mixHash"),
        int(fields["nonce"], 16).to_bytes(8, "big"),
    ]  # fmt: skip
    config = fields["config"]
    if config.get("londonBlock") == 0:
        header.append((10**9).to_bytes(4, "big"))
    if config.get("shanghaiTime") == 0:
        header.append(empty_trie)
    if config.get("cancunTime") == 0:
        header += [b"", b"", bytes(32)]
    return _native.keccak256(_native.rlp_encode(header))


@pytest.mark.parametrize("name", networks.NAMES)
def test_block_0_of_a_known_network_has_its_hash(name: str) -> None:
    network = networks.load(name)

    assert block_0_hash(network.genesis) == network.hash
