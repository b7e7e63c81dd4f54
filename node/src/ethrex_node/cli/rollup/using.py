"""What users ask of a rollup on the command line: one function a command, on `rollup.wallet`."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
import click

from ethrex_node.rollup.l1 import errors, signers
from ethrex_node.rollup.l1.endpoint import Endpoint
from ethrex_node.rollup.wallet import account, amounts, bridge, recovered
from ethrex_node.rollup.wallet.account import Account, WalletError

TIMEOUT_SECONDS: Final = 30.0
ETH_DECIMALS: Final = 18


@dataclass(frozen=True, slots=True)
class Wish:
    """What every command takes."""

    l1_url: str
    l2_url: str
    key: str | None
    as_json: bool


@dataclass(frozen=True, slots=True)
class Session:
    """Both chains, and how to answer the caller."""

    wish: Wish
    http: aiohttp.ClientSession
    rollup: bridge.Rollup
    began: float = field(default_factory=time.monotonic)

    async def account(self, chain: str) -> Account:
        """The caller's on "L1" or "L2"."""
        if self.wish.key is None:
            raise click.ClickException(f"--key is missing: {signers.FORMS}")
        endpoint = self.rollup.l1 if chain == "L1" else self.rollup.l2
        chain_id = int(await self.rollup.l1.call("eth_chainId"), 16)  # a dev chain's keys are good above it as well
        return Account(chain, endpoint, await signers.open_signer(self.wish.key, chain_id, self.http))

    def told(self, stage: str, facts: dict[str, Any]) -> None:
        """Progress goes to stderr: what is piped on is the answer alone."""
        if self.wish.as_json:
            return
        seconds = time.monotonic() - self.began
        more = [f"{name} {facts[name]}" for name in ("block_number", "batch_number") if facts.get(name) is not None]
        at = facts.get("claimable_at")
        if at is not None and at > time.time():
            more.append(f"claimable in {at - time.time():,.0f} s")
        print(f"{seconds:7.1f} s  {stage}  {', '.join(more)}".rstrip(), file=sys.stderr, flush=True)

    def answer(self, facts: dict[str, Any]) -> None:
        if self.wish.as_json:
            print(json.dumps(facts))
            return
        width = max(map(len, facts))
        for name, value in facts.items():
            print(f"{name:<{width}}  {value if not isinstance(value, list) else ', '.join(map(str, value))}")


@asynccontextmanager
async def _session(wish: Wish) -> AsyncIterator[Session]:
    async with aiohttp.ClientSession() as http:
        l1, l2 = (Endpoint(url, http, TIMEOUT_SECONDS) for url in (wish.l1_url, wish.l2_url))
        yield Session(wish, http, await bridge.Rollup.ask(l1, l2))


def run(wish: Wish, command: Callable[[Session], Awaitable[None]]) -> None:
    async def go() -> None:
        async with _session(wish) as session:
            await command(session)

    asyncio.run(go())


async def deposit(
    session: Session, amount: str, to: bytes | None, tokens: tuple[bytes, bytes] | None, wait: bool
) -> None:
    rollup, me = session.rollup, await session.account("L1")
    recipient = to or me.address
    if tokens is None:
        units = await _coin(session, amount)
        receipt = await bridge.deposit(rollup, me, recipient, units)
    else:
        token = await bridge.Token.ask(rollup.l1, tokens[0])
        units = amounts.token(amount, token.decimals, token.symbol)
        receipt = await bridge.deposit_token(rollup, me, *tokens, recipient, units)
    facts = {"l1_transaction": receipt["transactionHash"], "recipient": _text(recipient), "units": str(units)}
    if wait:
        arrived = await bridge.follow_deposit(rollup, receipt["transactionHash"], session.told)
        facts |= {"l2_transaction": arrived["transaction_hash"], "l2_block": arrived["block_number"]}
    session.answer(facts)


