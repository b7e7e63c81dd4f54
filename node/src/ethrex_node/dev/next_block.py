"""What tests say of the blocks to come: fee recipient, gas limit, random value, base fee."""

from typing import Final

from ..rpc import errors
from ..rpc.params import Address, Hash, Quantity
from .control import Control, names

MOST_BASE_FEE_WEI: Final = (1 << 64) - 1


@names("anvil_setCoinbase", "hardhat_setCoinbase")
async def set_coinbase(control: Control, address: Address) -> None:
    """The fee recipient of the next blocks."""
    control.producer.fee_recipient = address


@names("evm_setBlockGasLimit", "anvil_setBlockGasLimit")
async def set_block_gas_limit(control: Control, gas_limit: Quantity) -> bool:
    """The gas limit of the next blocks, at once."""
    control.producer.gas_limit = gas_limit
    return True


@names("hardhat_setPrevRandao", "anvil_setPrevRandao")
async def set_prev_randao(control: Control, value: Hash) -> None:
    """The random value of the next block."""
    control.producer.prev_randao = value


@names("anvil_setNextBlockBaseFeePerGas", "hardhat_setNextBlockBaseFeePerGas")
async def set_next_base_fee(control: Control, base_fee: Quantity) -> None:
    """The base fee of the next block. No other node would take that block: the chain is marked."""
    if base_fee > MOST_BASE_FEE_WEI:
        raise errors.InvalidParams(f"a base fee has 64 bits, {base_fee} has more")
    control.producer.charge(base_fee)
