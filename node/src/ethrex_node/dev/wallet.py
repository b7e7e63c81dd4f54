"""
Unlocked accounts of a dev chain: they sign what `eth_sendTransaction` and its like ask for.

An impersonated account has no key here. Its transactions are signed by a key made from its address and enter the pool
with the sender set by hand: the block is then one that no other node would take, and the chain is marked.
"""

from collections.abc import Iterable
from typing import Any

from eth_account import Account
from eth_account.messages import encode_defunct, encode_typed_data

from .. import _native
from .accounts import DevAccount


class UnknownAccount(Exception):
    """No key for this address, and it is not impersonated."""

    def __init__(self, address: bytes) -> None:
        super().__init__(f"unknown account 0x{address.hex()}")
        self.address = address


class Wallet:
    """Keys by address. Lives with the dev chain; nothing of it is written to disk."""

    def __init__(self, accounts: Iterable[DevAccount]) -> None:
        self._keys = {account.address: account.key for account in accounts}
        self.impersonated: set[bytes] = set()
        self.impersonate_all = False

    @property
    def addresses(self) -> list[bytes]:
        return list(self._keys)

    def add(self, key: bytes) -> bytes:
        """Unlock one more key; gives its address."""
        address = bytes.fromhex(Account.from_key(key).address[2:])
        self._keys[address] = key
        return address

    def may_send(self, address: bytes) -> bool:
        return address in self._keys or address in self.impersonated or self.impersonate_all

    def sign_transaction(self, fields: dict[str, Any], sender: bytes) -> tuple[bytes, bool]:
        """
        (raw transaction, whether the sender has to be set by hand). `fields` as eth-account takes them.

        Who has no key here is stood in for: the caller has asked `may_send`, or lets anybody.
        """
        key = self._keys.get(sender)
        if key is not None:
            return bytes(Account.sign_transaction(fields, key).raw_transaction), False
        stand_in = _native.keccak256(b"impersonated" + sender)
        return bytes(Account.sign_transaction(fields, stand_in).raw_transaction), True

    def sign_message(self, message: bytes, signer: bytes) -> bytes:
        """EIP-191 version 0x45 ("Ethereum Signed Message")."""
        return bytes(Account.sign_message(encode_defunct(message), self._key(signer)).signature)

    def sign_typed_data(self, typed_data: dict[str, Any], signer: bytes) -> bytes:
        """EIP-712."""
        return bytes(Account.sign_message(encode_typed_data(full_message=typed_data), self._key(signer)).signature)

    def _key(self, address: bytes) -> bytes:
        key = self._keys.get(address)
        if key is None:
            raise UnknownAccount(address)
        return key
