"""
Payloads that are being built, from the fork choice that asks for one to the getPayload that takes it.

A build process makes a first block at once and improves it while the pool brings better ones, until it is asked for
or its slot is over. Ids are derived as geth derives them, so that the same wish finds the same process.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from ethrex_node.engine import parts

log = logging.getLogger(__name__)

KEPT: Final = 10  # build processes; a consensus client has one or two
IMPROVE_SECONDS: Final = 1.0
SLOT_SECONDS: Final = 12.0


def payload_id(version: int, parent: bytes, wish: parts.Attributes) -> bytes:
    """Eight bytes: the version of the structure, then seven of a SHA-256 over parent and attributes."""
    digest = hashlib.sha256(parent + wish.timestamp.to_bytes(8, "big") + wish.prev_randao + wish.fee_recipient)
    digest.update(_list(map(_withdrawal, wish.withdrawals or ())))
    digest.update(wish.parent_beacon_root or b"")
    return bytes([version]) + digest.digest()[1:8]


class Process:
    """One payload, better by and by. Its first block is ready, or failed, when `first` is done."""

    def __init__(self, builder: parts.Builder, parent: bytes, wish: parts.Attributes) -> None:
        self._builder = builder
        self._parent = parent
        self._wish = wish
        self._best: parts.Built | None = None
        loop = asyncio.get_running_loop()
        self.first: asyncio.Future[None] = loop.create_future()
        self._task = loop.create_task(self._improve())

    async def take(self) -> parts.Built:
        """The best block so far; building ends. Raises what the first build raised."""
        await asyncio.shield(self.first)
        self._task.cancel()
        assert self._best is not None
        return self._best

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _improve(self) -> None:
        try:
            self._best = await self._builder.build(self._parent, self._wish)
        except Exception as error:
            self.first.set_exception(error)
            self.first.exception()  # told to whoever asks; nobody may
            return
        except asyncio.CancelledError:
            self.first.cancel()
            raise
        self.first.set_result(None)
        loop = asyncio.get_running_loop()
        end = loop.time() + SLOT_SECONDS
        while loop.time() < end:
            await asyncio.sleep(IMPROVE_SECONDS)
            try:
                better = await self._builder.build(self._parent, self._wish)
            except Exception:
                log.exception("a payload was not improved")
                return
            if better.value > self._best.value:
                self._best = better


class Payloads:
    """Build processes by id, the last ten."""

    def __init__(self, builder: parts.Builder) -> None:
        self._builder = builder
        self._processes: OrderedDict[bytes, Process] = OrderedDict()

    def begin(self, version: int, parent: bytes, wish: parts.Attributes) -> bytes:
        """Start a process, or find the one that has this wish already."""
        key = payload_id(version, parent, wish)
        if key not in self._processes:
            self._processes[key] = Process(self._builder, parent, wish)
            if len(self._processes) > KEPT:
                _, oldest = self._processes.popitem(last=False)
                oldest._task.cancel()
        return key

    def get(self, key: bytes) -> Process | None:
        return self._processes.get(key)

    async def close(self) -> None:
        for process in self._processes.values():
            await process.close()


def _withdrawal(one: parts.Withdrawal) -> bytes:
    return _list((_integer(one.index), _integer(one.validator), _string(one.address), _integer(one.amount)))


def _integer(value: int) -> bytes:
    return _string(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def _string(raw: bytes) -> bytes:
    """RLP of up to 55 bytes, which is all that stands in a withdrawal."""
    return raw if len(raw) == 1 and raw[0] < 0x80 else bytes([0x80 + len(raw)]) + raw


def _list(items: Iterable[bytes]) -> bytes:
    body = b"".join(items)
    if len(body) < 56:
        return bytes([0xC0 + len(body)]) + body
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([0xF7 + len(size)]) + size + body
