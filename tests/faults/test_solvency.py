"""
Random traffic of users over a whole rollup, and money that adds up: on L1 no book pays out more than came in, the bridge has
what its books say, nothing is claimed twice; on L2 there is to the wei as much coin as the books hold, and every receipt's
fee is where its parts say. FAULT_SOLVENCY_SECONDS says how long the traffic goes on (`make faults`: 600).
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest
from eth_account import Account as Signer
from unit.rollup.whole import roles, tokens
from unit.rollup.whole.roles import GWEI, LIMIT_SECONDS, text

from ethrex_node.dev import accounts
from ethrex_node.rollup.l1 import signers
from ethrex_node.rollup.l1.abi import Event, Function
from ethrex_node.rollup.l1.answers import log as read_log
from ethrex_node.rollup.l1.endpoint import Endpoint
from ethrex_node.rollup.l1.fees import Fees
from ethrex_node.rollup.l1.transaction import Authorization, Transaction
from ethrex_node.rollup.wallet import account, bridge
from ethrex_node.rollup.wallet.account import Account, WalletError

SECONDS: Final = float(os.environ.get("FAULT_SOLVENCY_SECONDS", "20"))
SEED: Final = int(os.environ.get("FAULT_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
CHAIN_ID: Final = 4_347
COMMITTER, SETTLER, PROVER, *USERS = accounts.derive()[1:10]
ETHER: Final = 10**18
UNITS: Final = 10**9  # of the token, a user
RICH: Final = 10**20
LOOK_SECONDS: Final = 5.0
QUEUE_FEE_WEI: Final = 10**15  # for the gas of a call; what is too much of it comes back
COIN: Final = bridge.COIN
BURNED: Final = bytes(20)
BASE_VAULT, OPERATOR_VAULT, DATA_VAULT, RECIPIENT = (bytes([0xC0 + at]) * 20 for at in range(4))
PARTS: Final = (BASE_VAULT, OPERATOR_VAULT, DATA_VAULT, RECIPIENT)
# Without input: takes what comes. With input: sends it on to the address in the first word.
FORWARDER: Final = bytes.fromhex("3615601357" + "5f5f5f5f345f355af1" + "15601557" + "005b005b5f5ffd")
REFUSER: Final = bytes.fromhex("5f5ffd")
BURNER: Final = bytes.fromhex("fe")

SEND: Final = Function("sendToL2(uint256,(address,uint256,uint256,bytes))")
BOOK: Final = Function("book(uint256,address,address)", "(uint256)")
TOKENS: Final = (("tokenL1", "address", False), ("tokenL2", "address", False), ("amount", "uint256", False))
DEPOSITED: Final = Event(
    "Deposited", (("chainId", "uint256", True), ("index", "uint64", True), ("recipient", "address", True), *TOKENS)
)
CLAIMED: Final = Event(
    "WithdrawalClaimed",
    (("chainId", "uint256", True), ("messageId", "uint256", True), ("receiver", "address", True), *TOKENS),
)

Pair = tuple[str, str]


@dataclass
class User:
    l1: Account
    l2: Account

    @property
    def address(self) -> bytes:
        return self.l2.address


@dataclass
class World:
    """The rollup, its users, and everybody who may hold coin on L2."""

    chain: roles.Chain
    rollup: bridge.Rollup
    users: list[User]
    chance: random.Random
    genesis: dict[bytes, int]  # coin of the first block
    token_l1: bytes = b""
    token_l2: bytes = b""
    holders: set[bytes] = field(default_factory=set)
    sent: list[str] = field(default_factory=list)  # transactions on L2
    claims: list[tuple[str, bytes, int]] = field(
        default_factory=list
    )  # L2 transaction; what came back of a deposit: to whom
    did: Counter[str] = field(default_factory=Counter)
    forwarder: bytes = b""
    refuser: bytes = b""
    burner: bytes = b""

    def somebody(self) -> bytes:
        """A user, or somebody whom nobody knows yet."""
        if self.chance.random() < 0.5:
            return self.chance.choice(self.users).address
        stranger = self.chance.randbytes(20)
        self.holders.add(stranger)
        return stranger

    async def make(self, user: User, code: bytes) -> bytes:
        """A contract on L2."""
        creation = bytes.fromhex(f"60{len(code):02x}600a5f3960{len(code):02x}5ff3") + code
        sent = await self._sent(user, None, 0, creation, 200_000)
        made = bytes.fromhex((await self._receipt(sent))["contractAddress"][2:])
        self.holders.add(made)
        return made

    async def raw(self, user: User, to: bytes, value: int, data: bytes = b"", gas: int = 100_000, **more: Any) -> str:
        """Whether it succeeds or not: its hash, once it is in a block."""
        sent = await self._sent(user, to, value, data, gas, **more)
        await self._receipt(sent)
        return sent

    async def _sent(self, user: User, to: bytes | None, value: int, data: bytes, gas: int, **more: Any) -> str:
        nonce = int(await self.rollup.l2.call("eth_getTransactionCount", text(user.address), "pending"), 16)
        if to is None:
            fields = {"chainId": CHAIN_ID, "nonce": nonce, "data": data, "value": value, "gas": gas,
                      "maxFeePerGas": 50 * GWEI, "maxPriorityFeePerGas": GWEI}  # fmt: skip
            key = next(one.key for one in USERS if one.address == user.address)
            raw = bytes(Signer.sign_transaction(fields, key).raw_transaction)
        else:
            unsigned = Transaction(
                chain_id=CHAIN_ID, nonce=nonce, to=to, gas_limit=gas, fees=Fees(50 * GWEI, GWEI), data=data,
                value_wei=value, **more,
            )  # fmt: skip
            raw = unsigned.signed(await user.l2.signer.sign(unsigned.preimage)).raw
        sent: str = await self.rollup.l2.call("eth_sendRawTransaction", "0x" + raw.hex())
        self.sent.append(sent)
        return sent

    async def _receipt(self, sent: str) -> dict[str, Any]:
        return await account.wait_for_receipt(self.rollup.l2, bytes.fromhex(sent[2:]), "L2")

    def note(self, receipt: dict[str, Any]) -> str:
        self.sent.append(receipt["transactionHash"])
        return self.sent[-1]


# what users do


async def deposit(world: World, user: User) -> None:
    await bridge.deposit(world.rollup, user.l1, world.somebody(), world.chance.randrange(1, ETHER))


async def deposit_that_comes_back(world: World, user: User) -> None:
    """Its recipient takes no coin."""
    amount = world.chance.randrange(1, ETHER)
    receipt = await bridge.deposit(world.rollup, user.l1, world.refuser, amount)
    found = await bridge.follow_deposit(world.rollup, receipt["transactionHash"], lambda *_: None)
    world.claims.append((found["transaction_hash"], user.address, amount))


async def deposit_token(world: World, user: User) -> None:
    balance = await bridge.balance(world.rollup.l1, user.address, world.token_l1)
    to = world.chance.choice(world.users).address
    if balance:
        amount = world.chance.randrange(1, 1 + max(1, balance // 50))
        await bridge.deposit_token(world.rollup, user.l1, world.token_l1, world.token_l2, to, amount)


async def call_without_money(world: World, user: User) -> None:
    """From L1, with more value than the account has on L2: it is in a block all the same and reverts."""
    values = (text(world.somebody()), 100_000, 10**30, b"")
    await user.l1.send(world.rollup.bridge, SEND.call(CHAIN_ID, values), QUEUE_FEE_WEI)


async def call_from_l1(world: World, user: User) -> None:
    values = (text(world.somebody()), 100_000, world.chance.randrange(1, ETHER // 100), b"")
    await user.l1.send(world.rollup.bridge, SEND.call(CHAIN_ID, values), QUEUE_FEE_WEI)


async def transfer(world: World, user: User) -> None:
    await world.raw(user, world.somebody(), world.chance.randrange(1, ETHER // 10))


async def transfer_token(world: World, user: User) -> None:
    call = bridge.TRANSFER.call(text(world.somebody()), world.chance.randrange(1, 1000))
    await world.raw(user, world.token_l2, 0, call)


async def call(world: World, user: User) -> None:
    await world.raw(user, world.forwarder, world.chance.randrange(1, GWEI), bytes(12) + world.somebody())


async def fail(world: World, user: User) -> None:
    refused = [
        world.raw(user, world.refuser, world.chance.randrange(GWEI)),
        world.raw(user, world.forwarder, 5, bytes(12) + world.refuser),
        world.raw(user, bridge.BRIDGE_L2, 0, bridge.WITHDRAW.call(text(user.address))),
        world.raw(user, world.burner, 7),
    ]
    chosen = world.chance.randrange(len(refused))
    for at, one in enumerate(refused):
        if at != chosen:
            one.close()
    sent = await refused[chosen]
    assert (await world.rollup.l2.call("eth_getTransactionReceipt", sent))["status"] == "0x0"


async def delegate(world: World, user: User) -> None:
    """An account that has nothing lets the forwarder be its code (EIP-7702), and forwards at once."""
    key = Signer.from_key(world.chance.randbytes(32))
    signed = key.sign_authorization({"chainId": CHAIN_ID, "address": text(world.forwarder), "nonce": 0})
    one = Authorization(
        chain_id=CHAIN_ID, delegate=world.forwarder, nonce=0, y_parity=signed.y_parity, r=signed.r, s=signed.s
    )
    to = bytes.fromhex(key.address[2:])
    world.holders.add(to)
    data = world.chance.choice([b"", bytes(12) + world.somebody()])
    await world.raw(user, to, world.chance.randrange(1, GWEI), data, 150_000, authorizations=(one,))


async def withdraw(world: World, user: User) -> None:
    receipt = await bridge.withdraw(user.l2, user.address, world.chance.randrange(1, ETHER // 10))
    world.claims.append((world.note(receipt), b"", 0))


async def withdraw_token(world: World, user: User) -> None:
    balance = await bridge.balance(world.rollup.l2, user.address, world.token_l2)
    if balance:
        amount = world.chance.randrange(1, balance + 1)
        receipt = await bridge.withdraw_token(user.l2, world.token_l2, user.address, amount)
        world.claims.append((world.note(receipt), b"", 0))


async def claim(world: World, user: User) -> None:
    """What is claimable, by anybody; and then not once more."""
    for one in list(world.claims):
        (message,) = await world.rollup.l2.call("ethrex_getL1MessageProof", one[0])
        if message["status"] == "claimable" and one in world.claims:
            world.claims.remove(one)
            await _claim(world, user, one, message)
            with pytest.raises(WalletError, match="AlreadyClaimed"):
                await _claim(world, user, one, message)
            return


async def _claim(world: World, user: User, one: tuple[str, bytes, int], message: dict[str, Any]) -> None:
    transaction, receiver, amount = one
    money = (COIN, COIN, receiver, amount)
    if not receiver:
        (found,) = await bridge.withdrawals(world.rollup, transaction)
        money = (found.token_l1, found.token_l2, found.receiver, found.amount)
    named = (*(text(each) for each in money[:3]), money[3], message["batch_number"], int(message["message_id"], 16))
    proof = [bytes.fromhex(each[2:]) for each in message["merkle_proof"]]
    await user.l1.send(world.rollup.bridge, bridge.CLAIM.call(CHAIN_ID, named, proof))


ACTIONS: Final[tuple[Callable[[World, User], Awaitable[None]], ...]] = (
    *(deposit, deposit_that_comes_back, deposit_token, call_without_money, call_from_l1),
    *(transfer, transfer_token, call, fail, delegate),
    *(withdraw, withdraw_token, claim, claim),
)


# what has to be so


async def check_l1(world: World) -> dict[Pair, int]:
    """Books and the bridge's balances at one block of L1, against the bridge's events up to it. Gives the books."""
    head = await world.rollup.l1.call("eth_blockNumber")
    came, left = await _sums(world, DEPOSITED, head), await _sums(world, CLAIMED, head)
    came[text(COIN), text(COIN)] += sum(world.genesis.values())  # booked when the chain was registered
    books = {}
    for pair in came.keys() | left.keys():
        assert left[pair] <= came[pair], f"{pair} paid {left[pair]} of {came[pair]}"
        books[pair] = came[pair] - left[pair]
        held = await _view(world, head, world.rollup.bridge, BOOK, CHAIN_ID, *pair)
        assert held == books[pair], f"book {pair} holds {held}, {books[pair]} is in it"
    for token in {pair[0] for pair in books}:
        owed = sum(amount for pair, amount in books.items() if pair[0] == token)
        if token == text(COIN):
            has = int(await world.rollup.l1.call("eth_getBalance", text(world.rollup.bridge), head), 16)
        else:
            has = await _view(world, head, bytes.fromhex(token[2:]), bridge.BALANCE_OF, text(world.rollup.bridge))
        assert owed <= has, f"of {token} {owed} are owed, the bridge has {has}"
    return books


async def _sums(world: World, event: Event, head: str) -> Counter[Pair]:
    """By pair, over all events of the chain; no message is named twice."""
    topics = ["0x" + event.topic.hex(), "0x" + CHAIN_ID.to_bytes(32, "big").hex()]
    asked = {"address": text(world.rollup.bridge), "topics": topics, "fromBlock": "0x0", "toBlock": head}
    found = [event.read(read_log(one)) for one in await world.rollup.l1.call("eth_getLogs", asked)]
    numbers = [one["messageId" if event is CLAIMED else "index"] for one in found]
    assert len(set(numbers)) == len(numbers), "no double claim"
    sums: Counter[Pair] = Counter()
    for one in found:
        sums[one["tokenL1"].lower(), one["tokenL2"].lower()] += one["amount"]
    return sums


async def _view(world: World, block: str, to: bytes, function: Function, *arguments: Any) -> int:
    asked = {"to": text(to), "data": "0x" + function.call(*arguments).hex()}
    (found,) = function.result(bytes.fromhex((await world.rollup.l1.call("eth_call", asked, block))[2:]))
    return int(found)


async def check_fees(world: World) -> int:
    """Every receipt's parts add up, the vaults hold their sums, and senders paid just that. Gives the number of receipts."""
    head = int(await world.rollup.l2.call("eth_blockNumber"), 16)
    sums = dict.fromkeys(PARTS, 0)
    count = 0
    for number in range(1, head + 1):
        block = await world.rollup.l2.call("eth_getBlockByNumber", hex(number), True)
        receipts = await world.rollup.l2.call("eth_getBlockReceipts", hex(number))
        base = int(block["baseFeePerGas"], 16)
        for receipt in receipts:
            if receipt["type"] == "0x7e":
                continue
            count += 1
            gas, price, data, operator = (
                int(receipt[name], 16) for name in ("gasUsed", "effectiveGasPrice", "dataFee", "operatorFee")
            )
            paying, rest = divmod(gas * price - data, price)
            assert rest == 0, receipt
            parts = (base * paying, operator, data, paying * (price - base) - operator)
            assert all(part >= 0 for part in parts), receipt
            assert sum(parts) == gas * price, receipt
            for vault, part in zip(PARTS, parts, strict=True):
                sums[vault] += part
        if len(receipts) == 1 and receipts[0]["type"] == "0x2":
            await _sender_paid(world, number, block["transactions"][0], receipts[0])
    held = {vault: await _balance(world, vault, hex(head)) for vault in PARTS}
    assert held == sums
    return count


