"""A sequencer over a real chain, pool and store, with a clock of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ethrex_node import _native
from ethrex_node.builder import Builder
from ethrex_node.chain import Chain, HeadChange
from ethrex_node.pool import Account, Pool, Rules
from ethrex_node.rollup.sequencer import Limits, Sequencer, Settings, sealed
from ethrex_node.rollup.store import Store, Txn
from ethrex_node.rollup.store.environment import key
from ethrex_node.rollup.store.schema import QUEUE, QUEUE_REORGS, TABLES, QueueItem, QueueReorg
from unit.rollup.rollups import CHAIN_ID, L1_PRICES, Rollup, rollup_genesis


@dataclass
class Running:
    """One run of a sequencer on a folder; `again` is the next."""

    folder: Path
    settings: Settings = field(default_factory=lambda: Settings(limits=Limits(blobs=1, least_room_bytes=20_000)))
    seconds: float = 1_000.0
    prices: tuple[int, int] = L1_PRICES

    def open(self) -> Running:
        genesis = rollup_genesis()
        self.native = _native.Chain(self.folder / "chain", genesis, durable=False, map_size=1 << 28)
        self.user = Rollup(self.native, genesis)
        self.store = Store.open(self.folder / "rollup", TABLES, map_bytes=1 << 26)
        self.chain = Chain(self.native)
        self.pool = Pool(self._accounts, rules(self.native))
        self.chain.listeners.append(self._follow)
        self.sequencer = Sequencer(
            self.chain, Builder(self.chain, self.pool), self.store, lambda: self.prices, self.settings, self._now
        )
        return self

    def close(self) -> None:
        self.chain.close()
        self.store.close()
        del self.native, self.user, self.chain, self.pool, self.sequencer

    def _now(self) -> float:
        return self.seconds

    def _accounts(self, addresses: Sequence[bytes]) -> list[Account]:
        return [Account(*facts) for facts in self.native.accounts(addresses)]

    def _follow(self, change: HeadChange) -> None:
        included = [one for block in change.applied for one in self.native.transaction_hashes(block)]
        self.pool.follow(rules(self.native), included, [])

    def queue(self, *items: bytes) -> None:
        """Items as the watcher would leave them."""

        def change(txn: Txn) -> None:
            for raw in items:
                index = int.from_bytes(_native.rlp_decode(raw[1:])[1], "big")
                txn.put(QUEUE, key(index), QueueItem(index, raw, 200_000, 0, bytes(32), 1, bytes(32)))

        self.store.write_now(change)

    def exchange(self, index: int, *items: bytes) -> Callable[[Txn], int]:
        """For `take_back`: L1's queue is these from `index` on, and blocks that hold others are void."""

        def change(txn: Txn) -> int:
            for at, _ in list(txn.scan(QUEUE, start=key(index))):
                txn.delete(QUEUE, at)
            for number, raw in enumerate(items, index):
                txn.put(QUEUE, key(number), QueueItem(number, raw, 200_000, 0, bytes(32), 1, bytes(32)))
            first = sealed.block_with_item(txn, index)
            assert first is not None
            txn.put(QUEUE_REORGS, key(1), QueueReorg(1, 0, index, first, 0, 0))
            return sealed.take_back(txn, first)

        return change

    def reorg(self) -> QueueReorg:
        with self.store.read() as txn:
            found = txn.get(QUEUE_REORGS, key(1))
        assert found is not None
        return found

    def admit(self, transaction: _native.Transaction) -> None:
        (refused,) = self.pool.add([transaction], local=False)
        assert refused is None, refused


def rules(native: _native.Chain) -> Rules:
    block = native.next_block(native.head().timestamp + 1)
    return Rules(
        chain_id=CHAIN_ID,
        fork=block.fork,
        kinds=frozenset({0, 1, 2, 4}),
        gas_limit=block.gas_limit,
        base_fee_wei=block.base_fee_per_gas,
        blob_base_fee_wei=1,
        max_blobs=0,
        min_tip_wei=1,
        shanghai=True,
        osaka=False,
    )
