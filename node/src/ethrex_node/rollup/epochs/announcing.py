"""
Signed heads for whoever follows: a sequencer signs them, a follower passes on those that it was given.

A sequencer signs when it is asked, once a block: sealing does not wait for a signer that is far away.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from ethrex_node.rollup.epochs import heads
from ethrex_node.rollup.l1 import signers, typed_data
from ethrex_node.rollup.store import Store
from ethrex_node.rollup.store.environment import ONLY_ROW, key
from ethrex_node.rollup.store.schema import FEED, LAST_END, NEWEST_HEAD, Ended, SignedHead

REMEMBERED: Final = 256

Found = tuple[SignedHead | None, SignedHead | None]


class Heads(Protocol):
    async def covering(self, first: int, last: tuple[int, bytes], latest: tuple[int, bytes]) -> Found:
        """
        A head that covers blocks from `first` on, at most to `last`, and the newest that is known; None where there is
        none. Raises `signers.SignerError`.
        """
        ...

    async def end(self) -> Ended | None:
        """That the newest epoch has ended, once it has. Raises `signers.SignerError`."""
        ...


class Announcer:
    """A sequencer's, for one epoch; `ended` is how that ended."""

    def __init__(self, signer: signers.Signer, where: typed_data.Domain, chain_id: int, epoch: int) -> None:
        self._signer = signer
        self.where = where
        self.chain_id = chain_id
        self._epoch = epoch
        self._signed: dict[bytes, SignedHead] = {}
        self.ended: Ended | None = None

    async def covering(self, first: int, last: tuple[int, bytes], latest: tuple[int, bytes]) -> Found:
        return (await self.sign(*last) if last[0] >= first else None), await self.sign(*latest)

    async def sign(self, number: int, block_hash: bytes) -> SignedHead:
        """Raises `signers.SignerError`."""
        known = self._signed.get(block_hash)
        if known is None:
            known = await heads.sign(self._signer, self.where, self.chain_id, self._epoch, number, block_hash)
            while len(self._signed) >= REMEMBERED:
                del self._signed[next(iter(self._signed))]
            self._signed[block_hash] = known
        return known

    async def end(self) -> Ended | None:
        if self.ended is not None and not self.ended.signature:
            self.ended = await heads.sign_end(self._signer, self.where, self.chain_id, self.ended)
        return self.ended


class Relay:
    """A follower's: `canonical` gives the hash of a block of its chain."""

    def __init__(self, store: Store, canonical: Callable[[int], bytes | None]) -> None:
        self._store = store
        self._canonical = canonical

    async def covering(self, first: int, last: tuple[int, bytes], latest: tuple[int, bytes]) -> Found:
        with self._store.read() as txn:
            newest = txn.get(NEWEST_HEAD, ONLY_ROW)
            for number in range(last[0], first - 1, -1):
                row = txn.get(FEED, key(number))
                if row is not None and row.hash == self._canonical(number):
                    return row, newest
        return None, newest

    async def end(self) -> Ended | None:
        with self._store.read() as txn:
            newest, ended = txn.get(NEWEST_HEAD, ONLY_ROW), txn.get(LAST_END, ONLY_ROW)
        return ended if newest is not None and ended is not None and ended.epoch == newest.epoch else None
