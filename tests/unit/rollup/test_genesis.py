"""The first state of a rollup, as the real process boots it: predeploys answer through their proxies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ethrex_node import _native
from ethrex_node.config import genesis as genesis_files
from ethrex_node.rollup import artifacts, genesis
from unit.node.running import Running, node

CHAIN_ID = 65_536_999
ALICE = bytes.fromhex("a1" * 20)
RULES = {"gasLimit": 30_000_000, "feeRecipient": "0x" + "c0" * 20, "operatorFeePerGas": 7}
IMPLEMENTED = sorted(genesis.PREDEPLOYS)


def address(at: int) -> str:
    return f"0x{at:040x}"


def selector(signature: str) -> str:
    return "0x" + _native.keccak256(signature.encode())[:4].hex()


def call(running: Running, to: int, data: str) -> Any:
    return running.ask("eth_call", {"to": address(to), "data": data}, "latest")


def made() -> dict[str, Any]:
    return genesis.rollup_genesis(CHAIN_ID, RULES, {ALICE: 10**18}, timestamp=5)


def test_the_file_is_a_good_genesis() -> None:
    checked = genesis_files.check(made())

    assert checked.chain_id == CHAIN_ID
    assert checked.timestamp == 5


def test_every_predeploy_is_a_proxy_to_its_implementation() -> None:
    accounts = made()["alloc"]
    proxy = "0x" + artifacts.load("PredeployProxy").deployed.hex()

    for at in IMPLEMENTED:
        account = accounts[f"{at:040x}"]
        implementation = accounts[f"{at ^ 0x1000:040x}"]
        assert account["code"] == proxy
        assert account["storage"][genesis.IMPLEMENTATION_SLOT] == f"0x{at ^ 0x1000:064x}"
        assert implementation["code"] == "0x" + artifacts.load(genesis.PREDEPLOYS[at]).deployed.hex()


def test_the_implementation_slot_is_that_of_erc_1967() -> None:
    slot = int.from_bytes(_native.keccak256(b"eip1967.proxy.implementation"), "big") - 1

    assert int(genesis.IMPLEMENTATION_SLOT, 16) == slot


def test_the_oracle_knows_the_operator_s_fee_from_the_first_block_on() -> None:
    plain = int.from_bytes(_native.keccak256(b"ethrex.storage.GasPriceOracle"), "big") - 1
    slot = int.from_bytes(_native.keccak256(plain.to_bytes(32, "big")), "big") & ~0xFF  # ERC-7201
    oracle = address(genesis.GAS_PRICE_ORACLE)[2:]

    free = genesis.rollup_genesis(CHAIN_ID, RULES | {"operatorFeePerGas": 0}, {})

    assert int(genesis.OPERATOR_FEE_SLOT, 16) == slot
    assert made()["alloc"][oracle]["storage"][genesis.OPERATOR_FEE_SLOT] == f"0x{7:064x}"
    assert genesis.OPERATOR_FEE_SLOT not in free["alloc"][oracle]["storage"]


def test_the_create2_deployer_is_the_one_that_others_have() -> None:
    code = bytes.fromhex(made()["alloc"][genesis.CREATE2_DEPLOYER]["code"][2:])

    # The hash that the Canyon upgrade of the OP stack names.
    known = "b0550b5b431e30d38000efb7107aaa0ade03d48a7198a140edda9d27134468b2"
    assert _native.keccak256(code).hex() == known


def test_a_balance_for_a_contract_of_the_genesis_is_refused() -> None:
    with pytest.raises(ValueError, match="where the genesis has a contract"):
        genesis.allocation({bytes.fromhex(f"{0xFFFF:040x}"): 1})


def test_a_contract_with_immutables_stands_in_no_genesis() -> None:
    with pytest.raises(ValueError, match="immutables"):
        genesis._contract(artifacts.load("Sp1Verifier"))
    with pytest.raises(artifacts.ArtifactMissing):
        artifacts.load("Nothing")


def test_the_booted_chain_answers_through_the_proxies(tmp_path: Path) -> None:
    file = tmp_path / "l2.json"
    file.write_text(json.dumps(made()), encoding="utf-8")

    with node(tmp_path / "data", "--network", str(file)) as running:
        assert call(running, 0xFFFE, selector("lastMessageId()")) == f"0x{0:064x}"
        assert call(running, 0xFFFF, selector("RETURN_GAS()")) == f"0x{120_000:064x}"
        assert call(running, 0xFFFC, selector("isFeeToken(address)") + f"{1:064x}") == f"0x{0:064x}"
        assert running.ask("eth_getBalance", f"0x{ALICE.hex()}", "latest") == hex(10**18)
        assert call(running, 0xFFFA, selector("number()")) == f"0x{0:064x}"
        assert call(running, genesis.GAS_PRICE_ORACLE, selector("operatorFeePerGas()")) == f"0x{7:064x}"
        salt, code_hash = b"\x01" * 32, b"\x02" * 32
        known = _native.keccak256(b"\xff" + bytes.fromhex(genesis.CREATE2_DEPLOYER) + salt + code_hash)[12:]
        asked = selector("computeAddress(bytes32,bytes32)") + salt.hex() + code_hash.hex()
        assert call(running, int(genesis.CREATE2_DEPLOYER, 16), asked)[-40:] == known.hex()
        for factory in (genesis.CREATE2_PROXY, genesis.SAFE_SINGLETON_FACTORY):
            code = running.ask("eth_getCode", f"0x{factory}", "latest")
            assert code == made()["alloc"][factory]["code"] != "0x"
