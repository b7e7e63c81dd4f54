"""A state that one dev chain dumped is loaded by the other: ours by anvil, anvil's by ours."""

from __future__ import annotations

from typing import Any

import pytest

from interop import nodes

TARGET = "0x00000000000000000000000000000000000000ee"
CODE, SLOT, VALUE = "0x602a60005260206000f3", "0x" + "5".zfill(64), "0x" + "9".zfill(64)


def written(running: nodes.Running) -> list[Any]:
    asked = ("eth_getBalance", "eth_getTransactionCount", "eth_getCode")
    return [running.call(method, TARGET, "latest") for method in asked] + [
        running.call("eth_getStorageAt", TARGET, SLOT, "latest")
    ]


@pytest.mark.parametrize("from_ours", [True, False])
def test_a_dump_goes_over(from_ours: bool) -> None:
    try:
        nodes.foundry("anvil")
    except nodes.ToolMissing as missing:
        pytest.skip(str(missing))
    with nodes.both() as pair:
        source, target = pair if from_ours else reversed(pair)
        source.call("anvil_setBalance", TARGET, hex(10**30))
        source.call("anvil_setNonce", TARGET, "0x7")
        source.call("anvil_setCode", TARGET, CODE)
        source.call("anvil_setStorageAt", TARGET, SLOT, VALUE)

        assert target.call("anvil_loadState", source.call("anvil_dumpState")) is True
        assert written(target) == [hex(10**30), "0x7", CODE, VALUE]
