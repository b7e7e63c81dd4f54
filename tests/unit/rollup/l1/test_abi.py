"""Calls and events by their signatures, against values that solc and web3.py give."""

from __future__ import annotations

import pytest
from web3 import Web3

from ethrex_node.rollup.l1 import abi
from ethrex_node.rollup.l1.answers import Log
from ethrex_node.rollup.l1.errors import Malformed

TRANSFER = abi.Function("transfer(address,uint256)", "(bool)")
NESTED = abi.Function("f((uint8,bytes[])[],bool)")
SENT = abi.Event("Sent", (("from", "address", True), ("note", "string", True), ("value", "uint256", False)))
ADDRESS = "0x" + "11" * 20


def test_a_selector_is_the_known_one() -> None:
    assert TRANSFER.selector.hex() == "a9059cbb"


def test_call_data_is_what_web3_makes() -> None:
    outputs = {"name": "f", "type": "function", "stateMutability": "view", "outputs": []}
    components = [{"name": "a", "type": "uint8"}, {"name": "b", "type": "bytes[]"}]
    inputs = [{"name": "x", "type": "tuple[]", "components": components}, {"name": "y", "type": "bool"}]
    contract = Web3().eth.contract(abi=[outputs | {"inputs": inputs}])

    data = NESTED.call([(7, [b"a", b""])], True)

    assert "0x" + data.hex() == contract.encode_abi("f", [[(7, [b"a", b""])], True])
    assert NESTED.arguments(data) == (((7, (b"a", b"")),), True)


@pytest.mark.parametrize("values", [(ADDRESS,), (ADDRESS, -1), (ADDRESS, 2**256), ("nobody", 1), (ADDRESS, "1")])
def test_values_that_do_not_fit_are_refused(values: tuple[object, ...]) -> None:
    with pytest.raises(ValueError, match="address"):
        TRANSFER.call(*values)


@pytest.mark.parametrize("data", [b"", b"\1", b"\0" * 31, b"\0" * 31 + b"\2"])
def test_a_result_of_another_type_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed, match="transfer"):
        TRANSFER.result(data)


def test_a_call_of_another_function_is_refused() -> None:
    with pytest.raises(Malformed, match="is not a call of transfer"):
        TRANSFER.arguments(NESTED.call([], False))


def log(*topics: bytes, data: bytes = b"") -> Log:
    return Log(b"\1" * 20, topics, data, 1, b"", b"", 0)


def test_an_event_is_read_by_names() -> None:
    found = SENT.read(log(SENT.topic, bytes(12) + b"\x11" * 20, b"\7" * 32, data=(5).to_bytes(32, "big")))

    assert found == {"from": ADDRESS, "note": b"\7" * 32, "value": 5}


@pytest.mark.parametrize("topics", [(), (b"\0" * 32,), (SENT.topic,), (SENT.topic, b"\0" * 32)])
def test_another_event_is_refused(topics: tuple[bytes, ...]) -> None:
    with pytest.raises(Malformed, match="is not Sent"):
        SENT.read(log(*topics, data=bytes(32)))
