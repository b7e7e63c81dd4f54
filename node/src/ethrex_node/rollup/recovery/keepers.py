"""
A validium's payloads, from the members of its data committee.

They are asked one after the other, and what they give is held against the digest that L1 was told: one member who has the
payload is enough, whatever the others say.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from ethrex_node.rollup.committee.errors import MemberFailed
from ethrex_node.rollup.committee.kept import Kept
from ethrex_node.rollup.recovery.published import RecoveryError


class Member(Protocol):
    name: str

    async def payload(self, what: Kept) -> bytes:
        """Checked against the digest. Raises `MemberFailed`."""
        ...


class Keepers:
    """`told` hears of members that fail. One that gave what it should is asked first the next time."""

    def __init__(self, members: Sequence[Member], told: Callable[[str], None]) -> None:
        self._members = list(members)
        self._told = told

    async def payload(self, what: Kept, where: str) -> bytes:
        """`where`: which batch's. Raises `RecoveryError` where no member has it."""
        reasons = []
        for member in list(self._members):
            try:
                found = await member.payload(what)
            except MemberFailed as error:
                reasons.append(f"{member.name}: {error}")
                self._told(f"{where}: {reasons[-1]}")
                continue
            self._members.remove(member)
            self._members.insert(0, member)
            return found
        raise RecoveryError(
            f"{where}: no member of the committee gives the payload 0x{what.digest.hex()}: {'; '.join(reasons)}"
        )
