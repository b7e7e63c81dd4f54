"""One chain forked by our node and by anvil: what is read there and what is done on top must be the same."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import Any

import pytest

from interop import nodes

SENDER, RECEIVER = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266", "0x00000000000000000000000000000000000000ee"
CONTRACT = "0x00000000000000000000000000000000000c0de0"
ADDS = (
    "0x60005460015401600155600154600052602060006000a160015460005260206000f3"  # slot 0 to slot 1; logs and gives the sum
)
WORD = "0x" + "2a".zfill(64)
READS: tuple[tuple[Any, ...], ...] = (
    ("eth_chainId",),
    ("eth_blockNumber",),
    ("eth_getBalance", RECEIVER, "latest"),
    ("eth_getBalance", RECEIVER, "0x1"),
    ("eth_getTransactionCount", SENDER, "latest"),
    ("eth_getCode", CONTRACT, "latest"),
    ("eth_getStorageAt", CONTRACT, "0x1", "latest"),
    ("eth_getStorageAt", CONTRACT, "0x0", "latest"),
    ("eth_call", {"to": CONTRACT}, "latest"),
)


def receipt(running: nodes.Running, **call: str) -> tuple[Any, ...]:
    """Status, gas, and the data of its logs."""
    sent = running.call("eth_sendTransaction", {"from": SENDER, **call})
    until = time.monotonic() + nodes.CALL_SECONDS  # anvil answers before the block is there
    while (found := running.call("eth_getTransactionReceipt", sent)) is None and time.monotonic() < until:
        time.sleep(0.05)
    return found["status"], found["gasUsed"], [log["data"] for log in found["logs"]]


@pytest.mark.parametrize("of_anvil", [True, False], ids=["of anvil", "of ours"])
def test_two_forks_of_a_chain_agree(of_anvil: bool) -> None:
    try:
        nodes.foundry("anvil")
    except nodes.ToolMissing as missing:
        pytest.skip(str(missing))
    with ExitStack() as stack:
        source = stack.enter_context(nodes.anvil() if of_anvil else nodes.ours())
        source.call("anvil_setCode", CONTRACT, ADDS)
        for slot in ("0x0", "0x1"):
            source.call("anvil_setStorageAt", CONTRACT, "0x" + slot[2:].zfill(64), WORD)
        for _ in range(2):
            receipt(source, to=RECEIVER, value="0x5")
        ours = stack.enter_context(nodes.ours("--fork-url", source.url))
        anvil = stack.enter_context(nodes.anvil("--fork-url", source.url))

        for method, *params in READS:
            assert ours.call(method, *params) == anvil.call(method, *params), (method, params)
        for block in ("0x0", "0x1", "latest"):
            hashes = [one.call("eth_getBlockByNumber", block, False)["hash"] for one in (source, ours, anvil)]
            assert len(set(hashes)) == 1, block
        for _ in range(3):
            assert receipt(ours, to=CONTRACT) == receipt(anvil, to=CONTRACT)
        assert receipt(ours, to=RECEIVER, value="0x7") == receipt(anvil, to=RECEIVER, value="0x7")
        for method, *params in READS:
            assert ours.call(method, *params) == anvil.call(method, *params), (method, params)
