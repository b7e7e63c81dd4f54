"""An account on a chain, L1 or L2, that signs and sends: fields filled in as wallets do, and the receipt waited for."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Final

from ethrex_node.rollup.l1 import errors, signers
from ethrex_node.rollup.l1.abi import Function
from ethrex_node.rollup.l1.endpoint import Endpoint
from ethrex_node.rollup.l1.fees import Fees
from ethrex_node.rollup.l1.transaction import Transaction
from ethrex_node.rollup.settlement import reverts

LOOK_SECONDS: Final = 0.25
WAIT_SECONDS: Final = 300.0
GAS_MARGIN_PERCENT: Final = 120
FEE_HEADROOM: Final = 2


class WalletError(Exception):
    """What was asked cannot be done; the message says why and what is so far."""


@dataclass(frozen=True, slots=True)
class Account:
    """`chain` names it to people: "L1", "L2"."""

    chain: str
    endpoint: Endpoint
    signer: signers.Signer

    @property
    def address(self) -> bytes:
        return self.signer.address

    async def send(self, to: bytes, data: bytes = b"", value_wei: int = 0) -> dict[str, Any]:
        """The receipt. Raises `WalletError` where it would fail, fails, or is not mined in time; `L1Error`."""
        transaction = await self._filled(to, data, value_wei)
        signed = transaction.signed(await self.signer.sign(transaction.preimage))
        try:
            await self.endpoint.call("eth_sendRawTransaction", f"0x{signed.raw.hex()}")
        except errors.CallFailed as error:
            raise WalletError(f"{self.chain} does not take the transaction: {error}") from error
        receipt = await wait_for_receipt(self.endpoint, signed.hash, self.chain)
        if receipt["status"] != "0x1":
            raise WalletError(f"transaction 0x{signed.hash.hex()} failed on {self.chain}")
        return receipt

    async def _filled(self, to: bytes, data: bytes, value_wei: int) -> Transaction:
        me = f"0x{self.address.hex()}"
        call = {"from": me, "to": f"0x{to.hex()}", "data": f"0x{data.hex()}", "value": hex(value_wei)}
        try:
            gas = int(await self.endpoint.call("eth_estimateGas", call), 16)
        except errors.CallFailed as error:
            raise WalletError(f"{self.chain} would refuse it: {reverts.told(error.data) or error}") from error
        block = await self.endpoint.call("eth_getBlockByNumber", "latest", False)
        base = int(block["baseFeePerGas"], 16)
        tip = int(await self.endpoint.call("eth_maxPriorityFeePerGas"), 16)
        return Transaction(
            chain_id=int(await self.endpoint.call("eth_chainId"), 16),
            nonce=int(await self.endpoint.call("eth_getTransactionCount", me, "pending"), 16),
            to=to,
            gas_limit=gas * GAS_MARGIN_PERCENT // 100,
            fees=Fees(FEE_HEADROOM * base + tip, tip),
            data=data,
            value_wei=value_wei,
        )


async def wait_for_receipt(endpoint: Endpoint, transaction: bytes, chain: str) -> dict[str, Any]:
    """Raises `WalletError` after a while: it may be mined even so."""
    asked = f"0x{transaction.hex()}"
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                found: dict[str, Any] | None = await endpoint.call("eth_getTransactionReceipt", asked)
                if found is not None:
                    return found
                await asyncio.sleep(LOOK_SECONDS)
    except TimeoutError:
        raise WalletError(f"{chain} has not mined {asked} within {WAIT_SECONDS:g} s; it may still do so") from None


async def read(endpoint: Endpoint, to: bytes, function: Function, *arguments: Any) -> tuple[Any, ...]:
    """A view of a contract. Raises `WalletError` where no such contract answers."""
    call = {"to": f"0x{to.hex()}", "data": f"0x{function.call(*arguments).hex()}"}
    try:
        answer = await endpoint.call("eth_call", call, "latest")
    except errors.CallFailed as error:
        raise WalletError(f"0x{to.hex()} refuses {function.signature}: {reverts.told(error.data) or error}") from error
    if answer == "0x":
        raise WalletError(f"0x{to.hex()} is no contract that knows {function.signature}")
    return function.result(bytes.fromhex(answer[2:]))
