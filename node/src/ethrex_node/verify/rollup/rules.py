"""`config.rollup` and what a header has to be, as docs/protocol.md says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from eth_utils.crypto import keccak

BLOCKS_A_SECOND: Final = 10
EXTRA_BYTES: Final = 17
EMPTY_OMMERS: Final = bytes.fromhex("1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347")
EMPTY_TRIE: Final = bytes.fromhex("56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421")
EMPTY_REQUESTS: Final = bytes.fromhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
NEVER: Final = (1 << 64) - 1
ELASTICITY, CHANGE = 2, 8  # EIP-1559
FIELDS: Final = 21  # of a header of Prague


class Refused(Exception):
    """A block, or a transaction in it, that the rules do not take."""


@dataclass(frozen=True, slots=True)
class Rules:
    """In the order of `configHash`."""

    chain_id: int
    gas_limit: int
    fee_recipient: bytes
    base_fee_vault: bytes  # zero: burned
    operator_fee: int
    operator_vault: bytes
    data_vault: bytes
    native_token: bytes
    osaka_time: int

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Rules:
        """Out of a genesis' `config`."""
        given = config["rollup"]

        def address(name: str) -> bytes:
            return bytes.fromhex((given.get(name) or "0x").removeprefix("0x")).rjust(20, b"\0")

        return cls(
            config["chainId"],
            given["gasLimit"],
            address("feeRecipient"),
            address("baseFeeVault"),
            given.get("operatorFeePerGas") or 0,
            address("operatorFeeVault"),
            address("dataFeeVault"),
            address("nativeToken"),
            config["osakaTime"] if config.get("osakaTime") is not None else NEVER,
        )

    @property
    def config_hash(self) -> bytes:
        words: list[int | bytes] = [1, self.chain_id, self.gas_limit, self.fee_recipient, self.base_fee_vault]
        words += [self.operator_fee, self.operator_vault, self.data_vault, self.native_token, self.osaka_time]
        return keccak(b"".join(map(word, words)))


@dataclass(frozen=True, slots=True)
class Extra:
    place: int
    base_fee: int
    blob_base_fee: int


def word(value: int | bytes) -> bytes:
    return (value.to_bytes(32, "big") if isinstance(value, int) else value).rjust(32, b"\0")


def number(part: bytes) -> int:
    return int.from_bytes(part, "big")


def extra_of(header: list[bytes]) -> Extra:
    """Raises `Refused`."""
    data = header[12]
    if len(data) != EXTRA_BYTES:
        raise Refused(f"extra data of {len(data)} bytes")
    return Extra(data[0], number(data[1:9]), number(data[9:]))


def check_header(rules: Rules, header: list[bytes], parent: list[bytes], parent_hash: bytes) -> None:
    """Whether a rollup's block may come after its parent. Raises `Refused`."""
    if len(header) != FIELDS:
        raise Refused(f"a header of {len(header)} fields")
    block, time, before = number(header[8]), number(header[11]), number(parent[11])
    place = 0
    if time == before and number(parent[8]):
        place = extra_of(parent).place + 1
    elif time == before:
        place = 1
    wanted: tuple[tuple[str, Any, Any], ...] = (
        ("parent hash", header[0], parent_hash),
        ("ommers", header[1], EMPTY_OMMERS),
        ("miner", header[2], rules.fee_recipient),
        ("difficulty", header[7], b""),
        ("number", block, number(parent[8]) + 1),
        ("gas limit", number(header[9]), rules.gas_limit),
        ("random value", header[13], keccak(parent_hash + word(block))),
        ("nonce", header[14], bytes(8)),
        ("base fee", number(header[15]), base_fee(parent)),
        ("withdrawals", header[16], EMPTY_TRIE),
        ("blob gas", header[17], b""),
        ("excess blob gas", header[18], b""),
        ("beacon root", header[19], bytes(32)),
        ("requests", header[20], EMPTY_REQUESTS),
        ("place in its second", extra_of(header).place, place),
    )
    for name, got, expected in wanted:
        if got != expected:
            raise Refused(f"{name} is {_show(got)}, not {_show(expected)}")
    if time < before or place >= BLOCKS_A_SECOND:
        raise Refused(f"time {time} as the block {place} of its second, after {before}")
    if number(header[10]) > rules.gas_limit:
        raise Refused(f"gas used {number(header[10])}")


def base_fee(parent: list[bytes]) -> int:
    """EIP-1559."""
    used, fee, target = number(parent[10]), number(parent[15]), number(parent[9]) // ELASTICITY
    if used == target:
        return fee
    change = fee * abs(used - target) // target // CHANGE
    return fee + max(change, 1) if used > target else fee - change


def _show(value: int | bytes) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)
