"""What test clients ask for in one call."""

import logging

import pytest

from ethrex_node.dev import producer
from ethrex_node.rpc import errors
from unit.dev.conftest import FIRST, SECOND, Dev

FIRST_HEX, SECOND_HEX = "0x" + FIRST.hex(), "0x" + SECOND.hex()
STRANGER = bytes.fromhex("00000000000000000000000000000000000000ee")
STRANGER_HEX = "0x" + STRANGER.hex()


async def test_a_balance_grows(dev: Dev) -> None:
    await dev.call("anvil_addBalance", STRANGER_HEX, "0x5")
    await dev.call("anvil_addBalance", STRANGER_HEX, "0x6")

    assert dev.balance(STRANGER) == 11


async def test_the_transactions_of_one_sender_leave_the_pool(dev: Dev) -> None:
    for sender in (FIRST_HEX, FIRST_HEX, SECOND_HEX):
        await dev.call("eth_sendTransaction", {"from": sender, "to": STRANGER_HEX, "value": "0x1"})

    await dev.call("anvil_removePoolTransactions", FIRST_HEX)
    await dev.call("anvil_removePoolTransactions", STRANGER_HEX)

    assert [one.sender for one in dev.control.pool.by_hash.values()] == [SECOND]


async def test_blocks_are_rolled_back(dev: Dev) -> None:
    await dev.call("hardhat_mine", "0x3")
    await dev.call("eth_sendTransaction", {"from": FIRST_HEX, "to": STRANGER_HEX, "value": "0x1"})
    await dev.call("evm_mine")

    await dev.call("anvil_rollback")
    assert (dev.number(), dev.balance(STRANGER)) == (3, 0)
    await dev.call("anvil_rollback", 2)
    assert dev.number() == 1
    with pytest.raises(errors.InvalidParams, match="there are 1 blocks"):
        await dev.call("anvil_rollback", 2)


async def test_anybody_sends_unsigned_once(dev: Dev) -> None:
    await dev.call("anvil_setBalance", STRANGER_HEX, hex(10**18))
    call = {"from": STRANGER_HEX, "to": SECOND_HEX, "value": "0x1"}
    await dev.call("eth_sendUnsignedTransaction", call)

    assert [one.sender for one in dev.control.pool.by_hash.values()] == [STRANGER]
    with pytest.raises(errors.Refused):
        await dev.call("eth_sendTransaction", call)


async def test_the_interval_is_told(dev: Dev) -> None:
    assert await dev.call("anvil_getIntervalMining") is None
    await dev.call("evm_setIntervalMining", 3)
    assert await dev.call("anvil_getIntervalMining") == 3


async def test_sealed_blocks_are_logged_or_not(dev: Dev, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, producer.__name__):
        await dev.call("anvil_setLoggingEnabled", False)
        await dev.call("evm_mine")
        assert not caplog.records
        await dev.call("anvil_setLoggingEnabled", True)
        await dev.call("evm_mine")
        assert caplog.records


async def test_a_least_gas_price_is_refused_as_by_others(dev: Dev) -> None:
    with pytest.raises(errors.InvalidParams, match="EIP-1559"):
        await dev.call("anvil_setMinGasPrice", "0x1")


async def test_who_waits_for_a_receipt_gets_null_where_no_block_is_made(dev: Dev) -> None:
    call = {"from": FIRST_HEX, "to": SECOND_HEX, "value": "0x1"}
    assert await dev.call("eth_sendTransactionSync", call) is None
    assert len(dev.control.pool.by_hash) == 1
