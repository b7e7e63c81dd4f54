"""
Money between L1 and a rollup, from a user's side: deposits in, withdrawals out, and where each of them is.

The rollup says itself where its contracts are; a user types no address of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ethrex_node.rollup.deploy import create2
from ethrex_node.rollup.l1 import errors
from ethrex_node.rollup.l1.abi import Event, Function
from ethrex_node.rollup.l1.answers import Log
from ethrex_node.rollup.l1.answers import log as read_log
from ethrex_node.rollup.l1.endpoint import Endpoint
from ethrex_node.rollup.wallet import account
from ethrex_node.rollup.wallet.account import Account, WalletError

COIN: Final = bytes.fromhex("ee" * 20)
BRIDGE_L2: Final = bytes(18) + b"\xff\xff"
FOLLOW_SECONDS: Final = 0.5
FORCED_GAS: Final = 300_000  # of a withdrawal that is sent on L1, of whatever token

DEPOSIT: Final = Function("deposit(uint256,address)")
DEPOSIT_NATIVE: Final = Function("depositNative(uint256,address,uint256)")
DEPOSIT_ERC20: Final = Function("depositERC20(uint256,address,address,address,uint256)")
CLAIM: Final = Function("claimWithdrawal(uint256,(address,address,address,uint256,uint64,uint256),bytes32[])")
SEND_TO_L2: Final = Function("sendToL2(uint256,(address,uint256,uint256,bytes))")
WITHDRAW: Final = Function("withdraw(address)")
WITHDRAW_ERC20: Final = Function("withdrawERC20(address,address,address,uint256)")
APPROVE: Final = Function("approve(address,uint256)")
ALLOWANCE: Final = Function("allowance(address,address)", "(uint256)")
BALANCE_OF: Final = Function("balanceOf(address)", "(uint256)")
TRANSFER: Final = Function("transfer(address,uint256)")
NAME: Final = Function("name()", "(string)")
SYMBOL: Final = Function("symbol()", "(string)")
DECIMALS: Final = Function("decimals()", "(uint8)")
L1_ADDRESS: Final = Function("l1Address()", "(address)")

WITHDRAWAL: Final = Event(
    "WithdrawalInitiated",
    (
        ("sender", "address", True),
        ("receiver", "address", True),
        ("amount", "uint256", False),
        ("messageId", "uint256", False),
    ),
)
ERC20_WITHDRAWAL: Final = Event(
    "ERC20WithdrawalInitiated",
    (
        ("tokenL1", "address", True),
        ("tokenL2", "address", True),
        ("receiver", "address", True),
        ("amount", "uint256", False),
        ("messageId", "uint256", False),
    ),
)

Told = Callable[[str, dict[str, Any]], None]  # a stage, and what is known at it


@dataclass(frozen=True, slots=True)
class Rollup:
    """Both chains as a user sees them. `native_token` is the contract on L1 of the chain's coin; None: ether."""

    l1: Endpoint
    l2: Endpoint
    chain_id: int
    bridge: bytes
    native_token: bytes | None

    @classmethod
    async def ask(cls, l1: Endpoint, l2: Endpoint) -> Rollup:
        """Raises `WalletError` where `l2` is no rollup, or settles on another L1 than `l1`."""
        try:
            told = await l2.call("ethrex_getContracts")
        except errors.CallFailed as error:
            raise WalletError(
                f"{l2.name} is no rollup's node, or keeps the namespace ethrex to itself: {error}"
            ) from error
        l1_chain = int(await l1.call("eth_chainId"), 16)
        if l1_chain != told["l1_chain_id"]:
            raise WalletError(f"the rollup settles on chain {told['l1_chain_id']}, {l1.name} is chain {l1_chain}")
        native = told["native_token"]
        return cls(l1, l2, told["chain_id"], _bytes(told["common_bridge"]), None if native is None else _bytes(native))


@dataclass(frozen=True, slots=True)
class Token:
    """An ERC-20 on one of the chains."""

    address: bytes
    symbol: str
    decimals: int

    @classmethod
    async def ask(cls, endpoint: Endpoint, address: bytes) -> Token:
        """Raises `WalletError`."""
        (symbol,) = await account.read(endpoint, address, SYMBOL)
        (decimals,) = await account.read(endpoint, address, DECIMALS)
        return cls(address, symbol, decimals)


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """What a claim is made with, but for batch and proof."""

    token_l1: bytes
    token_l2: bytes
    receiver: bytes
    amount: int
    message_id: int


