"""ERC-20s on a dev L1: the rollup's own token, which mints for one address, and the dev chain lets us be that one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ethrex_node.rollup import artifacts
from ethrex_node.rollup.l1 import abi

Ask = Callable[..., Any]

ETHER: Final = 10**18
BRIDGE_L2: Final = "0x" + bytes(18).hex() + "ffff"
MINT: Final = abi.Function("crosschainMint(address,uint256)")
BALANCE_OF: Final = abi.Function("balanceOf(address)")


def make(ask: Ask, maker: str, owner: str, units: int, decimals: int = 18) -> str:
    """The address of a token whose units are all `owner`'s. `maker` is an unlocked account."""
    types, values = ("string", "string", "uint8", "address"), ("Dollar", "USD", decimals, "0x" + "11" * 20)
    code = "0x" + (artifacts.load("ERC20L2").creation + abi.encode(types, values)).hex()
    token: str = _mined(ask, ask("eth_sendTransaction", {"from": maker, "data": code, "gas": hex(5_000_000)}))[
        "contractAddress"
    ]
    ask("anvil_setBalance", BRIDGE_L2, hex(ETHER))
    ask("anvil_impersonateAccount", BRIDGE_L2)
    data = "0x" + MINT.call(owner, units).hex()
    _mined(ask, ask("eth_sendTransaction", {"from": BRIDGE_L2, "to": token, "data": data}))
    return token


def balance(ask: Ask, token: str, owner: str) -> int:
    call = {"to": token, "data": "0x" + BALANCE_OF.call(owner).hex()}
    return int(ask("eth_call", call, "latest"), 16)


def _mined(ask: Ask, transaction: str) -> dict[str, Any]:
    while (receipt := ask("eth_getTransactionReceipt", transaction)) is None:
        ask("evm_mine")
    assert receipt["status"] == "0x1"
    found: dict[str, Any] = receipt
    return found
