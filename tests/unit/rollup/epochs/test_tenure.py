"""A term over a real chain, pool, sequencer and store; who speaks to L1 stands in for by what a term asks of it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ethrex_node.builder import Builder
from ethrex_node.dev import accounts
from ethrex_node.pool import Account, Pool
from ethrex_node.pool.door import Door
from ethrex_node.rollup.coordinator.errors import Conflict
from ethrex_node.rollup.epochs import heads, term
from ethrex_node.rollup.epochs.announcing import Announcer
from ethrex_node.rollup.epochs.handover import NotTaken, Tenure, Working
from ethrex_node.rollup.l1 import signers
from ethrex_node.rollup.sequencer import Sequencer
from ethrex_node.rollup.store.schema import Term, TermState
from unit.rollup.rollups import CHAIN_ID
from unit.rollup.sequencer.sequencers import Running, rules

FRIEND = b"\x77" * 20
DOMAIN = heads.domain(1, b"\x05" * 20)
OURS, OTHER = (signers.local(one.key) for one in accounts.derive()[1:3])


@dataclass
class Beside:
    """What a term stops, and what it asks how far L1 is."""

    committed: int = 0
    is_stopped: bool = False
    is_closed: bool = False
    listeners: list[Any] = field(default_factory=list)

    async def may_seal(self, address: bytes) -> bool:
        return address in (OURS.address, OTHER.address)


@dataclass
class Terms:
    """Terms of one data folder, one after the other: `again` is what a restart does."""

    running: Running
    threads: ThreadPoolExecutor
    seconds: float = 0.0

    async def begin(self, begun: Term | None = None) -> Tenure:
        if begun is not None:
            self.running.store.write_now(lambda txn: term.put(txn, begun))
        await self.running.sequencer.start()
        self.beside = Beside()
        self.door = Door(self.running.pool, self.threads)
        beside: Any = self.beside
        working = Working(
            chain=self.running.chain,
            door=self.door,
            sequencer=self.running.sequencer,
            coordinator=beside,
            committer=beside,
            settler=beside,
            outboxes=(beside,),
            announcer=Announcer(OURS, DOMAIN, CHAIN_ID, 1),
            sequencers=beside,
        )
        tenure = Tenure(self.running.store, working, await term.begin(self.running.store), lambda: self.seconds)
        await tenure.start()
        return tenure

    async def again(self) -> Tenure:
        """With what is on disk: chain and store. The pool is empty."""
        running = self.running
        running.pool = Pool(
            lambda given: [Account(*one) for one in running.native.accounts(given)], rules(running.native)
        )
        builder = Builder(running.chain, running.pool)
        running.sequencer = Sequencer(
            running.chain, builder, running.store, lambda: running.prices, running.settings, lambda: running.seconds
        )
        return await self.begin()

    async def refused(self) -> str:
        """Why a user's transaction is not taken."""
        (answer,) = await self.door.add([self.running.user.send(FRIEND, 1).raw])
        assert isinstance(answer, NotTaken), answer
        return answer.message


def state(tenure: Tenure) -> TermState:
    return tenure.term.state


@pytest.fixture
def terms(tmp_path: Path) -> Iterator[Terms]:
    opened = Running(tmp_path).open()
    with ThreadPoolExecutor(1) as threads:
        yield Terms(opened, threads)
    opened.close()


async def test_what_users_have_sent_is_sealed_before_the_end(terms: Terms) -> None:
    running, tenure = terms.running, await terms.begin()
    await running.sequencer.step()
    running.admit(running.user.send(FRIEND, 7))

    await tenure.ask(None)

    assert state(tenure) is TermState.DRAINING
    assert "another sequencer goes on" in await terms.refused()
    await running.sequencer.step()
    await tenure.step()
    assert state(tenure) is TermState.ENDED
    assert tenure.term.ended is not None
    assert (tenure.term.ended.epoch, tenure.term.ended.batch, tenure.term.ended.block) == (1, 1, 2)
    assert tenure.term.ended.hash == running.chain.head.hash
    assert running.native.accounts([FRIEND])[0][1] == 7
    assert await running.sequencer.step() is None
    assert terms.beside.is_closed
    assert terms.beside.is_stopped


