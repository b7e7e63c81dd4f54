"""The rules of a rollup in a genesis file: read whole, an unknown one refused, the schedule fixed."""

import json
from typing import Any

import pytest

from ethrex_node import _native
from ethrex_node.config import errors, genesis

FROM_THE_START = (
    *("homestead", "eip150", "eip155", "eip158", "byzantium", "constantinople", "petersburg", "istanbul"),
    *("berlin", "london"),
)
RULES = {"gasLimit": 30_000_000, "feeRecipient": "0x" + "c0" * 20, "operatorFeePerGas": "0x5"}


def rollup_genesis(rules: dict[str, Any] | None = None, **config: Any) -> dict[str, Any]:
    forks = {f"{name}Block": 0 for name in FROM_THE_START}
    times = {"shanghaiTime": 0, "cancunTime": 0, "pragueTime": 0, "terminalTotalDifficulty": 0}
    rollup = {"rollup": RULES if rules is None else rules}
    return {
        "gasLimit": "0x1c9c380",
        "difficulty": "0x0",
        "alloc": {},
        "config": {"chainId": 1337} | forks | times | rollup | config,
    }


def test_the_rules_reach_the_core_and_have_a_hash() -> None:
    checked = genesis.check(rollup_genesis())

    assert checked.config["rollup"] == {
        "gasLimit": 30_000_000,
        "feeRecipient": "0x" + "c0" * 20,
        "operatorFeePerGas": 5,
    }
    base = _native.config_hash(checked.json)
    other = _native.config_hash(genesis.check(rollup_genesis(osakaTime=9)).json)
    assert len({base, other, None}) == 3


def test_a_chain_of_its_own_has_no_rules() -> None:
    plain = rollup_genesis(osakaTime=None)
    del plain["config"]["rollup"], plain["config"]["cancunTime"], plain["config"]["pragueTime"]
    assert _native.config_hash(genesis.check(plain).json) is None


@pytest.mark.parametrize(
    ("rules", "problem"),
    [
        (RULES | {"gaslimit": 1}, "config.rollup.gaslimit is not known; did you mean config.rollup.gasLimit"),
        ({"gasLimit": 1}, "config.rollup.feeRecipient is missing"),
        (RULES | {"feeRecipient": "0x12"}, "config.rollup.feeRecipient"),
        (RULES | {"operatorFeePerGas": 1 << 64}, "config.rollup.operatorFeePerGas"),
        ([], "config.rollup is a list"),
    ],
)
def test_a_wrong_rule_is_a_problem_with_its_place(rules: Any, problem: str) -> None:
    with pytest.raises(errors.GenesisInvalid) as refused:
        genesis.check(rollup_genesis(rules))

    assert problem in str(refused.value)


@pytest.mark.parametrize(
    "config",
    [
        {"pragueTime": 5},
        {"terminalTotalDifficulty": 7},
        {"blobSchedule": {"cancun": {"target": 3, "max": 6, "baseFeeUpdateFraction": 3338477}}},
    ],
)
def test_a_rollup_has_one_schedule(config: dict[str, Any]) -> None:
    checked = genesis.check(rollup_genesis(**config))

    with pytest.raises(_native.GenesisError, match="every fork to Prague"):
        _native.config_hash(checked.json)


def test_the_gas_limit_is_that_of_the_rules() -> None:
    given = rollup_genesis() | {"gasLimit": "0x1"}

    with pytest.raises(_native.GenesisError, match="is not the 30000000 of config"):
        _native.config_hash(genesis.check(given).json)


def test_the_normal_form_is_what_the_core_reads() -> None:
    normal = json.loads(genesis.check(rollup_genesis()).json)

    assert normal["config"]["rollup"]["gasLimit"] == 30_000_000