async def _sender_paid(world: World, number: int, transaction: dict[str, Any], receipt: dict[str, Any]) -> None:
    """The only transaction of its block: what its sender has less is fee and value."""
    sender = bytes.fromhex(transaction["from"][2:])
    before, after = [await _balance(world, sender, hex(at)) for at in (number - 1, number)]
    value = int(transaction["value"], 16) if receipt["status"] == "0x1" and receipt["to"] != transaction["from"] else 0
    back = (
        value
        if transaction["input"].endswith(transaction["from"][2:]) and receipt["to"] == text(world.forwarder)
        else 0
    )
    fee = int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16)
    assert before - after == fee + value - back, (transaction, receipt)


async def _balance(world: World, owner: bytes, block: str) -> int:
    return int(await world.rollup.l2.call("eth_getBalance", text(owner), block), 16)


async def check_coin(world: World, books: dict[Pair, int]) -> None:
    """All coin and all tokens of L2 against the books, once nothing is on its way."""
    holders = world.holders | world.genesis.keys() | set(PARTS) | {bridge.BRIDGE_L2}
    coin = sum([await _balance(world, one, "latest") for one in holders if one != BURNED])
    assert coin == books[text(COIN), text(COIN)]
    (supply,) = await account.read(world.rollup.l2, world.token_l2, Function("totalSupply()", "(uint256)"))
    assert supply == books[text(world.token_l1), text(world.token_l2)]


