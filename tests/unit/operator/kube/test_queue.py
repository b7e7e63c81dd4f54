"""Each key once, one run a key, failures further and further apart."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ethrex_operator.kube.queue import MOST_SECONDS, Again, Queue
from unit.operator.virtual_time import now, run


@asynccontextmanager
async def working(does: Callable[[str], Awaitable[Again]], **more: Any) -> Any:
    queue: Queue[str] = Queue(does, clock=now, chance=lambda: 0.0, **more)
    work = asyncio.create_task(queue.work())
    try:
        yield queue
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


def test_a_key_that_is_added_often_runs_once() -> None:
    async def play() -> list[str]:
        ran: list[str] = []

        async def does(key: str) -> Again:
            ran.append(key)
            return Again()

        async with working(does) as queue:
            for _ in range(5):
                queue.add("a")
            queue.add("b")
            await asyncio.sleep(100)
        return sorted(ran)

    assert run(play()) == ["a", "b"]


def test_a_key_added_while_it_runs_runs_once_more_and_never_twice_at_a_time() -> None:
    async def play() -> tuple[list[float], int]:
        began: list[float] = []
        at_a_time, most = 0, 0

        async def does(_: str) -> Again:
            nonlocal at_a_time, most
            began.append(now())
            at_a_time += 1
            most = max(most, at_a_time)
            await asyncio.sleep(10)
            at_a_time -= 1
            return Again()

        async with working(does) as queue:
            queue.add("a")
            await asyncio.sleep(5)
            queue.add("a")
            queue.add("a")
            await asyncio.sleep(100)
        return began, most

    assert run(play()) == ([0.0, 10.0], 1)


def test_a_run_says_when_to_look_again() -> None:
    async def play() -> list[float]:
        began: list[float] = []

        async def does(_: str) -> Again:
            began.append(now())
            return Again(30.0)

        async with working(does) as queue:
            queue.add("a")
            await asyncio.sleep(95)
        return began

    assert run(play()) == [0.0, 30.0, 60.0, 90.0]


def test_something_that_happens_does_not_wait_for_the_next_look() -> None:
    async def play() -> list[float]:
        began: list[float] = []

        async def does(_: str) -> Again:
            began.append(now())
            return Again(30.0)

        async with working(does) as queue:
            queue.add("a")
            await asyncio.sleep(10)
            queue.add("a")
            await asyncio.sleep(25)
        return began

    assert run(play()) == [0.0, 10.0]


def failing(began: list[float]) -> Callable[[str], Awaitable[Again]]:
    async def does(_: str) -> Again:
        began.append(now())
        raise ValueError("no")

    return does


def test_failures_come_further_and_further_apart_up_to_a_limit() -> None:
    async def play() -> list[float]:
        began: list[float] = []
        async with working(failing(began)) as queue:
            queue.add("a")
            await asyncio.sleep(2_000)
        return began

    began = run(play())
    pauses = [later - earlier for earlier, later in itertools.pairwise(began)]

    assert pauses[:4] == [0.5, 1.0, 2.0, 4.0]
    assert pauses[-1] == MOST_SECONDS


def test_what_its_children_do_does_not_hurry_a_failing_key_but_another_generation_does() -> None:
    async def play() -> list[float]:
        began: list[float] = []
        async with working(failing(began)) as queue:
            queue.add("a", generation=1)
            await asyncio.sleep(60)
            before = len(began)
            queue.add("a")
            queue.add("a", generation=1)
            await asyncio.sleep(0.1)
            unhurried = len(began)
            queue.add("a", generation=2)
            await asyncio.sleep(0.1)
        return [unhurried - before, len(began) - unhurried]

    assert run(play()) == [0, 1]


def test_no_more_run_at_a_time_than_are_allowed() -> None:
    async def play() -> int:
        at_a_time, most = 0, 0

        async def does(_: str) -> Again:
            nonlocal at_a_time, most
            at_a_time += 1
            most = max(most, at_a_time)
            await asyncio.sleep(1)
            at_a_time -= 1
            return Again()

        async with working(does, parallel=3) as queue:
            for number in range(20):
                queue.add(str(number))
            await asyncio.sleep(100)
        return most

    assert run(play()) == 3


def test_a_resource_that_is_gone_is_not_looked_at_again() -> None:
    async def play() -> int:
        began: list[float] = []
        async with working(failing(began)) as queue:
            queue.add("a")
            await asyncio.sleep(0.1)
            queue.drop("a")
            await asyncio.sleep(1_000)
        return len(began)

    assert run(play()) == 1


@pytest.mark.parametrize("seconds", [5.0, 50.0])
def test_a_key_may_be_added_for_later(seconds: float) -> None:
    async def play() -> list[float]:
        began: list[float] = []

        async def does(_: str) -> Again:
            began.append(now())
            return Again()

        async with working(does) as queue:
            queue.add("a", seconds=seconds)
            await asyncio.sleep(100)
        return began

    assert run(play()) == [seconds]


def test_what_somebody_changed_goes_before_all_looks_that_are_due() -> None:
    async def play() -> list[str]:
        ran: list[str] = []

        async def does(key: str) -> Again:
            ran.append(key)
            await asyncio.sleep(1)
            return Again()

        async with working(does, parallel=1) as queue:
            for key in "abcd":
                queue.add(key)
            await asyncio.sleep(0.5)
            queue.add("changed", generation=2)
            await asyncio.sleep(100)
        return ran

    assert run(play()) == ["a", "changed", "b", "c", "d"]


@pytest.mark.parametrize("fails", [False, True])
def test_what_somebody_changed_while_it_is_looked_at_goes_before_all_looks_that_are_due(fails: bool) -> None:
    async def play() -> list[str]:
        ran: list[str] = []

        async def does(key: str) -> Again:
            ran.append(key)
            await asyncio.sleep(1)
            if fails and ran == ["a"]:
                raise ValueError
            return Again()

        async with working(does, parallel=1) as queue:
            for key in "abcd":
                queue.add(key)
            await asyncio.sleep(0.5)
            queue.add("a", generation=2)
            await asyncio.sleep(100)
        return ran

    assert run(play()) == ["a", "a", "b", "c", "d"]
