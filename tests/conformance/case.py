"""
One case of a suite, and what became of it.

A suite gives cases for a file and judges each: it returns where the answer is right, raises ``Mismatch`` where it is
wrong and ``Skip`` where the case is in the table of ``skips``. Any other exception is a failure as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any


class Outcome(Enum):
    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Result:
    case_id: str
    outcome: Outcome
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    data: Any


class Mismatch(Exception):
    """The answer is not the expected one."""


class Skip(Exception):
    """The case is left out; the argument is its name in ``skips.REASONS``."""


@dataclass(frozen=True, slots=True)
class Suite:
    """`cases` yields nothing for a file of another kind; `suffixes` only saves reading what cannot belong."""

    suffixes: tuple[str, ...]
    cases: Callable[[str, bytes], Iterable[Case]]
    check: Callable[[Case], None]


def equal(what: str, got: object, expected: object) -> None:
    if got != expected:
        raise Mismatch(f"{what}: got {show(got)}, expected {show(expected)}")


def show(value: object, limit: int = 200) -> str:
    text = "0x" + value.hex() if isinstance(value, bytes) else str(value)
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"
