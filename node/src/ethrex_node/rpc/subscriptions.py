"""
Subscriptions that are pushed: newHeads, logs, newPendingTransactions, syncing.

Head changes enter one queue and are worked off by one task, so that what subscribers see is in order: for a reorg the
logs that vanished (`removed`: true), then the new ones; headers of the new branch only. Each distinct criterion is
asked once a block. A subscriber that reads too slowly is dropped by its session (``parts.Session.push``).
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from ethrex_node.rpc import errors, journal, logs, params, parts, settings, wire

log = logging.getLogger(__name__)

NOT_IN_HEADERS: Final = ("transactions", "uncles", "withdrawals", "size", "totalDifficulty")
SYNC_POLL_SECONDS: Final = 1.0


@dataclass(eq=False, slots=True)
class Subscription:
    id: str
    session: parts.Session
    kind: str
    criteria: logs.Criteria | None = None
    full: bool = False


@dataclass(eq=False, slots=True)
class _Of:
    """The subscriptions of one session."""

    ids: set[str] = field(default_factory=set)


class Subscriptions:
    """All subscriptions of the node, from `start` to `close`."""

    def __init__(self, reader: parts.Reader, heads: parts.Heads, pool: parts.Pool, limits: settings.Limits) -> None:
        self._reader = reader
        self._heads = heads
        self._limits = limits
        self._all: dict[str, Subscription] = {}
        self._of: dict[parts.Session, _Of] = {}
        self._changes: asyncio.Queue[parts.HeadChange] = asyncio.Queue()
        self._ends = (heads.watch(self._changes.put_nowait), pool.watch(self._pooled))
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._follow_heads()), loop.create_task(self._follow_sync())]

    async def close(self) -> None:
        for end in self._ends:
            end()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def __len__(self) -> int:
        return len(self._all)

    def add(self, session: parts.Session, kind: str, option: Any) -> str:
        """Subscribe. Raises InvalidParams for an unknown kind or a bad option."""
        subscription = Subscription("0x" + secrets.token_hex(16), session, kind)
        match kind:
            case "newHeads" | "syncing":
                pass
            case "logs":
                subscription.criteria = _criteria(option)
            case "newPendingTransactions":
                if option is not None and type(option) is not bool:
                    raise errors.InvalidParams("invalid argument 1: expected true or false")
                subscription.full = bool(option)
            case _:
                raise errors.MethodNotFound(f'eth_subscribe("{kind}")')
        own = self._of.get(session)
        if own is None:
            own = self._of[session] = _Of()
            session.at_close(lambda: self._forget(session))
        if len(own.ids) >= self._limits.subscriptions:
            raise errors.Busy(f"too many subscriptions, at most {self._limits.subscriptions} on one connection")
        own.ids.add(subscription.id)
        self._all[subscription.id] = subscription
        if kind == "syncing":
            asyncio.get_running_loop().call_soon(self._tell_sync, subscription)
        return subscription.id

    def remove(self, session: parts.Session, subscription_id: str) -> bool:
        own = self._of.get(session)
        if own is None or subscription_id not in own.ids:
            raise errors.Refused("subscription not found")
        own.ids.discard(subscription_id)
        del self._all[subscription_id]
        return True

    async def settled(self) -> None:
        """Wait until all head changes so far have been pushed."""
        await self._changes.join()

    def _forget(self, session: parts.Session) -> None:
        own = self._of.pop(session, None)
        for subscription_id in own.ids if own else ():
            del self._all[subscription_id]

    def _of_kind(self, kind: str) -> list[Subscription]:
        return [one for one in self._all.values() if one.kind == kind]

    def _push(self, subscription: Subscription, result: Any) -> None:
        if not subscription.session.push(wire.notification(subscription.id, result)):
            self._forget(subscription.session)

    async def _follow_heads(self) -> None:
        while True:
            change = await self._changes.get()
            try:
                await self._head_moved(change)
            except Exception:
                log.exception("subscribers were not told of block %s", change.added[-1:] or change.removed)
            finally:
                self._changes.task_done()

    async def _head_moved(self, change: parts.HeadChange) -> None:
        for event in journal.block_events(change):
            if not event.removed and (subscribers := self._of_kind("newHeads")):
                header = await asyncio.to_thread(self._header, event.block.hash)
                for one in subscribers:
                    self._push(one, header)
            await self._tell_logs(event)

    async def _tell_logs(self, event: journal.BlockEvent) -> None:
        found: dict[bytes, list[dict[str, Any]]] = {}
        for one in self._of_kind("logs"):
            if one.criteria is None or not one.criteria.concerns(event.block.number):
                continue
            key = orjson.dumps(one.criteria.query)
            if key not in found:
                found[key] = await asyncio.to_thread(logs.of_block, self._reader, one.criteria.query, event)
            for entry in found[key]:
                self._push(one, entry)

    def _header(self, block_hash: bytes) -> dict[str, Any]:
        block: dict[str, Any] = logs.ask(self._reader, "eth_getBlockByHash", [params.hex_data(block_hash), False])
        return {key: value for key, value in block.items() if key not in NOT_IN_HEADERS}

    def _pooled(self, transactions: Sequence[parts.Pooled]) -> None:
        for one in self._of_kind("newPendingTransactions"):
            for transaction in transactions:
                shown = orjson.Fragment(transaction.json) if one.full else params.hex_data(transaction.hash)
                self._push(one, shown)

    async def _follow_sync(self) -> None:
        """Tell when syncing starts or ends."""
        before = self._heads.syncing() is not None
        while True:
            await asyncio.sleep(SYNC_POLL_SECONDS)
            now = self._heads.syncing() is not None
            if now != before:
                before = now
                for one in self._of_kind("syncing"):
                    self._tell_sync(one)

    def _tell_sync(self, subscription: Subscription) -> None:
        progress = self._heads.syncing()
        self._push(subscription, False if progress is None else {"syncing": True, "status": dict(progress)})


def _criteria(option: Any) -> logs.Criteria:
    try:
        return logs.criteria({} if option is None else option)
    except ValueError as error:
        raise errors.InvalidParams(f"invalid argument 1: {error}") from error
