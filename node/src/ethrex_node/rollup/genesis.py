"""
The first state of a rollup: its predeploys behind their proxies, the contracts that every chain has, funded accounts.

Pure: artifacts and parameters in, the JSON of a genesis file out. That the file is a good one is `config.genesis`'s to
say; which state root and block hash come of it, the native core's. Both are registered on L1.
"""

from __future__ import annotations

import importlib.resources
import json
from collections.abc import Mapping
from typing import Any, Final

from ethrex_node.rollup import artifacts

#: A predeploy's implementation stands at the predeploy's address with this bit turned.
IMPLEMENTATION_BIT: Final = 0x1000
PREDEPLOYS: Final = {
    0xFFFF: "CommonBridgeL2",
    0xFFFE: "Messenger",
    0xFFFC: "FeeTokenRegistry",
    0xFFFB: "FeeTokenPricer",
    0xFFFA: "L1Info",
    0xFFF9: "GasPriceOracle",
}
#: Proxies without an implementation, for what comes later: an address in use cannot become a predeploy.
RESERVED: Final = (*range(0xFF01, 0xFFF9), 0xFFFD)

#: ERC-1967: keccak("eip1967.proxy.implementation") - 1.
IMPLEMENTATION_SLOT: Final = "0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc"

GAS_PRICE_ORACLE: Final = 0xFFF9
#: ERC-7201 of "ethrex.storage.GasPriceOracle": the operator's fee per gas.
OPERATOR_FEE_SLOT: Final = "0xaccc447645b2e8dc608b6e536f3db4f57a6a7af60d0a03440eb702636e787b00"

#: Block roots for rollups are zero (EIP-4788), BLOCKHASH comes out of EIP-2935's contract, and tools deploy by CREATE2.
SYSTEM_CONTRACTS: Final = (
    "000f3df6d732807ef1319fb7b8bb8522d0beac02",
    "0000f90827f1c53a10cb7a02335b175320002935",
    "4e59b44847b379578588920ca78fbf26c0b4956c",
)
CREATE2_PROXY: Final = SYSTEM_CONTRACTS[2]
#: The same code as the deterministic deployment proxy's, at an address for which Safe holds the key.
SAFE_SINGLETON_FACTORY: Final = "914d7fec6aac8cd542e72bca78b30650d45643d7"

#: Tools of other rollups expect it; whoever deploys with it names salt and code.
CREATE2_DEPLOYER: Final = "13b0d85ccb8bf860b6b79af3029fca081ae9bef2"

FORKS_BY_BLOCK: Final = (
    "homesteadBlock",
    "eip150Block",
    "eip155Block",
    "eip158Block",
    "byzantiumBlock",
    "constantinopleBlock",
    "petersburgBlock",
    "istanbulBlock",
    "berlinBlock",
    "londonBlock",
)
FORKS_BY_TIME: Final = ("shanghaiTime", "cancunTime", "pragueTime")


def rollup_genesis(
    chain_id: int,
    rules: Mapping[str, Any],
    balances_wei: Mapping[bytes, int],
    *,
    timestamp: int = 0,
    base_fee_wei: int = 1_000_000_000,
) -> dict[str, Any]:
    """The genesis file of a rollup. `rules` is `config.rollup`; its `gasLimit` is every block's."""
    schedule: dict[str, Any] = dict.fromkeys((*FORKS_BY_BLOCK, *FORKS_BY_TIME, "terminalTotalDifficulty"), 0)
    return {
        "config": {"chainId": chain_id, **schedule, "rollup": dict(rules)},
        "gasLimit": hex(rules["gasLimit"]),
        "difficulty": "0x0",
        "timestamp": hex(timestamp),
        "baseFeePerGas": hex(base_fee_wei),
        "alloc": allocation(balances_wei, int(rules.get("operatorFeePerGas", 0))),
    }


def allocation(balances_wei: Mapping[bytes, int], operator_fee_per_gas_wei: int = 0) -> dict[str, Any]:
    """Accounts of the first state, by address in hexadecimal. ValueError where a balance is for a contract of it."""
    contracts = {**_system_contracts(), **_predeploys()}
    if operator_fee_per_gas_wei:  # a slot of zero is none
        storage = contracts[_address(GAS_PRICE_ORACLE)]["storage"]
        storage[OPERATOR_FEE_SLOT] = f"0x{operator_fee_per_gas_wei:064x}"
    funded = {address.hex(): {"balance": hex(balance)} for address, balance in balances_wei.items()}
    taken = sorted(contracts.keys() & funded.keys())
    if taken:
        raise ValueError(f"a balance is given to 0x{taken[0]}, where the genesis has a contract")
    return contracts | funded


def _predeploys() -> dict[str, Any]:
    proxy = artifacts.load("PredeployProxy")
    accounts: dict[str, Any] = {_address(at): _contract(proxy) for at in RESERVED}
    for at, name in PREDEPLOYS.items():
        implementation = at ^ IMPLEMENTATION_BIT
        accounts[_address(implementation)] = _contract(artifacts.load(name))
        accounts[_address(at)] = _contract(proxy) | {"storage": {IMPLEMENTATION_SLOT: f"0x{implementation:064x}"}}
    return accounts


def _contract(artifact: artifacts.Artifact) -> dict[str, Any]:
    """Code without its constructor: only a contract whose constructor does nothing can stand in a genesis."""
    if artifact.has_immutables:
        raise ValueError(f"{artifact.name} has immutables, which no constructor of a genesis sets")
    return {"balance": "0x0", "nonce": "0x1", "code": f"0x{artifact.deployed.hex()}"}


def _system_contracts() -> dict[str, Any]:
    data = importlib.resources.files("ethrex_node.config") / "data" / "contracts.json"
    every = json.loads(data.read_bytes())
    accounts = {address: every[address] for address in SYSTEM_CONTRACTS}
    preinstalls = json.loads((importlib.resources.files(__package__) / "preinstalls.json").read_bytes())
    return {**accounts, SAFE_SINGLETON_FACTORY: every[CREATE2_PROXY], **preinstalls["accounts"]}


def _address(at: int) -> str:
    return f"{at:040x}"
