"""Labels of namespaces are known as the API server has them, and whoever waits hears of each that changed, once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

from ethrex_operator.kube import errors
from ethrex_operator.kube.client import Kube
from ethrex_operator.kube.namespaces import Namespaces
from unit.operator.virtual_time import run

Object = dict[str, Any]


def named(name: str, version: int = 1, **labels: str) -> Object:
    return {"metadata": {"name": name, "resourceVersion": str(version), "labels": labels}}


class WatchStandIn:
    """An API server that gives one list after the other, each with the events that follow it; then nothing happens."""

    def __init__(self, *rounds: tuple[list[Object], list[tuple[str, Object] | Exception]]) -> None:
        self._rounds = list(rounds)
        self._events: list[tuple[str, Object] | Exception] = []

    async def pages(self, *_: object, metadata: bool) -> AsyncIterator[tuple[list[Object], str]]:
        assert metadata
        items, self._events = self._rounds.pop(0)
        yield items, "1"

    async def watch(self, *_: object) -> AsyncIterator[tuple[str, Object]]:
        for one in self._events:
            if isinstance(one, Exception):
                raise one
            yield one
        self._events = []
        await asyncio.sleep(1e9)


def told(server: WatchStandIn) -> tuple[dict[str, dict[str, str]], list[str]]:
    async def go() -> tuple[dict[str, dict[str, str]], list[str]]:
        known: dict[str, dict[str, str]] = {}
        heard: list[str] = []
        watching = asyncio.create_task(Namespaces(cast("Kube", server), known, heard.append).watch())
        await asyncio.sleep(60)
        watching.cancel()
        return known, heard

    return run(go())


def test_what_changes_is_told_and_what_does_not_is_not() -> None:
    events: list[tuple[str, Object] | Exception] = [
        ("MODIFIED", named("a", 2, team="red")),
        ("MODIFIED", named("a", 3, team="blue")),
        ("ADDED", named("c", 4)),
        ("BOOKMARK", named("", 5)),
        ("DELETED", named("b", 6)),
    ]
    known, heard = told(WatchStandIn(([named("a", team="red"), named("b")], events)))

    assert known == {"a": {"team": "blue"}, "c": {}}
    assert heard == ["a", "b", "a", "c", "b"]


def test_what_went_while_nobody_watched_is_told_after_the_next_list() -> None:
    first: list[tuple[str, Object] | Exception] = [errors.Gone("too old")]
    second: list[tuple[str, Object] | Exception] = [errors.Away("no answer")]
    rounds = (
        ([named("a"), named("b", team="red")], first),
        ([named("b", team="blue")], second),
        ([named("b", team="blue")], list[tuple[str, Object] | Exception]()),
    )
    known, heard = told(WatchStandIn(*rounds))

    assert known == {"b": {"team": "blue"}}
    assert heard == ["a", "b", "b", "a"]
