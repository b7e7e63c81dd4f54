"""Snapshots, writes past the blocks and mining control, over a real chain."""

import asyncio
import gzip
from pathlib import Path

import pytest

from ethrex_node import _native
from ethrex_node.rpc import errors
from unit.dev import wiring
from unit.dev.conftest import ACCOUNTS, FIRST, SECOND, Dev

TARGET = bytes.fromhex("00000000000000000000000000000000000000ee")
TARGET_HEX = "0x" + TARGET.hex()
FIRST_HEX, SECOND_HEX = "0x" + FIRST.hex(), "0x" + SECOND.hex()
RETURNS_42 = "0x602a60005260206000f3"
STORES_7_AT_6 = "0x6007600655"


async def test_writes_past_the_blocks_are_seen_at_once(dev: Dev) -> None:
    await dev.call("anvil_setBalance", TARGET_HEX, hex(10**30))
    await dev.call("hardhat_setNonce", TARGET_HEX, "0x7")
    await dev.call("anvil_setCode", TARGET_HEX, RETURNS_42)
    await dev.call("anvil_setStorageAt", TARGET_HEX, "0x" + "00" * 31 + "05", "0x" + "00" * 31 + "09")

    assert dev.balance(TARGET) == 10**30
    assert dev.ask("eth_getTransactionCount", TARGET_HEX, "latest") == "0x7"
    assert dev.ask("eth_getCode", TARGET_HEX, "latest") == RETURNS_42
    assert int(dev.ask("eth_getStorageAt", TARGET_HEX, "0x5", "latest"), 16) == 9
    assert int(dev.ask("eth_call", {"to": TARGET_HEX}, "latest"), 16) == 42
    assert dev.number() == 0
    assert dev.wired.chain.is_marked()

    await dev.call("evm_mine")
    assert (dev.number(), dev.balance(TARGET)) == (1, 10**30)


async def test_a_balance_above_256_bits_is_refused(dev: Dev) -> None:
    with pytest.raises(errors.InvalidParams):
        await dev.call("anvil_setBalance", TARGET_HEX, "0x1" + "00" * 32)


@pytest.mark.parametrize("blocks_before", [0, 2])
async def test_a_revert_takes_back_blocks_writes_and_pool(dev: Dev, blocks_before: int) -> None:
    await dev.call("hardhat_mine", hex(blocks_before))
    await dev.call("anvil_setBalance", TARGET_HEX, "0x5")
    taken = await dev.call("evm_snapshot")
    root = dev.ask("eth_getBlockByNumber", "latest", False)["hash"]

    await dev.call("anvil_setBalance", TARGET_HEX, "0x9")
    await dev.call("eth_sendTransaction", {"from": FIRST_HEX, "to": SECOND_HEX, "value": "0x1"})
    await dev.call("evm_mine")
    await dev.call("anvil_setBalance", TARGET_HEX, "0x99")
    await dev.call("anvil_setBalance", SECOND_HEX, "0x0")
    await dev.call("evm_mine")
    await dev.call("eth_sendTransaction", {"from": FIRST_HEX, "to": SECOND_HEX, "value": "0x1"})
    assert dev.number() == blocks_before + 2

    assert await dev.call("evm_revert", taken) is True
    assert (dev.number(), dev.balance(TARGET)) == (blocks_before, 5)
    assert dev.balance(SECOND) == dev.balance(FIRST) == 10_000 * 10**18
    assert dev.ask("eth_getBlockByNumber", "latest", False)["hash"] == root
    assert dev.wired.pool.counts() == (0, 0)
    assert await dev.call("evm_revert", taken) is False

    await dev.call("evm_mine")
    assert (dev.number(), dev.balance(TARGET)) == (blocks_before + 1, 5)


