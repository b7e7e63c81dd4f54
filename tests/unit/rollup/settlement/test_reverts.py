"""What contracts say when they refuse, in words."""

from __future__ import annotations

from typing import Any

import pytest

from ethrex_node import _native
from ethrex_node.rollup.l1 import abi
from ethrex_node.rollup.settlement import reverts

NOT_NEXT = _native.keccak256(b"NumberNotNext(uint64,uint64)")[:4] + abi.encode(("uint64", "uint64"), (2, 3))
PLAIN = bytes.fromhex("08c379a0") + abi.encode(("string",), ("no money",))


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (NOT_NEXT, "NumberNotNext(2, 3)"),
        ("0x" + NOT_NEXT.hex(), "NumberNotNext(2, 3)"),
        (PLAIN, "no money"),
        (NOT_NEXT[:10], "NumberNotNext(?, ?)"),
        (b"\1\2\3\4", None),
        (b"\1\2\3", None),
        ("0xzz", None),
        ("reverted", None),
        (None, None),
        ({"x": 1}, None),
    ],
)
def test_a_revert_in_words(data: Any, told: str | None) -> None:
    assert reverts.told(data) == told
