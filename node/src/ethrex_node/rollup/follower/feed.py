"""
The sequencer as a follower sees it: a source of blocks that is believed nothing, and who decides about transactions.

FeedError
+ Away       the sequencer does not answer: come again
+ BadFeed    it answers what cannot be: an alarm, another sequencer may be named
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from ethrex_node import _native
from ethrex_node.rollup.epochs import heads
from ethrex_node.rollup.l1 import errors as rpc_faults
from ethrex_node.rollup.l1.endpoint import Endpoint
from ethrex_node.rollup.methods import L1Unavailable
from ethrex_node.rollup.store.schema import Ended, SignedHead
from ethrex_node.rpc import errors

AT_ONCE: Final = 32  # transactions on their way to the sequencer
PARENT, NUMBER, TIMESTAMP = 0, 8, 11  # in a header


class FeedError(Exception):
    """The sequencer gives no block that could be taken."""


class Away(FeedError):
    pass


class BadFeed(FeedError):
    pass


class SequencerAway(errors.RpcError):
    """The sequencer has to be asked for this and does not answer."""

    default_code = -39002


@dataclass(frozen=True, slots=True)
class Block:
    """`raw` is the RLP; the rest is what its header says."""

    number: int
    hash: bytes
    parent_hash: bytes
    timestamp: int
    raw: bytes


@dataclass(frozen=True, slots=True)
class Blocks:
    """
    A run of blocks without a gap, and the number of the sequencer's newest. `signed` is a head in the run, `newest` the
    newest that was signed; None where a follower gives blocks and has none. `ended` says that the epoch has.
    """

    latest: int
    blocks: tuple[Block, ...]
    signed: SignedHead | None
    newest: SignedHead | None
    ended: Ended | None = None

    @property
    def covered(self) -> tuple[Block, ...]:
        """Those that the signature stands for."""
        if self.signed is None:
            return ()
        return tuple(one for one in self.blocks if one.number <= self.signed.number)


class Feed:
    """Over one URL. `endpoint` belongs to the caller."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._turns = asyncio.Semaphore(AT_ONCE)

    @property
    def name(self) -> str:
        return self._endpoint.name

    async def blocks(self, first: int, most: int | None = None) -> Blocks:
        """From a number on. Raises `FeedError`."""
        try:
            answer = await self._endpoint.call("ethrex_getBlocks", hex(first), *([] if most is None else [hex(most)]))
        except rpc_faults.Unreachable as error:
            raise Away(str(error)) from error
        except rpc_faults.CallFailed as error:
            if error.code == L1Unavailable.default_code:
                raise Away(f"{self.name}: {error.message}") from error
            raise BadFeed(f"{self.name}: {error}") from error
        except rpc_faults.L1Error as error:
            raise BadFeed(f"{self.name}: {error}") from error
        return await asyncio.to_thread(read, answer, first)

    async def show(self, head: SignedHead) -> None:
        """Tell a sequencer that a later one has begun. It need not listen."""
        with contextlib.suppress(rpc_faults.L1Error):
            await self._endpoint.call("ethrex_showHead", heads.as_json(head))

    async def forward(self, method: str, *params: Any) -> Any:
        """A caller's question to the sequencer. Raises what it says, `SequencerAway`."""
        try:
            return await self._endpoint.call(method, *params)
        except rpc_faults.CallFailed as error:
            raise errors.RpcError(error.message, code=error.code, data=error.data) from error
        except rpc_faults.L1Error as error:
            raise SequencerAway(f"the sequencer does not answer: {error}") from error

    async def send(self, raw: Sequence[bytes]) -> list[bytes | Exception]:
        """Users' transactions. For each its hash, or why not (`pool.door.Forward`)."""
        return await asyncio.gather(*(self._sent(one) for one in raw))

    async def _sent(self, raw: bytes) -> bytes | Exception:
        async with self._turns:
            try:
                await self.forward("eth_sendRawTransaction", "0x" + raw.hex())
            except errors.RpcError as error:
                return error
        (transaction,) = await asyncio.to_thread(_native.admit_transactions, [raw])
        return errors.Refused(transaction) if isinstance(transaction, str) else transaction.hash


def read(answer: Any, first: int) -> Blocks:
    """An answer of `ethrex_getBlocks`. Raises `BadFeed`."""
    try:
        latest = int(answer["latest"], 16)
        blocks = tuple(_block(bytes.fromhex(one.removeprefix("0x"))) for one in answer["blocks"])
        signed, newest = (
            None if answer[name] is None else heads.of_json(answer[name]) for name in ("signed", "newest")
        )
        ended = None if answer.get("ended") is None else heads.end_of_json(answer["ended"])
    except (TypeError, KeyError, ValueError, AttributeError, IndexError, heads.BadHead) as error:
        raise BadFeed(f"the sequencer's answer holds no blocks: {error}") from error
    for number, one in enumerate(blocks, first):
        if one.number != number:
            raise BadFeed(f"the sequencer gives block {one.number} where {number} was asked for")
    for before, one in itertools.pairwise(blocks):
        if one.parent_hash != before.hash:
            raise BadFeed(f"the sequencer's block {one.number} does not follow its block {before.number}")
    if signed is not None and (signed.number, signed.hash) not in {(one.number, one.hash) for one in blocks}:
        raise BadFeed(f"the sequencer signs a block {signed.number} that it does not give")
    return Blocks(latest, blocks, signed, newest, ended)


def _block(raw: bytes) -> Block:
    header = _native.rlp_decode(raw)[0]
    return Block(
        number=int.from_bytes(header[NUMBER], "big"),
        hash=_native.keccak256(_native.rlp_encode(header)),
        parent_hash=bytes(header[PARENT]),
        timestamp=int.from_bytes(header[TIMESTAMP], "big"),
        raw=raw,
    )