async def test_a_revert_brings_back_what_was_pooled(dev: Dev) -> None:
    sent = await dev.call("eth_sendTransaction", {"from": FIRST_HEX, "to": SECOND_HEX, "value": "0x1"})
    taken = await dev.call("evm_snapshot")
    await dev.call("evm_mine")
    assert dev.wired.pool.counts() == (0, 0)

    await dev.call("evm_revert", taken)
    assert ["0x" + one.hex() for one in dev.wired.pool.by_hash] == [sent]
    await dev.call("evm_mine")
    assert dev.ask("eth_getTransactionReceipt", sent)["blockNumber"] == "0x1"


async def test_reset_goes_back_to_block_0(dev: Dev) -> None:
    await dev.call("anvil_setBalance", TARGET_HEX, "0x5")
    await dev.call("evm_increaseTime", 1_000)
    await dev.call("anvil_mine", "0x3")
    await dev.call("anvil_reset")
    assert (dev.number(), dev.balance(TARGET), dev.control.producer.clock.offset) == (0, 0, 0)
    with pytest.raises(errors.Refused, match="--fork-url"):
        await dev.call("anvil_reset", {"forking": {"jsonRpcUrl": "http://localhost"}})


async def test_timestamps_as_told(dev: Dev) -> None:
    def timestamp() -> int:
        return int(dev.ask("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    await dev.call("evm_setNextBlockTimestamp", wiring.NOW + 500)
    await dev.call("evm_mine")
    assert timestamp() == wiring.NOW + 500
    await dev.call("anvil_mine", "0x2", "0x3c")
    assert timestamp() == wiring.NOW + 620
    await dev.call("evm_mine", wiring.NOW + 1_000)
    assert timestamp() == wiring.NOW + 1_000
    with pytest.raises(errors.InvalidParams, match="not after"):
        await dev.call("evm_setNextBlockTimestamp", wiring.NOW)


async def test_blocks_on_demand_and_by_interval(dev: Dev) -> None:
    task = asyncio.create_task(dev.control.producer.run())
    try:
        await asyncio.sleep(0)
        await dev.call("evm_setAutomine", True)
        sent = await dev.call("eth_sendTransaction", {"from": FIRST_HEX, "to": SECOND_HEX, "value": "0x1"})
        async with asyncio.timeout(20):
            while dev.ask("eth_getTransactionReceipt", sent) is None:
                await asyncio.sleep(0.01)
        assert dev.number() == 1

        await dev.call("evm_setAutomine", False)
        await dev.call("eth_sendTransaction", {"from": FIRST_HEX, "to": SECOND_HEX, "value": "0x1"})
        await asyncio.sleep(0.2)
        assert dev.number() == 1

        dev.control.producer.configure(0.05)
        async with asyncio.timeout(20):
            while dev.number() < 3:
                await asyncio.sleep(0.01)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_writes_outlive_a_restart(dev: Dev, tmp_path: Path) -> None:
    await dev.call("evm_mine")
    await dev.call("anvil_setBalance", TARGET_HEX, "0x5")
    other = wiring.wire(tmp_path / "other", ACCOUNTS)
    await other.chain.patch(_native.Patch(TARGET, balance=7))
    other.chain.close()
    del other
    again = wiring.wire(tmp_path / "other", ACCOUNTS)
    assert again.chain.is_marked()
    await again.producer.mine()
    assert again.chain.native.accounts([TARGET])[0][1] == 7
    again.chain.close()


async def test_a_dumped_state_comes_back(dev: Dev) -> None:
    slot, value = "0x" + "00" * 31 + "05", "0x" + "00" * 31 + "09"
    await dev.call("anvil_setStorageAt", TARGET_HEX, slot, value)
    await dev.call("anvil_setCode", TARGET_HEX, STORES_7_AT_6)
    await dev.call("eth_sendTransaction", {"from": FIRST_HEX, "to": TARGET_HEX, "value": "0x3", "gas": "0x186a0"})
    await dev.call("evm_mine")
    dumped = await dev.call("anvil_dumpState")
    spent = dev.balance(FIRST)
    await dev.call("anvil_reset")
    assert (dev.balance(TARGET), dev.balance(FIRST)) == (0, 10_000 * 10**18)

    assert await dev.call("anvil_loadState", dumped) is True
    assert (dev.balance(TARGET), dev.balance(FIRST)) == (3, spent)
    assert [int(dev.ask("eth_getStorageAt", TARGET_HEX, one, "latest"), 16) for one in ("0x5", "0x6")] == [9, 7]
    assert dev.ask("eth_getCode", TARGET_HEX, "latest") == STORES_7_AT_6
    assert await dev.call("anvil_dumpState") == dumped


@pytest.mark.parametrize(
    "dump",
    [
        "0x",
        "0x1234",
        "0x" + gzip.compress(b"[]").hex(),
        "0x" + gzip.compress(b'{"accounts":{"0x12":{}}}').hex(),
        "0x" + gzip.compress(b'{"accounts":{"0x' + b"00" * 20 + b'":{"balance":"0x0"}}}').hex(),
        "0x" + gzip.compress(b'{"accounts":{"0x' + b"00" * 20 + b'":{"balance":"high","nonce":1}}}').hex(),
        "0x" + gzip.compress(b'{"accounts":{"0x' + b"00" * 20 + b'":{"balance":"0x0","nonce":true}}}').hex(),
    ],
)
async def test_what_is_no_dump_is_refused_and_changes_nothing(dev: Dev, dump: str) -> None:
    with pytest.raises(errors.InvalidParams):
        await dev.call("anvil_loadState", dump)
    assert not dev.wired.chain.is_marked()


async def test_proofs_wait_for_the_block_after_a_write(dev: Dev) -> None:
    await dev.call("anvil_setBalance", TARGET_HEX, "0x5")
    with pytest.raises(errors.RpcError, match="written past the blocks"):
        dev.ask("eth_getProof", TARGET_HEX, [], "latest")

    await dev.call("evm_mine")
    root = dev.ask("eth_getBlockByNumber", "latest", False)["stateRoot"]
    proof = dev.ask("eth_getProof", TARGET_HEX, [], "latest")
    assert proof["balance"] == "0x5"
    assert "0x" + _native.keccak256(bytes.fromhex(proof["accountProof"][0][2:])).hex() == root


async def test_the_next_block_is_as_told(dev: Dev) -> None:
    await dev.call("hardhat_setNextBlockBaseFeePerGas", hex(7 * 10**9))
    await dev.call("anvil_setCoinbase", TARGET_HEX)
    cheap = {"from": FIRST_HEX, "to": SECOND_HEX, "gas": "0x5208", "gasPrice": hex(6 * 10**9)}
    waits = await dev.call("eth_sendTransaction", cheap)
    goes = await dev.call("eth_sendTransaction", {"from": SECOND_HEX, "to": FIRST_HEX, "gas": "0x5208"})
    await dev.call("evm_mine")

    block = dev.ask("eth_getBlockByNumber", "latest", False)
    assert (block["baseFeePerGas"], block["miner"], block["transactions"]) == (hex(7 * 10**9), TARGET_HEX, [goes])
    assert dev.wired.chain.is_marked()

    for _ in range(2):
        await dev.call("evm_mine")
    assert dev.ask("eth_getTransactionReceipt", waits)["blockNumber"] == "0x3"
    with pytest.raises(errors.InvalidParams, match="64 bits"):
        await dev.call("anvil_setNextBlockBaseFeePerGas", hex(1 << 64))


async def test_several_blocks_at_once(dev: Dev) -> None:
    await dev.call("evm_mine", {"blocks": 3, "timestamp": wiring.NOW + 50})
    assert dev.number() == 3
    assert int(dev.ask("eth_getBlockByNumber", "0x1", False)["timestamp"], 16) == wiring.NOW + 50
    assert await dev.call("hardhat_reset") is True
    assert dev.number() == 0