@asynccontextmanager
async def traffic(folder: Path, chance: random.Random) -> AsyncIterator[World]:
    plan = {
        "chainId": CHAIN_ID,
        "committers": [text(COMMITTER.address)],
        "genesis": {
            "balancesWei": {text(user.address): RICH for user in USERS},
            "feeRecipient": text(RECIPIENT), "baseFeeVault": text(BASE_VAULT), "dataFeeVault": text(DATA_VAULT),
            "operatorFeeVault": text(OPERATOR_VAULT), "operatorFeePerGasWei": 1_000_000,
        },
        "proofs": {"attestedSigners": [text(PROVER.address)], "executionDelaySeconds": 0},
    }  # fmt: skip
    keys = roles.Keys(COMMITTER, SETTLER, PROVER)
    with roles.l1(folder) as (l1_url, _):
        roles.deploy(folder, l1_url, [plan])
        document = json.loads((folder / "deployment" / f"{CHAIN_ID}.genesis.json").read_text())
        first = {bytes.fromhex(at.removeprefix("0x")): int(one["balance"], 16) for at, one in document["alloc"].items()}
        with roles.chain(folder, l1_url, CHAIN_ID, keys) as chain:
            async with aiohttp.ClientSession() as session:
                l1, l2 = Endpoint(l1_url, session, 30.0), Endpoint(chain.url, session, 30.0)
                users = [
                    User(Account("L1", l1, signers.local(one.key)), Account("L2", l2, signers.local(one.key)))
                    for one in USERS
                ]
                world = World(chain, await bridge.Rollup.ask(l1, l2), users, chance, first)
                await _prepare(world)
                yield world


