"""``ethrex verify``: agreement, the first thing that differs, and the blocks that py-evm cannot do."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from unit.chain import chains

from ethrex_node import _native, cli, verify
from ethrex_node.config.dev import dev_genesis
from ethrex_node.verify import material
from ethrex_node.verify.material import Account as Stored

KEY = b"\1" * 32
SENDER = bytes.fromhex(Account.from_key(KEY).address[2:])
COUNTER = b"\xcc" * 20
COUNT = bytes.fromhex("5f54600101805f555f5260205fa000")  # slot 0 one higher, and a log of it
NEW = b"\xee" * 20
LATER = ("osakaTime", "bpo1Time", "bpo2Time")


def genesis(*, osaka: int | None = None) -> bytes:
    """A chain of Prague, with a contract that counts its calls."""
    made: dict[str, Any] = json.loads(dev_genesis([SENDER], timestamp=1).json)
    made["config"] = {key: value for key, value in made["config"].items() if key not in LATER}
    if osaka is not None:
        made["config"]["osakaTime"] = osaka
    made["alloc"][COUNTER.hex()] = {"balance": "0x0", "code": "0x" + COUNT.hex()}
    return json.dumps(made).encode()


def chain_of(folder: Path, first: bytes, blocks: int = 3) -> _native.Chain:
    """Each block counts once and makes one account richer."""
    chain = _native.Chain(folder / "chain", first, durable=False, map_size=1 << 28)
    for number in range(blocks):
        head = chain.head()
        calls = [_transaction(2 * number, COUNTER, 0), _transaction(2 * number + 1, NEW, 5)]
        built = chain.build(
            head.hash, calls, timestamp=head.timestamp + 10, fee_recipient=b"\7" * 20, prev_randao=chains.ZERO,
            withdrawals=[(number, 0, b"\x99" * 20, 3)], parent_beacon_root=b"\5" * 32, gas_limit=30_000_000,
        )  # fmt: skip
        assert built.transactions == len(calls)
        chain.set_head(built.hash, chains.ZERO, chains.ZERO)
    return chain


def _transaction(nonce: int, to: bytes, value: int) -> _native.Transaction:
    fields = {"nonce": nonce, "gas": 100_000, "to": to, "value": value, "chainId": 31337,
              "maxFeePerGas": 10**10, "maxPriorityFeePerGas": 1}  # fmt: skip
    (sent,) = _native.admit_transactions([bytes(Account.sign_transaction(fields, KEY).raw_transaction)])
    assert not isinstance(sent, str)
    return sent


@pytest.fixture
def ethrex(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    def call(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["ethrex", "verify", "--datadir", str(tmp_path), *arguments])
        return cli.main()

    return call


def test_both_engines_agree_beside_a_running_writer(
    ethrex: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    writer = chain_of(tmp_path, genesis())

    assert ethrex("1..3") == 0
    assert capsys.readouterr().out.startswith("3 blocks agree")
    assert ethrex("--engine", "py-evm", "2") == 0
    assert writer.head().number == 3


def test_a_block_of_a_later_fork_is_refused_by_name(
    ethrex: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    writer = chain_of(tmp_path, genesis(osaka=25))  # the third block has 31

    assert ethrex("1..3") == 2
    assert "block 3: it is of Osaka, and py-evm knows the forks to Prague" in capsys.readouterr().err
    assert ethrex("1..2") == 0
    assert writer.head().number == 3


@pytest.mark.parametrize("blocks", ["0", "2..1", "1..9", "one", "1...2", "-1"])
def test_a_range_that_is_none_is_refused(
    ethrex: Callable[..., int], tmp_path: Path, blocks: str, capsys: pytest.CaptureFixture[str]
) -> None:
    writer = chain_of(tmp_path, genesis(), 2)

    assert ethrex(blocks) == 2
    assert capsys.readouterr().err.startswith("ethrex: ")
    assert writer.head().number == 2


class Spoilt(material.Source):
    """A database that holds something else than what its engine came to."""

    def __init__(self, chain: _native.Chain, *, field: int, value: bytes, slot: int | None = None) -> None:
        super().__init__(chain.reader())
        self._field, self._value, self._slot = field, value, slot

    def material(self, number: int) -> material.Material:
        given = super().material(number)
        header, *body = _native.rlp_decode(given.block)
        header[self._field] = self._value
        return replace(given, block=_native.rlp_encode([header, *body]))

    def account(self, address: bytes, number: int) -> Stored:
        found = super().account(address, number)
        if self._slot is None:
            return replace(found, balance=found.balance + 1) if address == NEW else found
        return replace(found, storage_root=b"\1" * 32) if address == COUNTER else found

    def slot(self, address: bytes, slot: int, number: int) -> int:
        stored = super().slot(address, slot, number)
        return stored + 40 if (address, slot) == (COUNTER, self._slot) else stored


STATE_ROOT, GAS_USED = 3, 10


def test_the_first_account_that_differs_is_named(tmp_path: Path) -> None:
    source = Spoilt(chain_of(tmp_path, genesis()), field=STATE_ROOT, value=b"\2" * 32)

    root, account = verify.verify(source, 2, source.config())

    assert (root.what, root.ours) == ("state root", b"\2" * 32)
    assert str(account) == f"block 2: account 0x{NEW.hex()}, balance: this node has 11, py-evm 10"


def test_the_first_slot_that_differs_is_named(tmp_path: Path) -> None:
    source = Spoilt(chain_of(tmp_path, genesis()), field=STATE_ROOT, value=b"\2" * 32, slot=0)

    _, slot = verify.verify(source, 2, source.config())

    assert str(slot) == f"block 2: account 0x{COUNTER.hex()}, slot 0x0: this node has 0x2a, py-evm 0x2"


def test_gas_that_differs_is_told_before_the_state(tmp_path: Path) -> None:
    source = Spoilt(chain_of(tmp_path, genesis()), field=GAS_USED, value=b"\1")

    found = verify.verify(source, 1, source.config())

    assert found[0].what == "gas used"
    assert found[0].ours == 1


def test_a_witness_that_lacks_a_node_is_no_agreement(tmp_path: Path) -> None:
    class Lacking(material.Source):
        def material(self, number: int) -> material.Material:
            given = super().material(number)
            return replace(given, nodes=given.nodes[1:])

    source = Lacking(chain_of(tmp_path, genesis()).reader())

    (found,) = verify.verify(source, 1, source.config())

    assert found.what == "the witness"