async def withdraw(
    session: Session, amount: str, to: bytes | None, token_l2: bytes | None, wait: bool, claim_too: bool, forced: bool
) -> None:
    rollup, me = session.rollup, await session.account("L1" if forced else "L2")
    receiver = to or me.address
    if token_l2 is None:
        units = await _coin(session, amount)
    else:
        token = await bridge.Token.ask(rollup.l2, token_l2)
        units = amounts.token(amount, token.decimals, token.symbol)
    facts: dict[str, Any] = {"receiver": _text(receiver), "units": str(units)}
    if forced:
        receipt = await bridge.force_withdrawal(rollup, me, token_l2, receiver, units)
        facts["l1_transaction"] = receipt["transactionHash"]
        if not (wait or claim_too):
            session.answer(facts)
            return
        arrived = await bridge.follow_deposit(rollup, receipt["transactionHash"], session.told)
        transaction = arrived["transaction_hash"]
        await bridge.withdrawals(rollup, transaction)  # says where it came to nothing
    elif token_l2 is None:
        transaction = (await bridge.withdraw(me, receiver, units))["transactionHash"]
    else:
        transaction = (await bridge.withdraw_token(me, token_l2, receiver, units))["transactionHash"]
    facts["l2_transaction"] = transaction
    if wait or claim_too:
        await bridge.follow_withdrawal(rollup, transaction, "claimable", session.told)
    if claim_too:
        claimed = await bridge.claim(rollup, await session.account("L1"), transaction)
        facts["claim_transactions"] = [one["transactionHash"] for one in claimed]
    session.answer(facts)


async def claim(session: Session, transaction: str, wait: bool) -> None:
    rollup = session.rollup
    await bridge.withdrawals(rollup, transaction)
    if wait:
        await bridge.follow_withdrawal(rollup, transaction, "claimable", session.told)
    claimed = await bridge.claim(rollup, await session.account("L1"), transaction)
    if not claimed:
        raise WalletError(f"all that {transaction} withdrew is claimed already")
    session.answer({"l1_transactions": [one["transactionHash"] for one in claimed]})


async def claim_recovered(
    session: Session, claims: Path, amount: str, to: bytes | None, token_l2: bytes | None
) -> None:
    rollup, me = session.rollup, await session.account("L1")
    known = recovered.load(claims)
    if token_l2 is None:
        token_l1 = token_l2 = bridge.COIN
        units = await _coin(session, amount)
    else:
        token = await bridge.Token.ask(rollup.l2, token_l2)
        (address,) = await account.read(rollup.l2, token_l2, bridge.L1_ADDRESS)
        token_l1, units = bytes.fromhex(address[2:]), amounts.token(amount, token.decimals, token.symbol)
    receiver = to or me.address
    found = recovered.matching(known, bridge.Withdrawal(token_l1, token_l2, receiver, units, 0))
    if not found:
        raise WalletError(
            f"none of the {len(known)} messages in {claims} withdraws {units} units to {_text(receiver)}: name amount, "
            "--to and --token-l2 as they were withdrawn; what L1 had not verified is not in it"
        )
    claimed = await recovered.claim(rollup, me, found)
    if not claimed:
        raise WalletError(f"all {len(found)} withdrawals of {units} units to {_text(receiver)} are claimed already")
    session.answer({"l1_transactions": [one["transactionHash"] for one in claimed]})


async def balance(session: Session, owner: bytes, token: bytes | None) -> None:
    rollup = session.rollup
    if token is not None:
        known = await bridge.Token.ask(rollup.l2, token)
        units = await bridge.balance(rollup.l2, owner, token)
        session.answer({"l2": amounts.told(units, known.decimals, known.symbol), "l2_units": str(units)})
        return
    symbol, decimals = await _coin_of(session)
    on_l1 = await bridge.balance(rollup.l1, owner, rollup.native_token)
    on_l2 = await bridge.balance(rollup.l2, owner)
    session.answer(
        {
            "l1": amounts.told(on_l1, decimals, symbol),
            "l2": amounts.told(on_l2, decimals, symbol),
            "l1_units": str(on_l1),
            "l2_units": str(on_l2),
        }
    )


