"""A genesis file in geth's form from a fixture's ``pre`` and ``genesisBlockHeader``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from conformance import networks

# genesis file key -> fixture header key; a header lacks the ones that its fork does not have
HEADER: Final = {
    "nonce": "nonce",
    "timestamp": "timestamp",
    "extraData": "extraData",
    "gasLimit": "gasLimit",
    "difficulty": "difficulty",
    "mixHash": "mixHash",
    "coinbase": "coinbase",
    "number": "number",
    "gasUsed": "gasUsed",
    "parentHash": "parentHash",
    "baseFeePerGas": "baseFeePerGas",
    "blobGasUsed": "blobGasUsed",
    "excessBlobGas": "excessBlobGas",
}


def build(fixture: Mapping[str, Any]) -> dict[str, Any]:
    header = fixture["genesisBlockHeader"]
    fields = {key: header[name] for key, name in HEADER.items() if name in header}
    return {"config": networks.from_fixture(fixture), **fields, "alloc": alloc(fixture["pre"])}


def alloc(accounts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Accounts with their slots as full words, which is how a genesis file has them."""
    return {
        address: {
            "balance": account["balance"],
            "nonce": account["nonce"],
            "code": account["code"],
            "storage": {_word(slot): _word(value) for slot, value in account["storage"].items()},
        }
        for address, account in accounts.items()
    }


def _word(text: str) -> str:
    return "0x" + text.removeprefix("0x").zfill(64)
