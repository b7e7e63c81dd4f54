"""Never two leaders, whatever the API server does; and soon one again."""

from __future__ import annotations

import asyncio
import copy
import random
from typing import Any, cast

import pytest

from ethrex_operator.kube import errors
from ethrex_operator.kube.client import Kube
from ethrex_operator.kube.kinds import Kind
from ethrex_operator.kube.lease import CALL_SECONDS, DURATION_SECONDS, GIVE_UP_SECONDS, Leadership, LeaseLost, Name
from unit.operator.virtual_time import now, run


class LeaseStandIn:
    """One lease with the API server's rule: a write with an old version is refused. `away` hangs, as a lost network does."""

    def __init__(self) -> None:
        self.lease: dict[str, Any] | None = None
        self.version = 0

    def seen_by(self, away: list[bool]) -> Kube:
        return cast("Kube", _Door(self, away))


class _Door:
    def __init__(self, server: LeaseStandIn, away: list[bool]) -> None:
        self.server, self.away = server, away

    async def _answered(self) -> None:
        while self.away[0]:
            await asyncio.sleep(0.5)
        await asyncio.sleep(0.01)

    async def find(self, _: Kind, __: str, ___: str) -> dict[str, Any] | None:
        await self._answered()
        return copy.deepcopy(self.server.lease)

    async def get(self, kind: Kind, namespace: str, name: str) -> dict[str, Any]:
        found = await self.find(kind, namespace, name)
        if found is None:
            raise errors.NotFound(name)
        return found

    async def create(self, wanted: dict[str, Any]) -> None:
        await self._answered()
        if self.server.lease is not None:
            raise errors.Conflict("exists")
        self._store(wanted)

    async def replace(self, wanted: dict[str, Any]) -> None:
        await self._answered()
        if self.server.lease is None or wanted["metadata"]["resourceVersion"] != str(self.server.version):
            raise errors.Conflict("changed")
        self._store(wanted)

    def _store(self, wanted: dict[str, Any]) -> None:
        self.server.version += 1
        kept = copy.deepcopy(wanted)
        kept["metadata"]["resourceVersion"] = str(self.server.version)
        self.server.lease = kept


def leadership(server: LeaseStandIn, name: str, away: list[bool] | None = None) -> Leadership:
    return Leadership(server.seen_by(away or [False]), Name("system", "operator"), name, clock=now)


def test_the_first_leads_and_the_second_waits_until_it_is_released() -> None:
    async def play() -> tuple[bool, float]:
        server = LeaseStandIn()
        first, second = leadership(server, "a"), leadership(server, "b")
        await first.acquire()
        holding, waiting = asyncio.create_task(first.hold()), asyncio.create_task(second.acquire())
        await asyncio.sleep(100)
        waited = not waiting.done()
        holding.cancel()
        await first.release()
        began = now()
        await waiting
        return waited, now() - began

    waited, took = run(play())

    assert waited
    assert took < 3


def test_a_leader_that_is_killed_is_followed_within_its_duration() -> None:
    async def play() -> float:
        server = LeaseStandIn()
        first, second = leadership(server, "a"), leadership(server, "b")
        await first.acquire()
        await second.acquire()
        return now()

    assert DURATION_SECONDS < run(play()) < 20


def test_a_leader_that_cannot_renew_gives_up_before_another_may_begin() -> None:
    async def play() -> tuple[float, float]:
        server, away = LeaseStandIn(), [False]
        first, second = leadership(server, "a", away), leadership(server, "b")
        await first.acquire()
        other = asyncio.create_task(second.acquire())
        holding = asyncio.create_task(first.hold())
        await asyncio.sleep(30)
        away[0] = True
        with pytest.raises(LeaseLost):
            await holding
        gave_up = now()
        await other
        return gave_up, now()

    gave_up, took_over = run(play())

    assert gave_up <= 30 + GIVE_UP_SECONDS + 2
    assert gave_up < took_over


def test_what_a_leader_writes_is_over_before_another_may_begin() -> None:
    async def play() -> list[float]:
        away = [False]
        first = leadership(LeaseStandIn(), "a", away)
        before = first.may_write
        await first.acquire()
        at_once = first.may_write
        await asyncio.sleep(GIVE_UP_SECONDS - 1)
        late = first.may_write
        await asyncio.sleep(2)
        return [before, at_once, late, first.may_write]

    before, at_once, late, after = run(play())

    assert before == after == 0
    assert GIVE_UP_SECONDS < at_once <= GIVE_UP_SECONDS + CALL_SECONDS
    assert GIVE_UP_SECONDS - 1 + late < DURATION_SECONDS
    assert late > 0


def test_who_finds_another_in_its_lease_is_no_leader() -> None:
    async def play() -> None:
        server = LeaseStandIn()
        first = leadership(server, "a")
        await first.acquire()
        assert server.lease is not None
        server.lease["spec"]["holderIdentity"] = "b"
        server.version += 1
        server.lease["metadata"]["resourceVersion"] = str(server.version)
        with pytest.raises(LeaseLost, match="another's"):
            await first.hold()

    run(play())


@pytest.mark.parametrize("seed", range(20))
def test_there_are_never_two_leaders(seed: int) -> None:
    """Three candidates whose networks come and go; one that loses its lease ends, as its process would."""

    async def candidate(server: LeaseStandIn, name: str, away: list[bool], leading: dict[str, Leadership]) -> None:
        while True:
            one = leadership(server, f"{name}-{now()}", away)
            await one.acquire()
            leading[name] = one
            try:
                await one.hold()
            except LeaseLost:
                del leading[name]

    async def play() -> tuple[int, int]:
        chance = random.Random(seed)
        server = LeaseStandIn()
        leading: dict[str, Leadership] = {}
        networks = {name: [False] for name in "abc"}
        tasks = [asyncio.create_task(candidate(server, name, away, leading)) for name, away in networks.items()]
        most, led = 0, 0
        for _ in range(2_000):
            await asyncio.sleep(0.5)
            if chance.random() < 0.05:
                away = networks[chance.choice("abc")]
                away[0] = not away[0]
            leaders = [one for one in leading.values() if one.leads]
            most, led = max(most, len(leaders)), led + bool(leaders)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return most, led

    most, led = run(play())

    assert most == 1
    assert led > 200