async def message_proof(session: Session, transaction: str) -> None:
    found = await session.rollup.l2.call("ethrex_getL1MessageProof", transaction)
    if found is None:
        raise WalletError(f"L2 knows no transaction {transaction}")
    print(json.dumps(found, indent=None if session.wish.as_json else 2))


async def status(session: Session, transaction: str | None) -> None:
    """Of a transaction on either chain, or of the rollup."""
    l2 = session.rollup.l2
    if transaction is None:
        session.answer(await _rollup_status(session))
        return
    deposits = await l2.call("ethrex_getDepositStatus", transaction)
    for one in deposits:
        session.answer(one)
    if deposits:
        return
    receipt = await l2.call("eth_getTransactionReceipt", transaction)
    if receipt is None:
        raise WalletError(f"{transaction} is neither a transaction of L2 nor a deposit that L2 has seen")
    batch = await l2.call("ethrex_getBatchByBlock", receipt["blockNumber"])
    facts = {
        "succeeded": receipt["status"] == "0x1",
        "block": int(receipt["blockNumber"], 16),
        "batch": None if batch is None else batch["number"],
        "status": "sealed" if batch is None else batch["status"],
    }
    messages = await l2.call("ethrex_getL1MessageProof", transaction)
    if messages:
        facts["messages"] = [f"{int(one['message_id'], 16)} {one['status']}" for one in messages]
    session.answer(facts)


async def _rollup_status(session: Session) -> dict[str, Any]:
    l2 = session.rollup.l2
    heads = {tag: await _head(l2, tag) for tag in ("latest", "safe", "finalized")}
    newest = await l2.call("ethrex_getBatchByNumber", await l2.call("ethrex_batchNumber"))
    contracts = await l2.call("ethrex_getContracts")
    return {
        "chain": contracts["chain_id"],
        "l1_chain": contracts["l1_chain_id"],
        **heads,
        "newest_batch": None if newest is None else newest["number"],
        "newest_batch_status": None if newest is None else newest["status"],
        "on_chain_proposer": contracts["on_chain_proposer"],
        "common_bridge": contracts["common_bridge"],
    }


async def _head(endpoint: Endpoint, tag: str) -> int | None:
    """None: no block is that far yet."""
    try:
        block = await endpoint.call("eth_getBlockByNumber", tag, False)
    except errors.CallFailed:
        return None
    return None if block is None else int(block["number"], 16)


async def transfer(session: Session, amount: str, to: bytes, token: bytes | None) -> None:
    me = await session.account("L2")
    if token is None:
        units = await _coin(session, amount)
        receipt = await me.send(to, b"", units)
    else:
        known = await bridge.Token.ask(session.rollup.l2, token)
        units = amounts.token(amount, known.decimals, known.symbol)
        receipt = await me.send(token, bridge.TRANSFER.call(_text(to), units))
    session.answer(
        {
            "l2_transaction": receipt["transactionHash"],
            "block": int(receipt["blockNumber"], 16),
            "units": str(units),
        }
    )


async def deploy_token(session: Session, token_l1: bytes) -> None:
    token, made = await bridge.deploy_token(session.rollup, await session.account("L2"), token_l1)
    facts = {"token_l1": _text(token_l1), "token_l2": _text(token.address), "symbol": token.symbol}
    session.answer(facts | {"decimals": token.decimals, "made": made})


async def _coin(session: Session, text: str) -> int:
    """Ether with its units, or the native token's amount."""
    if session.rollup.native_token is None:
        return amounts.coin(text)
    symbol, decimals = await _coin_of(session)
    return amounts.token(text, decimals, symbol)


async def _coin_of(session: Session) -> tuple[str, int]:
    native = session.rollup.native_token
    if native is None:
        return "ETH", ETH_DECIMALS
    token = await bridge.Token.ask(session.rollup.l1, native)
    return token.symbol, token.decimals


def _text(address: bytes) -> str:
    return "0x" + address.hex()