async def deposit(rollup: Rollup, sender: Account, recipient: bytes, amount: int) -> dict[str, Any]:
    """The chain's coin to L2. Gives the receipt on L1."""
    if rollup.native_token is None:
        return await sender.send(rollup.bridge, DEPOSIT.call(rollup.chain_id, _text(recipient)), amount)
    await _allow(rollup, sender, rollup.native_token, amount)
    data = DEPOSIT_NATIVE.call(rollup.chain_id, _text(recipient), amount)
    return await sender.send(rollup.bridge, data)


async def deposit_token(
    rollup: Rollup, sender: Account, token_l1: bytes, token_l2: bytes, recipient: bytes, amount: int
) -> dict[str, Any]:
    """A token to L2; the bridge is allowed to take it first, where it is not yet."""
    (of,) = await account.read(rollup.l2, token_l2, L1_ADDRESS)
    if _bytes(of) != token_l1:
        raise WalletError(f"{_text(token_l2)} on L2 stands for {of}, not for {_text(token_l1)}: it would come back")
    await _allow(rollup, sender, token_l1, amount)
    arguments = (rollup.chain_id, _text(token_l1), _text(token_l2), _text(recipient), amount)
    return await sender.send(rollup.bridge, DEPOSIT_ERC20.call(*arguments))


async def _allow(rollup: Rollup, sender: Account, token: bytes, amount: int) -> None:
    (allowed,) = await account.read(rollup.l1, token, ALLOWANCE, _text(sender.address), _text(rollup.bridge))
    if allowed < amount:
        await sender.send(token, APPROVE.call(_text(rollup.bridge), amount))


async def follow_deposit(rollup: Rollup, l1_transaction: str, told: Told) -> dict[str, Any]:
    """Until it is in a block of L2. `told` hears of each stage."""
    stage = ""
    while True:
        found = await rollup.l2.call("ethrex_getDepositStatus", l1_transaction)
        now = found[0]["status"] if found else "waiting for L1"
        if now != stage:
            stage = now
            told(stage, found[0] if found else {})
        if found and found[0]["block_number"] is not None:
            first: dict[str, Any] = found[0]
            return first
        await asyncio.sleep(FOLLOW_SECONDS)


async def withdraw(sender: Account, receiver: bytes, amount: int) -> dict[str, Any]:
    """The chain's coin to L1. Gives the receipt on L2."""
    return await sender.send(BRIDGE_L2, WITHDRAW.call(_text(receiver)), amount)


async def withdraw_token(sender: Account, token_l2: bytes, receiver: bytes, amount: int) -> dict[str, Any]:
    (token_l1,) = await account.read(sender.endpoint, token_l2, L1_ADDRESS)
    return await sender.send(BRIDGE_L2, WITHDRAW_ERC20.call(token_l1, _text(token_l2), _text(receiver), amount))


async def force_withdrawal(
    rollup: Rollup, sender: Account, token_l2: bytes | None, receiver: bytes, amount: int
) -> dict[str, Any]:
    """
    The same by a call that is queued on L1, whose gas is paid there: no sequencer has to agree to it. Gives the receipt on L1.
    """
    value, data = amount, WITHDRAW.call(_text(receiver))
    if token_l2 is not None:
        (token_l1,) = await account.read(rollup.l2, token_l2, L1_ADDRESS)
        value, data = 0, WITHDRAW_ERC20.call(token_l1, _text(token_l2), _text(receiver), amount)
    call = SEND_TO_L2.call(rollup.chain_id, (_text(BRIDGE_L2), FORCED_GAS, value, data))
    return await sender.send(rollup.bridge, call, await _forced_fee(rollup))


async def _forced_fee(rollup: Rollup) -> int:
    """
    `CommonBridge.queueFee` at the highest base fee that our transaction is mined at; the rest comes back. A call asks the
    contract in vain, since for one the base fee is zero.
    """
    block = await rollup.l1.call("eth_getBlockByNumber", "latest", False)
    return FORCED_GAS * account.FEE_HEADROOM * int(block["baseFeePerGas"], 16)


async def withdrawals(rollup: Rollup, transaction: str) -> list[Withdrawal]:
    """Those that a transaction on L2 began. Raises `WalletError` where there is none."""
    receipt = await rollup.l2.call("eth_getTransactionReceipt", transaction)
    if receipt is None:
        raise WalletError(f"L2 knows no transaction {transaction}")
    logs = [read_log(one) for one in receipt["logs"]]
    found = [_withdrawal(one) for one in logs if one.address == BRIDGE_L2 and one.topics[0] in _EVENTS]
    if not found:
        raise WalletError(f"transaction {transaction} withdraws nothing")
    return found


