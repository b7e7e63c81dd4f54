"""
A dev chain's state as one text, in anvil's form: hex of a gzipped JSON object whose `accounts` hold everything.

Only the state travels. Blocks and the block number, which anvil writes beside it, are left out and not looked at: a load
writes past the blocks, as `anvil_setStorageAt` does.
"""

import gzip
import zlib
from collections.abc import Iterator
from typing import Any, Final

import orjson

from .. import _native
from ..rpc import params

MOST_BYTES: Final = 1 << 30  # of the JSON: a gzip of a few bytes may unpack to any size


class NotADump(ValueError):
    """What is wrong with a text that is to be loaded."""


def encode(accounts: bytes) -> str:
    """`accounts`: JSON as `_native.Chain.dump_accounts` gives it."""
    whole: dict[str, Any] = {
        "block": None,
        "accounts": orjson.Fragment(accounts),
        "best_block_number": None,
        "blocks": [],
    }
    return params.hex_data(gzip.compress(orjson.dumps(whole), mtime=0))


def decode(dump: bytes) -> list[_native.Patch]:
    """What to write, one patch an account. Raises `NotADump`."""
    try:
        unpacked = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        state = orjson.loads(unpacked.decompress(dump, MOST_BYTES))
        if unpacked.unconsumed_tail:
            raise NotADump(f"a dump holds at most {MOST_BYTES} bytes")
        return list(_patches(params.mapping(params.mapping(state)["accounts"])))
    except NotADump:
        raise
    except KeyError as error:
        raise NotADump(f"not a dump of a state: {error} is missing") from error
    except (zlib.error, ValueError, TypeError) as error:
        raise NotADump(f"not a dump of a state: {error}") from error


def _patches(accounts: dict[str, Any]) -> Iterator[_native.Patch]:
    for address, given in accounts.items():
        account = params.mapping(given)
        storage = params.mapping(account.get("storage") or {})
        yield _native.Patch(
            params.data(address, 20),
            balance=_number(account["balance"]),
            nonce=_number(account["nonce"]),
            code=params.data(account.get("code") or "0x"),
            storage={_number(slot): _number(value) for slot, value in storage.items()},
        )


def _number(value: Any) -> int:
    """anvil writes nonces as numbers, the rest as hex, with leading zeros where it is a word."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise NotADump(f"{value!r} is not a number")
    return value if isinstance(value, int) else int(value, 16)
