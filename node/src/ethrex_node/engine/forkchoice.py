"""
engine_forkchoiceUpdated: make a block the head, and perhaps begin to build on it.

First the fork choice, then the attributes: bad attributes are refused, but the head stays set (specification,
Cancun). Safe and finalized are checked before anything changes, so that an update is all or nothing.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Final

from ethrex_node.engine import building, errors, memory, parts, payloads, structures
from ethrex_node.rpc import params

CANCUN_ON: Final = ("cancun", *payloads.PRAGUE_ON)


@dataclass(frozen=True, slots=True)
class Answer:
    status: structures.Status
    payload_id: bytes | None = None

    def json(self) -> dict[str, Any]:
        shown = None if self.payload_id is None else params.hex_data(self.payload_id)
        return {"payloadStatus": self.status.json(), "payloadId": shown}


class Forkchoice:
    """Moves the head. `max_reorg_depth` 0: any."""

    def __init__(
        self,
        chain: parts.Chain,
        judge: payloads.NewPayloads,
        built: building.Payloads,
        invalid: memory.Invalid,
        waiting: memory.Waiting,
        lock: asyncio.Lock,
        sync: parts.Sync,
        max_reorg_depth: int = 0,
    ) -> None:
        self._chain = chain
        self._judge = judge
        self._built = built
        self._invalid = invalid
        self._waiting = waiting
        self._lock = lock
        self._sync = sync
        self._max_reorg_depth = max_reorg_depth

    async def update(self, version: int, state: structures.ForkchoiceState, wish: parts.Attributes | None) -> Answer:
        """Raises InvalidForkchoiceState, TooDeepReorg, InvalidAttributes, UnsupportedFork, WrongParams."""
        if version == 1 and wish is not None and (wish.withdrawals is not None or wish.parent_beacon_root is not None):
            raise errors.WrongParams("withdrawals and beacon root not supported in V1")
        return await asyncio.shield(asyncio.ensure_future(self._locked(version, state, wish)))

    async def _locked(self, version: int, state: structures.ForkchoiceState, wish: parts.Attributes | None) -> Answer:
        async with self._lock:
            if state.head == structures.ZERO:
                return Answer(structures.Status("INVALID"))
            head = await self._chain.known(state.head) or await self._catch_up(state)
            if isinstance(head, structures.Status):
                return Answer(head)
            if not await self._may_move(head):
                return Answer(structures.valid(head.hash))
            await self._check_ancestor(state.finalized, head, "finalized")
            await self._check_ancestor(state.safe, head, "safe")
            await self._chain.set_head(head.hash, state.safe, state.finalized)
            if wish is None:
                return Answer(structures.valid(head.hash))
            self._check_attributes(version, wish, head)
            return Answer(structures.valid(head.hash), self._built.begin(version, head.hash, wish))

    async def _catch_up(self, state: structures.ForkchoiceState) -> parts.Known | structures.Status:
        """The head is not known: execute what waits for it, or ask others for it."""
        bad = self._invalid.find(state.head)
        if bad is not None:
            return structures.Status("INVALID", bad.latest_valid, "links to previously rejected block")
        for block_hash, parent, block in self._waiting.branch(state.head):
            status = await self._judge.execute(block_hash, parent, block)
            if status.status == "INVALID":
                bad = self._invalid.find(block_hash, descendant=state.head)
                return status if bad is None else structures.Status("INVALID", bad.latest_valid, status.reason)
            if status.status != "VALID":
                break
        head = await self._chain.known(state.head)
        if head is None:
            self._sync.begin(state.head, state.finalized)
            return structures.SYNCING
        return head

    async def _may_move(self, head: parts.Known) -> bool:
        """False: an ancestor of the head that is final already; nothing changes. Raises TooDeepReorg."""
        present = self._chain.head()
        if head.hash == present.hash or await self._chain.canonical_hash(head.number) != head.hash:
            return True
        finalized = self._chain.finalized()
        if finalized is not None and head.number <= finalized.number:
            return False
        depth = present.number - head.number
        if 0 < self._max_reorg_depth < depth:
            raise errors.TooDeepReorg(f"reorg depth {depth} exceeds limit {self._max_reorg_depth}")
        return True

    async def _check_ancestor(self, block_hash: bytes, head: parts.Known, name: str) -> None:
        if block_hash == structures.ZERO:
            return
        if await self._chain.known(block_hash) is None:
            raise errors.InvalidForkchoiceState(f"{name} block not available")
        if not await self._chain.is_ancestor(block_hash, head.hash):
            raise errors.InvalidForkchoiceState(f"{name} block is not an ancestor of the head")

    def _check_attributes(self, version: int, wish: parts.Attributes, head: parts.Known) -> None:
        fork = self._chain.fork(wish.timestamp)
        if version == 1 and fork not in ("paris", "shanghai"):
            raise errors.WrongParams("fcuV1 called post-shanghai")
        if version == 2:
            _require(wish.parent_beacon_root is None, "unexpected beacon root")
            _require(fork != "paris" or wish.withdrawals is None, "withdrawals before shanghai")
            _require(fork != "shanghai" or wish.withdrawals is not None, "missing withdrawals")
            if fork not in ("paris", "shanghai"):
                raise errors.UnsupportedFork("fcuV2 is for paris and shanghai payloads")
        if version == 3:
            _require(wish.withdrawals is not None, "missing withdrawals")
            _require(wish.parent_beacon_root is not None, "missing beacon root")
            if fork not in CANCUN_ON:
                raise errors.UnsupportedFork(f"fcuV3 is not for {fork} payloads")
        _require(
            wish.timestamp > head.timestamp, f"timestamp {wish.timestamp} is not above the head's {head.timestamp}"
        )


def _require(condition: bool, reason: str) -> None:
    if not condition:
        raise errors.InvalidAttributes(reason)
