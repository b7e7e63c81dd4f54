"""
Try a transaction on L1's head before it is sent: what is refused there would cost its gas, again and again.

Only a revert counts, and what is held back for it is so for a while, not for ever: an L1 node may be wrong.
"""

from __future__ import annotations

from collections.abc import Sequence

from ethrex_node.rollup.l1 import answers, errors
from ethrex_node.rollup.l1.client import L1Client
from ethrex_node.rollup.outbox import Call
from ethrex_node.rollup.settlement import reverts


async def refusal(
    client: L1Client, sender: bytes, call: Call, head: answers.Block, blob_hashes: Sequence[bytes] = ()
) -> str | None:
    """Why it would revert, in words; None where it would not, or where nobody can say. Raises `L1Error`."""
    try:
        await client.call(call.to, call.data, head.number, sender, blob_hashes)
    except errors.CallFailed as error:
        return None if error.data is None else reverts.told(error.data) or str(error)
    return None


class Hold:
    """Lets something through once in a while, less and less often, until `reset`."""

    def __init__(self, first_seconds: float, longest_seconds: float, *, at_once: bool = False) -> None:
        self._first = first_seconds
        self._longest = longest_seconds
        self._at_once = at_once
        self.reset()

    def reset(self) -> None:
        self._seconds = self._first
        self._since: float | None = None

    def is_over(self, now: float) -> bool:
        """Whether it is time; then the next time is twice as far."""
        if self._since is None:
            self._since = now
            return self._at_once
        if now - self._since < self._seconds:
            return False
        self._since, self._seconds = now, min(2 * self._seconds, self._longest)
        return True