_EVENTS: Final = {WITHDRAWAL.topic, ERC20_WITHDRAWAL.topic}


def _withdrawal(log: Log) -> Withdrawal:
    if log.topics[0] == WITHDRAWAL.topic:
        said = WITHDRAWAL.read(log)
        return Withdrawal(COIN, COIN, _bytes(said["receiver"]), said["amount"], said["messageId"])
    said = ERC20_WITHDRAWAL.read(log)
    tokens = _bytes(said["tokenL1"]), _bytes(said["tokenL2"])
    return Withdrawal(*tokens, _bytes(said["receiver"]), said["amount"], said["messageId"])


async def follow_withdrawal(rollup: Rollup, transaction: str, until: str, told: Told) -> list[dict[str, Any]]:
    """Until all messages of a transaction have come to a stage ("claimable"), or past it. Gives them with their proofs."""
    order = ["sealed", "committed", "verified", "claimable", "claimed"]
    stage = ""
    while True:
        found = await rollup.l2.call("ethrex_getL1MessageProof", transaction)
        if found is None:
            raise WalletError(f"L2 knows no transaction {transaction}")
        if not found:
            raise WalletError(f"transaction {transaction} sends nothing to L1")
        slowest = min(found, key=lambda one: _place(order, one["status"]))
        if slowest["status"] != stage:
            stage = slowest["status"]
            told(stage, slowest)
        if _place(order, stage) >= order.index(until):
            messages: list[dict[str, Any]] = found
            return messages
        await asyncio.sleep(FOLLOW_SECONDS)


def _place(order: list[str], stage: str) -> int:
    """A batch may be final before its messages are claimable."""
    return order.index("verified" if stage == "final" else stage)


async def claim(rollup: Rollup, sender: Account, transaction: str) -> list[dict[str, Any]]:
    """Claim what a transaction on L2 withdrew and nobody has claimed. Gives the receipts on L1; raises `WalletError`."""
    messages = {
        int(one["message_id"], 16): one for one in await rollup.l2.call("ethrex_getL1MessageProof", transaction)
    }
    receipts = []
    for one in await withdrawals(rollup, transaction):
        message = messages[one.message_id]
        if message["status"] == "claimed":
            continue
        if message["status"] != "claimable":
            raise WalletError(f"message {one.message_id} is {message['status']}, not claimable yet")
        proof = [_bytes(sibling) for sibling in message["merkle_proof"]]
        receipts.append(await take(rollup, sender, one, message["batch_number"], proof))
    return receipts


async def take(rollup: Rollup, sender: Account, one: Withdrawal, batch: int, proof: Sequence[bytes]) -> dict[str, Any]:
    """On L1, what was withdrawn in a batch that is verified. Gives the receipt; raises `WalletError`."""
    whose = (_text(one.token_l1), _text(one.token_l2), _text(one.receiver), one.amount)
    call = CLAIM.call(rollup.chain_id, (*whose, batch, one.message_id), list(proof))
    return await sender.send(rollup.bridge, call)


async def deploy_token(rollup: Rollup, sender: Account, token_l1: bytes) -> tuple[Token, bool]:
    """
    The token on L2 that stands for one of L1, with its name, symbol and decimals; whether it had to be made.

    It is the same one for whoever asks: its address follows from the token's.
    """
    (name,) = await account.read(rollup.l1, token_l1, NAME)
    token = await Token.ask(rollup.l1, token_l1)
    types = ("string", "string", "uint8", "address")
    values = (name, token.symbol, token.decimals, _text(token_l1))
    creation = create2.creation("ERC20L2", bytes(32), types, values)
    made = Token(creation.address, token.symbol, token.decimals)
    if await rollup.l2.call("eth_getCode", _text(creation.address), "latest") != "0x":
        return made, False
    await sender.send(create2.DEPLOYER, creation.call_data)
    return made, True


async def balance(endpoint: Endpoint, owner: bytes, token: bytes | None = None) -> int:
    """In units of the coin or the token."""
    if token is None:
        return int(await endpoint.call("eth_getBalance", _text(owner), "latest"), 16)
    (found,) = await account.read(endpoint, token, BALANCE_OF, _text(owner))
    return int(found)


def _text(address: bytes) -> str:
    return "0x" + address.hex()


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text[2:])
