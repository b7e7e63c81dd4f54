"""
py-evm's state over a witness: nothing but the nodes and codes of one block.

A witness holds the nodes that a batch of updates needs: a branch that loses a child and gains another in one block is
never one with a single child, whose lone sibling would have to be looked up. py-evm updates its tries key by key, deletes
first. Here writes go first, which needs no node that the batch does not need. What was written is noted for the report.
"""

from __future__ import annotations

from typing import Any

from eth.db.account import AccountDB
from eth.db.cache import CacheDB
from eth.db.journal import JournalDB
from eth.db.storage import AccountStorageDB, StorageLookup
from eth_typing import Address


class WritesFirst(StorageLookup):
    """A storage trie that deletes when its root is asked for."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._deleted: set[bytes] = set()

    def __getitem__(self, key: bytes) -> bytes:
        if key in self._deleted:
            raise KeyError(key)
        return bytes(super().__getitem__(key))

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self._deleted.discard(key)
        super().__setitem__(key, value)

    def __delitem__(self, key: bytes) -> None:
        self._get_write_trie()
        self._deleted.add(key)

    def _exists(self, key: bytes) -> bool:
        return key not in self._deleted and super()._exists(key)

    def get_changed_root(self) -> Any:
        self._delete()
        return super().get_changed_root()

    def commit_to(self, db: Any) -> None:
        self._delete()
        super().commit_to(db)

    def new_trie(self) -> int:
        self._delete()
        return super().new_trie()

    def _delete(self) -> None:
        deleted, self._deleted = self._deleted, set()
        for key in sorted(deleted):
            super().__delitem__(key)


class WitnessStorage(AccountStorageDB):
    def __init__(self, db: Any, storage_root: Any, address: Any) -> None:
        super().__init__(db, storage_root, address)
        self._storage_lookup = WritesFirst(db, storage_root, address)
        self._storage_cache = CacheDB(self._storage_lookup)
        self._locked_changes = JournalDB(self._storage_cache)
        self._journal_storage = JournalDB(self._locked_changes)


class WitnessAccounts(AccountDB):
    """`touched`: each account that was written, and the slots of it that were."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self.touched: dict[bytes, set[int]] = {}
        super().__init__(*arguments, **named)

    def set_storage(self, address: Any, slot: int, value: int) -> None:
        self.touched.setdefault(address, set()).add(slot)
        super().set_storage(address, slot, value)

    def delete_account(self, address: Any) -> None:
        self.touched.setdefault(address, set())
        super().delete_account(address)

    def _set_account(self, address: Any, account: Any) -> None:
        self.touched.setdefault(address, set())
        super()._set_account(address, account)

    def _get_address_store(self, address: Any) -> Any:
        store = self._account_stores.get(address)
        if store is None:
            store = WitnessStorage(self._raw_store_db, self._get_storage_root(address), address)
            self._account_stores[address] = store
        return store

    def account(self, address: bytes) -> Any:
        """Nonce, balance, code hash, storage root."""
        return self._get_account(Address(address))

    def slot(self, address: bytes, slot: int) -> int:
        return self.get_storage(Address(address), slot)

    def _apply_account_diff_without_proof(self, diff: Any, trie: Any) -> None:
        for key, value in diff.pending_items():
            trie[key] = value
        for key in diff.deleted_keys():
            del trie[key]
