"""Who may speak as a rollup's sequencer: whoever may commit for the chain on L1. Nothing else has to be configured."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from ethrex_node.rollup.l1 import errors
from ethrex_node.rollup.l1.client import L1Client
from ethrex_node.rollup.settlement import contracts

KNOWN_SECONDS: Final = 60.0  # after so long L1 is asked again whether somebody still may


class Sequencers:
    """Answers of L1, remembered for a while."""

    def __init__(
        self, client: L1Client, addresses: contracts.Addresses, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._addresses = addresses
        self._now = now
        self._known: dict[bytes, float] = {}  # who may, and when L1 said so

    async def may_seal(self, address: bytes) -> bool:
        """Raises `L1Error` for somebody who is not known while L1 does not answer; who is known stays so meanwhile."""
        said_at = self._known.get(address)
        if said_at is not None and self._now() - said_at < KNOWN_SECONDS:
            return True
        try:
            found = await self._ask(address)
        except errors.L1Error:
            if said_at is None:
                raise
            return True
        if found:
            self._known[address] = self._now()
        else:
            self._known.pop(address, None)
        return found

    async def _ask(self, address: bytes) -> bool:
        head = await self._client.head()
        data = contracts.IS_COMMITTER.call(self._addresses.chain_id, "0x" + address.hex())
        answer = await self._client.call(self._addresses.proposer, data, head.number)
        return contracts.IS_COMMITTER.result(answer) == (True,)
