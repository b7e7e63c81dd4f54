"""
Accounts that the node signs for: eth_sendTransaction and its like, on dev chains only.

What the caller leaves out of a transaction is filled in as wallets do: the nonce after the pooled ones, the gas from an
estimate, fees that stay good while the base fee doubles.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from eth_utils.address import to_checksum_address

from .. import _native
from ..pool import rules
from ..rpc import errors, logs, params, parts, table
from ..rpc.params import Address, Data
from .control import Control
from .wallet import UnknownAccount

METHODS = table.Group()

TIP_WEI: Final = 10**9
BASE_FEE_HEADROOM: Final = 2  # the base fee may double before a waiting transaction is priced out
FEES: Final = frozenset({"gas", "gasPrice", "maxFeePerGas", "maxPriorityFeePerGas"})
FIELDS: Final = (
    FEES
    | {"from", "to", "value", "data", "input", "nonce", "type", "chainId"}
    | {
        "accessList",
        "authorizationList",
    }
)


@dataclass(slots=True)
class Unlocked:
    """What these methods work on."""

    control: Control
    reader: parts.Reader
    identity: parts.Identity
    keep: Callable[[_native.Transaction], Awaitable[None]]  # so that a restart finds what was pooled
    fork: Mapping[str, Any] = field(default_factory=dict)  # anvil_nodeInfo's words for what is forked

    @property
    def rules(self) -> rules.Rules:
        return self.control.pool.block_rules


@METHODS.method("eth_accounts")
def accounts(state: Unlocked) -> list[str]:
    """The accounts that this node signs for."""
    return [to_checksum_address(address) for address in state.control.wallet.addresses]


@METHODS.method("eth_sendTransaction", raises=(errors.Refused,))
async def send_transaction(state: Unlocked, transaction: dict[str, Any]) -> str:
    """
    Sign a transaction with an unlocked account and pool it; gives its hash. Blobs have to come signed.

    Where blocks are made on demand the answer comes after the one that holds it.
    """
    return await _send(state, transaction, may_send=state.control.wallet.may_send)


@METHODS.method("eth_sendTransactionSync", raises=(errors.Refused,))
async def send_transaction_sync(state: Unlocked, transaction: dict[str, Any]) -> Any:
    """As eth_sendTransaction; gives the receipt, null where no block took it."""
    sent = await send_transaction(state, transaction)
    return await asyncio.to_thread(logs.ask, state.reader, "eth_getTransactionReceipt", [sent])


@METHODS.method("eth_sendUnsignedTransaction", raises=(errors.Refused,))
async def send_unsigned_transaction(state: Unlocked, transaction: dict[str, Any]) -> str:
    """As eth_sendTransaction, from any account."""
    return await _send(state, transaction, may_send=lambda _: True)


async def _send(state: Unlocked, transaction: dict[str, Any], may_send: Callable[[bytes], bool]) -> str:
    pooled, stand_in = await _signed(state, transaction, may_send)
    (refused,) = state.control.pool.add([pooled], local=True)
    if refused is not None:
        raise errors.Refused(str(refused))
    if stand_in:
        await state.control.producer.chain.mark()
    else:
        await state.keep(pooled)
    await state.control.producer.sealed(pooled)
    return params.hex_data(pooled.hash)


@METHODS.method("eth_signTransaction", raises=(errors.Refused,))
async def sign_transaction(state: Unlocked, transaction: dict[str, Any]) -> dict[str, Any]:
    """Sign a transaction with an unlocked account; gives its bytes and its fields."""
    signed, stand_in = await _signed(state, transaction, state.control.wallet.may_send)
    if stand_in:
        raise errors.Refused(str(UnknownAccount(signed.sender)))
    return {"raw": params.hex_data(signed.network), "tx": orjson.Fragment(signed.json)}


@METHODS.method("eth_sign", raises=(errors.Refused,))
def sign(state: Unlocked, address: Address, message: Data) -> str:
    """Sign a message with an unlocked account (EIP-191, "Ethereum Signed Message")."""
    try:
        return params.hex_data(state.control.wallet.sign_message(message, address))
    except UnknownAccount as error:
        raise errors.Refused(str(error)) from error


@METHODS.method("personal_sign", raises=(errors.Refused,))
def personal_sign(state: Unlocked, message: Data, address: Address, password: str | None = None) -> str:
    """As eth_sign, its arguments the other way round. A password is not looked at."""
    return sign(state, address, message)


@METHODS.method("eth_signTypedData_v4", raises=(errors.Refused,))
def sign_typed_data(state: Unlocked, address: Address, data: Any) -> str:
    """Sign typed data with an unlocked account (EIP-712)."""
    try:
        typed = orjson.loads(data) if isinstance(data, str) else data
        return params.hex_data(state.control.wallet.sign_typed_data(params.mapping(typed), address))
    except UnknownAccount as error:
        raise errors.Refused(str(error)) from error
    except (ValueError, TypeError, KeyError) as error:
        raise errors.InvalidParams(f"not typed data: {error}") from error


@METHODS.method("anvil_nodeInfo")
def node_info(state: Unlocked) -> dict[str, Any]:
    """Head, fork and fees of the dev chain."""
    head, block = state.control.producer.chain.head, state.rules
    return {
        "currentBlockNumber": hex(head.number),
        "currentBlockTimestamp": head.timestamp,
        "currentBlockHash": params.hex_data(head.hash),
        "hardFork": block.fork,
        "transactionOrder": "fees",
        "environment": {
            "baseFee": hex(block.base_fee_wei),
            "chainId": state.identity.chain_id,
            "gasLimit": hex(head.gas_limit),
            "gasPrice": hex(block.base_fee_wei + TIP_WEI),
        },
        "forkConfig": dict(state.fork),
    }


@METHODS.method("hardhat_reset", raises=(errors.Refused,))
async def hardhat_reset(state: Unlocked, options: dict[str, Any] | None = None) -> bool:
    """As anvil_reset; hardhat answers true."""
    await reset(state, options)
    return True


@METHODS.method("anvil_reset", raises=(errors.Refused,))
async def reset(state: Unlocked, options: dict[str, Any] | None = None) -> None:
    """Back to the first block, with an empty pool and the clock of the start. Snapshots are forgotten."""
    if options is not None and options.get("forking"):
        raise errors.Refused("the node forks when it starts: --fork-url, --fork-block")
    control = state.control
    first = control.producer.chain.native.canonical_hash(control.first_block)
    assert first is not None
    await control.rewind(first, 0)
    control.snapshots.clear()
    clock = control.producer.clock
    clock.offset, clock.next_timestamp, clock.interval = control.clock_offset, None, None


async def _signed(
    state: Unlocked, asked: dict[str, Any], may_send: Callable[[bytes], bool]
) -> tuple[_native.Transaction, bool]:
    """The transaction as its sender's, and whether a stand-in signed it."""
    unknown = sorted(set(asked) - FIELDS)
    if unknown:
        raise errors.InvalidParams(f"unknown transaction fields: {', '.join(unknown)}")
    call = {name: value for name, value in asked.items() if value is not None}
    sender = _field(call, "from", lambda value: params.data(value, 20))
    if sender is None:
        raise errors.InvalidParams("missing field 'from'")
    if not may_send(sender):
        raise errors.Refused(str(UnknownAccount(sender)))
    if state.fork:  # the account comes from another node: what reads it on the event loop finds it here then
        await state.control.producer.chain.write(lambda: state.control.producer.chain.native.accounts([sender]))
    fields = _fields(state, call)
    nonce, gas = _field(call, "nonce", params.quantity), _field(call, "gas", params.quantity)
    if gas is None:
        gas = int(await asyncio.to_thread(logs.ask, state.reader, "eth_estimateGas", [_estimated(call)]), 16)
    # From the nonce to the pool nothing waits: two calls at once get two nonces.
    fields |= {"gas": gas, "nonce": _next_nonce(state, sender) if nonce is None else nonce}
    try:
        raw, stand_in = state.control.wallet.sign_transaction(fields, sender)
    except (ValueError, TypeError, KeyError) as error:
        raise errors.InvalidParams(f"cannot sign this transaction: {error}") from error
    (signed,) = _native.admit_transactions([raw])
    if isinstance(signed, str):
        raise errors.Refused(signed)
    return (signed.with_sender(sender) if stand_in else signed), stand_in


