"""
The funded accounts of a dev chain, derived from a mnemonic as wallets do (BIP-39, BIP-32, BIP-44 path m/44'/60'/0'/0/i).

The default mnemonic is the one that other dev nodes use, so that keys in people's scripts keep working. These keys are
public knowledge: nothing of value may ever belong to them.
"""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Final

import coincurve

from .. import _native

MNEMONIC: Final = "test test test test test test test test test test test junk"
COUNT: Final = 10
BALANCE_WEI: Final = 10_000 * 10**18
HARDENED: Final = 1 << 31
PATH: Final = (44 | HARDENED, 60 | HARDENED, 0 | HARDENED, 0)
CURVE_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@dataclass(frozen=True, slots=True)
class DevAccount:
    address: bytes
    key: bytes


def derive(mnemonic: str = MNEMONIC, count: int = COUNT) -> list[DevAccount]:
    """The first accounts of a mnemonic. The words are not checked against the word list."""
    seed = hashlib.pbkdf2_hmac("sha512", " ".join(mnemonic.split()).encode(), b"mnemonic", 2048)
    digest = hmac.digest(b"Bitcoin seed", seed, "sha512")
    key, chain_code = digest[:32], digest[32:]
    for index in PATH:
        key, chain_code = _child(key, chain_code, index)
    return [_account(_child(key, chain_code, index)[0]) for index in range(count)]


def _child(key: bytes, chain_code: bytes, index: int) -> tuple[bytes, bytes]:
    """BIP-32: private parent to private child."""
    if index >= HARDENED:
        data = b"\x00" + key
    else:
        data = coincurve.PrivateKey(key).public_key.format(compressed=True)
    digest = hmac.digest(chain_code, data + index.to_bytes(4, "big"), "sha512")
    child = (int.from_bytes(digest[:32], "big") + int.from_bytes(key, "big")) % CURVE_ORDER
    return child.to_bytes(32, "big"), digest[32:]


def _account(key: bytes) -> DevAccount:
    public = coincurve.PrivateKey(key).public_key.format(compressed=False)
    return DevAccount(_native.keccak256(public[1:])[12:], key)
