"""
Have committed batches verified on L1, when the proofs that the chain's policy asks for are there.

Several batches go in one transaction. If L1 would refuse them together each is tried alone, so that one bad proof does not
hold up the batches before it; a batch that would be refused alone gets its proofs made again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ethrex_node.rollup.coordinator import Coordinator
from ethrex_node.rollup.l1 import errors, signers
from ethrex_node.rollup.l1.client import L1Client
from ethrex_node.rollup.outbox import Call, Outbox
from ethrex_node.rollup.settlement import contracts, trial
from ethrex_node.rollup.settlement.batches import Batches
from ethrex_node.rollup.store.schema import Batch, OutboxEntry

log = logging.getLogger(__name__)

# What a verification takes: a base, and for each batch its struct as call data, storage and proofs. A zero-knowledge
# proof takes up to 380,000.
VERIFY_GAS: Final = 150_000
# How long between two times that a batch is proven again since L1 would refuse it.
FIRST_HOLD_SECONDS: Final = 2.0
LONGEST_HOLD_SECONDS: Final = 600.0
MOST_BATCHES: Final = 32  # of a verification; fewer is a setting
BATCH_GAS: Final = 90_000
PROOF_GAS: Final = {"attested": 20_000, "tee": 20_000, "sp1": 400_000, "risc0": 400_000}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    kinds: tuple[str, ...] = ("attested",)
    most_batches: int = 10
    every_seconds: float = 1.0


def ready(
    last_verified: int, last_committed: int, proofs: Callable[[int], Mapping[str, bytes]], settings: Settings, most: int
) -> list[tuple[int, Mapping[str, bytes]]]:
    """The next batches, in order, that have all their proofs."""
    found: list[tuple[int, Mapping[str, bytes]]] = []
    for number in range(last_verified + 1, min(last_committed, last_verified + most) + 1):
        given = proofs(number)
        if not all(kind in given for kind in settings.kinds):
            break
        found.append((number, {kind: given[kind] for kind in settings.kinds}))
    return found


def purpose_of(first: int, last: int) -> str:
    return f"verify/{first}-{last}"


def last_of(purpose: str) -> int:
    """The last batch of a verification; 0 for another purpose."""
    kind, _, numbers = purpose.partition("/")
    return int(numbers.partition("-")[2]) if kind == "verify" else 0


def purposes_with(number: int) -> Iterator[str]:
    """Every verification that a batch may be in."""
    for first in range(max(1, number - MOST_BATCHES + 1), number + 1):
        for last in range(number, first + MOST_BATCHES):
            yield purpose_of(first, last)


def call_of(batches: Sequence[Batch], proofs: Sequence[Mapping[str, bytes]], addresses: contracts.Addresses) -> Call:
    """What verifies batches: proofs by kind, rising."""
    numbered = [sorted((contracts.KINDS[kind], proof) for kind, proof in given.items()) for given in proofs]
    gas = VERIFY_GAS + sum(BATCH_GAS + sum(PROOF_GAS[kind] for kind in given) for given in proofs)
    arguments = [contracts.batch_tuple(batch.statement) for batch in batches]
    return Call(
        to=addresses.proposer,
        data=contracts.VERIFY.call(addresses.chain_id, arguments, numbered),
        gas_limit=gas,
    )


class Settler:
    """`verified` and `final` are the last batch that L1 has verified, at its head and in a final block."""

    def __init__(
        self,
        batches: Batches,
        coordinator: Coordinator,
        outbox: Outbox,
        client: L1Client,
        addresses: contracts.Addresses,
        settings: Settings,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.refusals: Counter[str] = Counter()
        self.is_stopped = False  # nothing is sent any more: another sequencer has it verified
        self.verified = self.final = batches.base
        self._alone = 0  # up to this batch each goes by itself
        self._batches = batches
        self._coordinator = coordinator
        self._outbox = outbox
        self._client = client
        self._addresses = addresses
        self._settings = settings
        self._now = now
        self._hold = trial.Hold(FIRST_HOLD_SECONDS, LONGEST_HOLD_SECONDS, at_once=True)

    async def run(self) -> None:
        """Until cancelled. What L1 cannot be asked now is asked again."""
        while True:
            try:
                await self.step()
            except (errors.L1Error, signers.SignerError) as error:
                self.refusals[type(error).__name__] += 1
                log.warning("no batch could be verified", extra={"reason": str(error)})
            await asyncio.sleep(self._settings.every_seconds)

    async def step(self) -> OutboxEntry | None:
        """Record the next verification, if it is time for one. Raises `L1Error`, `SignerError`."""
        head = await self._client.head()
        status = await self._status(head.number)
        self.verified = status.last_verified
        await self._let_go(head.number)
        if self.is_stopped or any(_is_in_the_way(entry) for entry in self._outbox.open_entries()):
            return None
        most = 1 if self.verified < self._alone else self._settings.most_batches
        found = ready(self.verified, status.last_committed, self._coordinator.proofs, self._settings, most)
        if not found:
            return None
        numbers = [number for number, _ in found]
        batches = [batch for number in numbers if (batch := self._batches.get(number)) is not None]
        call = call_of(batches, [proofs for _, proofs in found], self._addresses)
        reason = await trial.refusal(self._client, self._outbox.address, call, head)
        if reason is not None:
            await self._refused(numbers, reason)
            return None
        self._hold.reset()
        return await self._outbox.record(purpose_of(numbers[0], numbers[-1]), call)

    async def _refused(self, numbers: Sequence[int], reason: str) -> None:
        """L1 would not have them: apart first, and whoever is refused alone is proven again, less and less often."""
        facts = {"first": numbers[0], "last": numbers[-1], "reason": reason}
        log.error("L1 would refuse a verification", extra=facts)
        if len(numbers) > 1:
            self._alone = numbers[-1]
            return
        if not self._hold.is_over(self._now()):
            return
        for kind in self._settings.kinds:
            batch = self._batches.get(numbers[0])
            assert batch is not None
            job = f"{batch.number}-{kind}-{batch.program_version}"
            await self._coordinator.reopen(job, "L1 refused the proof")

    async def _let_go(self, head: int) -> None:
        """Inputs and proofs of what is verified for good are not needed any more."""
        final = await self._client.final(head)
        if final < self._addresses.deployed_at_block:
            return
        last = (await self._status(final)).last_verified
        for number in range(self.final + 1, last + 1):
            await self._coordinator.forget(number)
            self.final = number

    async def _status(self, at_block: int) -> contracts.ChainStatus:
        return await status_at(self._client, self._addresses, at_block)


def _is_in_the_way(entry: OutboxEntry) -> bool:
    """A verification on its way, or one that failed and may be tried again once that is final."""
    has_succeeded = entry.mined is not None and entry.mined.succeeded
    return entry.purpose.startswith("verify/") and not has_succeeded


async def status_at(client: L1Client, addresses: contracts.Addresses, at_block: int) -> contracts.ChainStatus:
    """Where L1 says at one of its blocks that the chain stands. Raises `L1Error`."""
    data = contracts.STATUS.call(addresses.chain_id)
    return contracts.status_of(await client.call(addresses.proposer, data, at_block))
