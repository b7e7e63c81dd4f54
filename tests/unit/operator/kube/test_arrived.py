"""When all that was there has been told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import pytest

from ethrex_operator.kube import arrived, errors, kinds
from ethrex_operator.kube.client import Kube, Object
from unit.operator import virtual_time

Lists = list[list[str] | Exception]


class ListsStandIn:
    """An API server that lists others each time; the last for good."""

    def __init__(self, lists: Lists) -> None:
        self.lists, self.asked = lists, 0

    async def pages(self, *_: object, metadata: bool) -> AsyncIterator[tuple[list[Object], str]]:
        assert metadata
        found = self.lists[min(self.asked, len(self.lists) - 1)]
        self.asked += 1
        if isinstance(found, Exception):
            raise found
        for name in found:
            yield [{"metadata": {"namespace": "team", "name": name, "uid": f"of {name}"}}], "1"


def waited(lists: Lists, has_come: Callable[[int], set[str]]) -> int:
    """How often somebody asked before it was over; `has_come` says what is known then."""
    asked = 0

    def know(kind: str, namespace: str, name: str) -> bool:
        nonlocal asked
        asked += 1
        assert (kind, namespace) == ("ProverPool", "team")
        return name in has_come(asked)

    kube: Any = ListsStandIn(lists)
    virtual_time.run(asyncio.wait_for(arrived.every(cast("Kube", kube), [kinds.POOL], None, know), 60.0))
    return asked


def test_it_waits_for_the_last_one_of_the_last_page() -> None:
    assert waited([["a", "b"]], lambda asked: {"a", "b"} if asked > 5 else {"a"}) == 6


def test_where_nothing_is_there_nothing_is_waited_for() -> None:
    assert waited([[]], lambda _: set()) == 0


def test_one_that_is_gone_before_it_was_told_of_is_not_waited_for() -> None:
    assert waited([["a", "b"], ["a"]], lambda _: {"a"}) > 2


def test_an_api_server_that_is_away_is_asked_again() -> None:
    assert waited([errors.Away("gone"), ["a"]], lambda asked: {"a"} if asked > 1 else set()) == 2


def test_what_is_listed_no_more_or_is_another_is_gone() -> None:
    kube: Any = ListsStandIn([["a", "b"]])
    known = {("team", "a"): "of a", ("team", "b"): "of an older b", ("team", "c"): "of c", ("other", "a"): "of a"}

    gone = virtual_time.run(arrived.gone(cast("Kube", kube), kinds.POOL, None, known))

    assert gone == [("team", "b"), ("team", "c"), ("other", "a")]


def test_an_api_server_that_is_away_has_lost_nothing() -> None:
    kube: Any = ListsStandIn([errors.Away("gone")])
    with pytest.raises(errors.Away):
        virtual_time.run(arrived.gone(cast("Kube", kube), kinds.POOL, None, {("team", "a"): "of a"}))
