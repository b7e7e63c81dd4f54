"""
What a follower believes of a feed: only what a sequencer of the highest epoch that was ever seen has signed.

An epoch is written down before a block of it is taken, so that no restart makes a follower listen to an older sequencer
again.

NotBelieved
+ NotASequencer  nobody who may commit on L1 has signed it
+ OldEpoch       a later sequencer has been heard: this one was replaced
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from ethrex_node.rollup.epochs import heads
from ethrex_node.rollup.epochs.sequencers import Sequencers
from ethrex_node.rollup.l1 import typed_data
from ethrex_node.rollup.store import Store, Txn
from ethrex_node.rollup.store.environment import ONLY_ROW, key
from ethrex_node.rollup.store.schema import FEED, LAST_END, NEWEST_HEAD, Ended, SignedHead

log = logging.getLogger(__name__)


class NotBelieved(Exception):
    """A signed head that says nothing here."""


class NotASequencer(NotBelieved):
    pass


class OldEpoch(NotBelieved):
    def __init__(self, got: int, seen: int) -> None:
        super().__init__(f"it seals in epoch {got}, which ended: epoch {seen} has begun")
        self.got, self.seen = got, seen


class Seen:
    """Over a follower's store."""

    def __init__(self, store: Store, sequencers: Sequencers, where: typed_data.Domain, chain_id: int) -> None:
        self._store = store
        self._sequencers = sequencers
        self._where = where
        self._chain_id = chain_id

    def newest(self) -> SignedHead | None:
        """The newest head of the highest epoch."""
        with self._store.read() as txn:
            return txn.get(NEWEST_HEAD, ONLY_ROW)

    def end(self) -> Ended | None:
        """That the highest epoch has ended."""
        with self._store.read() as txn:
            newest, ended = txn.get(NEWEST_HEAD, ONLY_ROW), txn.get(LAST_END, ONLY_ROW)
        return ended if newest is not None and ended is not None and ended.epoch == newest.epoch else None

    async def note_end(self, end: Ended) -> None:
        """Keep that the newest epoch has ended. Raises `NotBelieved`, `L1Error`."""
        newest = self.newest()
        if newest is None or newest.epoch != end.epoch or self.end() is not None:
            return
        who = await asyncio.to_thread(heads.end_signer_of, end, self._where, self._chain_id)
        if who is None or not await self._sequencers.may_seal(who):
            raise NotASequencer(f"the end of epoch {end.epoch} is signed by nobody who may commit for the chain on L1")
        await self._store.write(lambda txn: txn.put(LAST_END, ONLY_ROW, end))
        log.warning("the sequencer has handed over", extra={"epoch": end.epoch, "batch": end.batch, "block": end.block})

    async def admit(self, newest: SignedHead, covering: Sequence[SignedHead]) -> None:
        """
        Believe a feed's newest head, and others that cover blocks on the way to it; kept on disk then.

        Raises `NotBelieved`, `L1Error`.
        """
        known = self.newest()
        if known is not None and newest.epoch < known.epoch:
            raise OldEpoch(newest.epoch, known.epoch)
        for head in {newest, *covering}:
            await self._check(head)
            if head.epoch > newest.epoch:
                raise OldEpoch(newest.epoch, head.epoch)
        if known == newest and not covering:
            return

        def change(txn: Txn) -> None:
            txn.put(NEWEST_HEAD, ONLY_ROW, newest)
            for head in covering:
                txn.put(FEED, key(head.number), head)

        await self._store.write(change)

    async def _check(self, head: SignedHead) -> None:
        who = await asyncio.to_thread(heads.signer_of, head, self._where, self._chain_id)
        if who is None:
            raise NotASequencer(f"block {head.number} is signed by nobody")
        if not await self._sequencers.may_seal(who):
            raise NotASequencer(
                f"block {head.number} is signed by 0x{who.hex()}, who may not commit for the chain on L1"
            )