async def _prepare(world: World) -> None:
    """A token that all users have on L1, its twin, contracts on L2."""

    def ask(method: str, *params: Any) -> Any:
        return roles.patiently(world.chain.l1_url, method, *params)

    first = world.users[0]
    made = await asyncio.to_thread(tokens.make, ask, text(USERS[0].address), text(first.address), 10 * UNITS)
    world.token_l1 = bytes.fromhex(made[2:])
    for user in world.users[1:]:
        await first.l1.send(world.token_l1, bridge.TRANSFER.call(text(user.address), UNITS))
    twin, _ = await bridge.deploy_token(world.rollup, first.l2, world.token_l1)
    world.token_l2 = twin.address
    await bridge.deposit_token(world.rollup, first.l1, world.token_l1, world.token_l2, first.address, UNITS // 2)
    world.forwarder = await world.make(first, FORWARDER)
    world.refuser = await world.make(first, REFUSER)
    world.burner = await world.make(first, BURNER)


async def _act(world: World, users: list[User], until: float) -> None:
    """Two users in turn, a random action at a time; what a user cannot do now is another one's turn."""
    while time.monotonic() < until:
        action = world.chance.choice(ACTIONS)
        await action(world, world.chance.choice(users))
        world.did[action.__name__] += 1


async def _watch(world: World) -> None:
    while True:
        await check_l1(world)
        await asyncio.sleep(LOOK_SECONDS)


async def _settle(world: World) -> None:
    """All that was queued is on L2, and all that was withdrawn is claimed."""
    end, left = time.monotonic() + 2 * LIMIT_SECONDS, len(world.claims)
    while world.claims or await _queued(world):
        assert time.monotonic() < end, world.chain.sequencer.log.read_text()[-3000:]
        await claim(world, world.users[0])
        if len(world.claims) < left:  # one after the other, as long as each comes in time
            end, left = time.monotonic() + 2 * LIMIT_SECONDS, len(world.claims)
        await asyncio.sleep(0.2)


async def _queued(world: World) -> bool:
    length = await _view(
        world, "latest", world.rollup.bridge, Function("queueLength(uint256)", "(uint64)"), CHAIN_ID
    )  # fmt: skip
    last = await world.rollup.l2.call("ethrex_getQueueItem", hex(length - 1))
    return last is None or last["block_number"] is None


@pytest.mark.timeout(SECONDS * 6 + 6 * LIMIT_SECONDS)
async def test_money_adds_up_under_random_traffic(tmp_path: Path) -> None:
    print(f"seed {SEED}, {SECONDS:g} s")
    async with traffic(tmp_path, random.Random(SEED)) as world:
        until = time.monotonic() + SECONDS
        watching = asyncio.create_task(_watch(world))
        half = len(world.users) // 2
        async with asyncio.TaskGroup() as group:
            group.create_task(_act(world, world.users[:half], until))
            group.create_task(_act(world, world.users[half:], until))
        assert not watching.done(), watching.exception()
        watching.cancel()
        await _settle(world)

        books = await check_l1(world)
        receipts = await check_fees(world)
        await check_coin(world, books)
        print(f"{receipts} receipts of users, {sum(world.did.values())} actions: {dict(world.did)}; books {books}")
        assert receipts >= len(world.sent)