def _estimated(call: dict[str, Any]) -> dict[str, Any]:
    """The call without what an estimate should not depend on."""
    return {name: value for name, value in call.items() if name not in ("nonce", "chainId", "type")}


def _fields(state: Unlocked, call: dict[str, Any]) -> dict[str, Any]:
    """All fields but nonce and gas, as eth-account takes them."""
    to = _field(call, "to", lambda value: params.data(value, 20))
    chain_id = _field(call, "chainId", params.quantity)
    if chain_id not in (None, state.identity.chain_id):
        raise errors.InvalidParams(f"chainId does not match node's (have={chain_id}, want={state.identity.chain_id})")
    fields: dict[str, Any] = {
        "value": _field(call, "value", params.quantity) or 0,
        "data": _input(call),
        "chainId": state.identity.chain_id,
    }
    if to is not None:
        fields["to"] = to_checksum_address(to)
    return fields | _priced(state, call)


def _priced(state: Unlocked, call: dict[str, Any]) -> dict[str, Any]:
    """The type and its fees: with a gas price type 0 or 1, else type 2 or 4."""
    lists: dict[str, Any] = {name: call[name] for name in ("accessList", "authorizationList") if name in call}
    price = _field(call, "gasPrice", params.quantity)
    kind = _field(call, "type", params.quantity)
    cap = _field(call, "maxFeePerGas", params.quantity)
    tip = _field(call, "maxPriorityFeePerGas", params.quantity)
    if price is not None and (cap is not None or tip is not None):
        raise errors.InvalidParams("both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified")
    if price is not None or kind in (rules.LEGACY, rules.ACCESS_LIST):
        price = state.rules.base_fee_wei * BASE_FEE_HEADROOM + TIP_WEI if price is None else price
        if not lists and kind != rules.ACCESS_LIST:
            return {"gasPrice": price}
        return {"type": rules.ACCESS_LIST, "gasPrice": price, "accessList": [], **lists}
    if tip is None:
        tip = TIP_WEI if cap is None else min(TIP_WEI, cap)
    if cap is None:
        cap = state.rules.base_fee_wei * BASE_FEE_HEADROOM + tip
    chosen = rules.SET_CODE if "authorizationList" in lists else rules.DYNAMIC_FEE
    return {"type": chosen, "maxFeePerGas": cap, "maxPriorityFeePerGas": tip, "accessList": [], **lists}


def _next_nonce(state: Unlocked, sender: bytes) -> int:
    pooled = state.control.pool.next_nonce(sender)
    if pooled is not None:
        return pooled
    return int(logs.ask(state.reader, "eth_getTransactionCount", [params.hex_data(sender), "latest"]), 16)


def _input(call: dict[str, Any]) -> bytes:
    data, given = _field(call, "data", params.data), _field(call, "input", params.data)
    if data is not None and given is not None and data != given:
        raise errors.InvalidParams('both "data" and "input" are set and not equal. Please use "input"')
    return given if given is not None else data or b""


def _field(call: dict[str, Any], name: str, decode: params.Decoder) -> Any:
    """A field decoded; None where it is not given."""
    if name not in call:
        return None
    try:
        return decode(call[name])
    except ValueError as error:
        raise errors.InvalidParams(f"invalid {name}: {error}") from error
