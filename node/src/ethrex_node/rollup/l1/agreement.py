"""
Whom to believe among several L1 nodes. Pure: answers in, verdict out.

A node may be down (it said nothing), behind (it said so itself, or cannot know the block asked for) or wrong. What the
rollup acts on has to be said by `needed` of them in the same words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from ethrex_node.rollup.l1 import errors

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Verdict(Generic[T]):
    """`dissenting` said something else; who failed to answer is in neither list."""

    value: T
    agreeing: tuple[str, ...]
    dissenting: tuple[str, ...]


def majority(count: int) -> int:
    """How many of `count` nodes have to agree where nothing else is set."""
    return count // 2 + 1


def decide(question: str, answers: Mapping[str, T], needed: int) -> Verdict[T]:
    """The answer that at least `needed` gave. Raises `Disagreement`: also when two different answers are that frequent."""
    voices: dict[T, list[str]] = {}
    for name, answer in answers.items():
        voices.setdefault(answer, []).append(name)
    ranked = sorted(voices.items(), key=lambda item: -len(item[1]))
    most = len(ranked[0][1]) if ranked else 0
    tied = len(ranked) > 1 and len(ranked[1][1]) == most
    if most < needed or tied:
        raise errors.Disagreement(question, needed, most, tuple(answers) if tied else _others(ranked))
    value, agreeing = ranked[0]
    return Verdict(value, tuple(agreeing), _others(ranked))


def _others(ranked: list[tuple[T, list[str]]]) -> tuple[str, ...]:
    return tuple(name for _, names in ranked[1:] for name in names)


def common_height(heights: Mapping[str, int], needed: int) -> int:
    """The highest block that at least `needed` nodes say they have. Raises `Disagreement` where too few answered."""
    if len(heights) < needed:
        raise errors.Disagreement("head", needed, len(heights), ())
    return sorted(heights.values(), reverse=True)[needed - 1]
