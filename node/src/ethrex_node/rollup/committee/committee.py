"""
As many signatures as L1 asks for, that a payload is kept: from all members at once, the first that come.

A member counts by its signature alone: one that is nobody's, or somebody's who is not of the committee, is a failure.
Signatures that were too few are remembered, so that only those who failed are asked the next time. Who is slower than the
others goes on in the background, so that it has the payload too.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, Protocol

from prometheus_client.core import Metric

from ethrex_node.observe import metrics
from ethrex_node.rollup.committee import kept
from ethrex_node.rollup.committee.errors import MemberFailed, TooFew
from ethrex_node.rollup.committee.kept import Contract, Kept
from ethrex_node.rollup.l1.abi import Function
from ethrex_node.rollup.l1.client import L1Client

log = logging.getLogger(__name__)

THRESHOLD: Final = Function("threshold()", "(uint256)")
IS_MEMBER: Final = Function("isMember(address)", "(bool)")


Found = dict[str, tuple[bytes, bytes]]  # by member's name: who signed, the signature


class Member(Protocol):
    name: str

    async def keep(self, what: Kept, payload: bytes) -> bytes:
        """A signature, whoever's. Raises `MemberFailed`."""
        ...


class Committee:
    """Until `close`. `contract` is the chain's on L1, which `client` asks for threshold and members."""

    def __init__(self, members: Sequence[Member], contract: Contract, chain_id: int, client: L1Client) -> None:
        self.signatures: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self._members = tuple(members)
        self._contract = contract
        self._chain_id = chain_id
        self._client = client
        self._found: dict[bytes, Found] = {}  # by digest, of payloads with too few signatures
        self._late: set[asyncio.Task[Any]] = set()

    async def close(self) -> None:
        for task in self._late:
            task.cancel()
        await asyncio.gather(*self._late, return_exceptions=True)

    async def threshold(self) -> int:
        """Signatures that L1 asks for. Raises `L1Error`."""
        return await self._threshold((await self._client.head()).number)

    async def certificate(self, payload: bytes) -> bytes:
        """What `commitBatch` takes. Raises `TooFew`, `L1Error`."""
        what = Kept.of(self._chain_id, payload)
        at = (await self._client.head()).number
        needed = await self._threshold(at)
        found = await self._still_members(self._found.setdefault(what.digest, {}), at)
        reasons: dict[str, str] = {}
        asked = {
            asyncio.create_task(self._signed(member, what, payload, at)): member.name
            for member in self._members
            if member.name not in found
        }
        try:
            while asked and len(dict(found.values())) < needed:
                done, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    name = asked.pop(task)
                    try:
                        found[name] = task.result()
                    except MemberFailed as error:
                        reasons[name] = str(error)
        finally:
            self._go_on(asked)
        signatures = dict(found.values())
        if len(signatures) < needed:
            raise TooFew(needed, len(signatures), reasons)
        del self._found[what.digest]
        return kept.certificate(what, dict(sorted(signatures.items())[:needed]))

    async def _still_members(self, found: Found, at: int) -> Found:
        """Members change: whose signature was had a while ago may be none of them by now."""
        for name, (address, _) in list(found.items()):
            if not await self._is_member(address, at):
                del found[name]
        return found

    async def _signed(self, member: Member, what: Kept, payload: bytes, at: int) -> tuple[bytes, bytes]:
        """Who signed, and the signature. Raises `MemberFailed`, `L1Error`."""
        try:
            signature = await member.keep(what, payload)
            address = kept.signer_of(signature, self._contract, what)
            if address is None:
                raise MemberFailed("what it signs is not that it keeps this payload")
            if not await self._is_member(address, at):
                raise MemberFailed(f"0x{address.hex()} is not of the committee on L1")
        except MemberFailed as error:
            self.failures[member.name] += 1
            log.warning("a member of the data committee fails", extra={"member": member.name, "reason": str(error)})
            raise
        self.signatures[member.name] += 1
        return address, signature

    async def _threshold(self, at: int) -> int:
        answer = await self._client.call(self._contract.address, THRESHOLD.call(), at)
        return int(THRESHOLD.result(answer)[0])

    async def _is_member(self, address: bytes, at: int) -> bool:
        asked = IS_MEMBER.call("0x" + address.hex())
        return IS_MEMBER.result(await self._client.call(self._contract.address, asked, at)) == (True,)

    def _go_on(self, tasks: Iterable[asyncio.Task[Any]]) -> None:
        """What is not needed any more ends by itself, within the members' own time."""
        for task in tasks:
            self._late.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._late.discard(task)
        if not task.cancelled():
            task.exception()  # it was logged where it came up

    def metrics(self) -> Iterator[Metric]:
        """A source for `observe.metrics.Metrics.add`."""
        yield metrics.counters(
            "committee_signatures", "Signatures of members that a payload is kept", "member", dict(self.signatures)
        )
        yield metrics.counters(
            "committee_failures", "Times that a member did not sign as it should", "member", dict(self.failures)
        )