async def test_what_never_comes_into_a_block_holds_the_end_up_for_a_while_only(terms: Terms) -> None:
    running, tenure = terms.running, await terms.begin()
    await running.sequencer.step()
    running.admit(running.user.send(FRIEND, 7))

    await tenure.ask(None)
    terms.seconds = 29.0
    await tenure.step()
    assert state(tenure) is TermState.DRAINING
    terms.seconds = 30.0
    await tenure.step()

    assert state(tenure) is TermState.ENDED


async def test_no_block_is_sealed_behind_the_last_batch(terms: Terms) -> None:
    running, tenure = terms.running, await terms.begin()
    await tenure.ask(2)
    await running.sequencer.step()
    await tenure.step()
    assert state(tenure) is TermState.SEALING  # batch 1 is open
    await running.sequencer.end_batch()
    await tenure.step()
    assert state(tenure) is TermState.SEALING  # batch 2 has no block, and shall be there

    await running.sequencer.step()
    await running.sequencer.end_batch()  # by its own rules, before the term looks again
    assert await running.sequencer.step() is None

    await tenure.step()
    assert tenure.term.ended is not None
    assert (tenure.term.ended.batch, tenure.term.ended.block) == (2, 2)
    with pytest.raises(Conflict, match="batch 2 already"):
        await tenure.ask(3)
    await tenure.ask(2)
    await tenure.ask(None)


async def test_a_batch_that_has_ended_is_not_the_last_any_more(terms: Terms) -> None:
    tenure = await terms.begin()
    await terms.running.sequencer.step()
    await terms.running.sequencer.end_batch()

    with pytest.raises(Conflict, match="batch 1 has ended, batch 2 is open"):
        await tenure.ask(1)


async def test_a_restart_goes_on_with_it(terms: Terms) -> None:
    running, tenure = terms.running, await terms.begin()
    await running.sequencer.step()
    running.admit(running.user.send(FRIEND, 7))
    await tenure.ask(None)
    assert state(tenure) is TermState.DRAINING

    ended = await terms.again()  # the pool is empty now: nothing holds it up
    assert state(ended) is TermState.ENDED
    last = terms.running.chain.head.number
    again = await terms.again()

    assert again.term == ended.term
    assert await terms.running.sequencer.step() is None
    assert terms.running.chain.head.number == last
    assert "handed over: epoch 1 ended with batch 1" in await terms.refused()
    assert again.why_not_ready() is not None


async def test_a_term_that_was_not_handed_to_takes_nobody_until_l1_has_its_batch(terms: Terms) -> None:
    tenure = await terms.begin(Term(2, TermState.FENCING))
    running = terms.running
    running.admit(running.user.send(FRIEND, 7))

    block = await running.sequencer.step()
    assert block is not None
    assert block.transactions == 0
    await tenure.step()
    tenure = await terms.again()
    assert tenure.term.until_batch == 1
    assert "users may come once L1 has its batch 1" in await terms.refused()
    terms.beside.committed = 1
    await tenure.step()

    assert tenure.term == Term(2)
    assert tenure.why_not_ready() is None
    terms.running.user.nonce = 0  # none of those before was taken in this run
    (answer,) = await terms.door.add([terms.running.user.send(FRIEND, 9).raw])
    assert isinstance(answer, bytes)
    sealed = await terms.running.sequencer.step()
    assert sealed is not None
    assert sealed.transactions == 1


async def test_a_later_epoch_stops_a_term_and_an_end_stays_an_end(terms: Terms) -> None:
    tenure = await terms.begin()
    await terms.running.sequencer.step()
    stranger = signers.local(accounts.derive()[3].key)

    def shown(signer: signers.LocalSigner, epoch: int) -> Any:
        return heads.sign(signer, DOMAIN, CHAIN_ID, epoch, 9, b"\x09" * 32)

    assert not await tenure.heard(await shown(OTHER, 1))
    assert not await tenure.heard(await shown(stranger, 2))
    assert state(tenure) is TermState.SEALING
    assert await tenure.heard(await shown(OTHER, 2))

    assert state(tenure) is TermState.FENCED
    assert await terms.running.sequencer.step() is None
    with pytest.raises(Conflict, match="epoch 2 has begun"):
        await tenure.ask(None)
    again = await terms.again()
    assert state(again) is TermState.FENCED
    assert "replaced: epoch 2 has begun" in await terms.refused()


async def test_who_has_handed_over_is_not_replaced(terms: Terms) -> None:
    tenure = await terms.begin()
    await tenure.ask(None)
    assert state(tenure) is TermState.ENDED

    await tenure.fence("L1 has batch 9")

    assert state(tenure) is TermState.ENDED
