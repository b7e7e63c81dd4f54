"""What test clients (viem's, foundry's) ask for in one call where others take two."""

import logging
from typing import Any, Final

from .. import _native
from ..rpc import errors
from ..rpc.params import Address, Quantity
from . import producer
from .control import Control, names, number

SEALS: Final = logging.getLogger(producer.__name__)


@names("anvil_addBalance", "hardhat_addBalance")
async def add_balance(control: Control, address: Address, amount: Quantity) -> None:
    """Give an account so many wei more."""
    ((_, balance, *_rest),) = control.producer.chain.native.accounts([address])
    await control.write(_native.Patch(address, balance=balance + amount))


@names("anvil_removePoolTransactions")
async def remove_pool_transactions(control: Control, address: Address) -> None:
    """Remove all transactions of a sender from the pool."""
    sender = control.pool.senders.get(address)
    for transaction in [] if sender is None else list(sender.transactions.values()):
        control.pool.drop(transaction.hash)


@names("anvil_getIntervalMining", "hardhat_getIntervalMining")
async def get_interval_mining(control: Control) -> float | None:
    """Seconds between blocks; null where they are not made by interval."""
    return control.producer.block_seconds or None


@names("anvil_rollback")
async def rollback(control: Control, depth: Any = 1) -> None:
    """Take back so many blocks; what they held is not pooled again."""
    head = control.producer.chain.head.number
    blocks = 1 if depth is None else number(depth)
    if blocks > head - control.first_block:
        raise errors.InvalidParams(f"there are {head - control.first_block} blocks to take back, not {depth}")
    target = control.producer.chain.native.canonical_hash(head - blocks)
    assert target is not None
    await control.rewind(target, len(control.patches))


@names("anvil_setLoggingEnabled", "hardhat_setLoggingEnabled")
async def set_logging_enabled(control: Control, on: bool) -> None:
    """Whether each sealed block is logged."""
    SEALS.disabled = not on


@names("anvil_setMinGasPrice", "hardhat_setMinGasPrice")
async def set_min_gas_price(control: Control, price: Quantity) -> None:
    """Refused, as by others: since EIP-1559 the base fee decides."""
    raise errors.InvalidParams("no least gas price where EIP-1559 is active: see anvil_setNextBlockBaseFeePerGas")
