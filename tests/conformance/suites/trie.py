"""
TrieTests: pairs ``in`` and the ``root`` that they give.

``in`` is a map (any order must do) or a list of pairs in order, null for a removal. A string with 0x is bytes, any other
is text. In files with ``secure`` in their name keys are hashed first. The trie is built pair by pair and in one batch.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, Final

from conformance import fixture
from conformance.case import Case, Skip, Suite, equal
from ethrex_node import _native

ORDERS: Final = 24  # of a map: as it stands, backwards, and shuffled with fixed seeds
Pair = tuple[bytes, bytes | None]


def cases(file: str, data: bytes) -> Iterator[Case]:
    secure = "secure" in file.rsplit("/", 1)[-1].lower()
    for name, case in fixture.named(data):
        if "in" in case and ("root" in case or "tests" in case):
            yield Case(name, (case, secure))


def check(case: Case) -> None:
    test, secure = case.data
    if "root" not in test:
        raise Skip("trie-order-queries")
    expected = fixture.unhex(test["root"])
    for pairs in _orders(test["in"]):
        pairs = [(_native.keccak256(key), value) for key, value in pairs] if secure else pairs
        equal("root, pair by pair", _native.trie_root(pairs), expected)
        equal("root, in one batch", _native.trie_root_of_batch(pairs), expected)


def _orders(given: dict[str, Any] | list[Any]) -> Iterator[list[Pair]]:
    if isinstance(given, list):
        yield [_pair(key, value) for key, value in given]
        return
    pairs = [_pair(key, value) for key, value in given.items()]
    yield pairs
    yield pairs[::-1]
    for seed in range(ORDERS - 2):
        yield random.Random(seed).sample(pairs, len(pairs))


def _pair(key: str, value: str | None) -> Pair:
    return _bytes(key), None if value is None else _bytes(value)


def _bytes(text: str) -> bytes:
    return fixture.unhex(text) if text.startswith("0x") else text.encode("latin-1")


SUITE: Final = Suite((".json",), cases, check)
