"""
The genesis of a dev chain: every fork from the start, the system contracts in place, funded accounts.

Chain id, accounts and balances are those that other dev nodes have, so that scripts and wallets work unchanged.
"""

from __future__ import annotations

import importlib.resources
import json
from collections.abc import Sequence
from typing import Any, Final

from ethrex_node.config import forks, genesis

CHAIN_ID: Final = 31337
GAS_LIMIT: Final = 60_000_000
BALANCE_WEI: Final = 10_000 * 10**18
LAST_FORK: Final = "bpo2Time"  # the newest that mainnet has
BLOB_SCHEDULE: Final = {
    "cancun": {"target": 3, "max": 6, "baseFeeUpdateFraction": 3_338_477},
    "prague": {"target": 6, "max": 9, "baseFeeUpdateFraction": 5_007_716},
    "osaka": {"target": 6, "max": 9, "baseFeeUpdateFraction": 5_007_716},
    "bpo1": {"target": 10, "max": 15, "baseFeeUpdateFraction": 8_346_193},
    "bpo2": {"target": 14, "max": 21, "baseFeeUpdateFraction": 11_684_671},
}
DEPOSIT_CONTRACT: Final = "0x00000000219ab540356cbb839cbe05303d7705fa"


def dev_genesis(
    accounts: Sequence[bytes],
    *,
    chain_id: int = CHAIN_ID,
    balance_wei: int = BALANCE_WEI,
    gas_limit: int = GAS_LIMIT,
    timestamp: int = 0,
) -> genesis.Genesis:
    """Fund these addresses. The system contracts of EIP-4788, 2935, 7002, 7251 and the deposit contract are present."""
    return genesis.check(
        {
            "config": config(chain_id),
            "gasLimit": hex(gas_limit),
            "difficulty": "0x0",
            "timestamp": hex(timestamp),
            "baseFeePerGas": hex(1_000_000_000),
            "alloc": contracts() | {address.hex(): {"balance": hex(balance_wei)} for address in accounts},
        },
        "the dev genesis",
    )


def config(chain_id: int) -> dict[str, Any]:
    """Every fork from the start."""
    chosen: dict[str, Any] = {"chainId": chain_id, "terminalTotalDifficulty": 0}
    for fork in forks.FORKS:
        if fork.key not in ("daoForkBlock", "mergeNetsplitBlock"):
            chosen[fork.key] = 0
        if fork.key == LAST_FORK:
            break
    return chosen | {"blobSchedule": BLOB_SCHEDULE, "depositContractAddress": DEPOSIT_CONTRACT}


def contracts() -> dict[str, Any]:
    """The system contracts, as a genesis file's `alloc` has them."""
    data = importlib.resources.files(__package__) / "data" / "contracts.json"
    alloc: dict[str, Any] = json.loads(data.read_bytes())
    return alloc
