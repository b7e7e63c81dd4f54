"""
Which revision of the execution-apis specification a set was recorded with, and what that changes.

The two sets ask some questions in the same words and expect different answers, because the specification moved between them.
This node follows the newer one; for a set of the older one the differences below, and no others, are set off.

    field `blockTimestamp` of transactions and logs   added later, required since
    an invalid storage key                            was -32000, is invalid params: -32602

A set is old where it records transactions or logs and none of them has the field.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum
from pathlib import Path
from typing import Any, Final

from conformance.rpc_compat import compare, exchange

ADDED_FIELD: Final = "blockTimestamp"
OLD_CODE, NEW_CODE = -32000, -32602
HOLDERS: Final = frozenset({"transactionIndex", "blockHash"})  # keys that transactions, logs and receipts have
RECEIPTS_OWN: Final = "cumulativeGasUsed"


class Revision(Enum):
    NEWER = "newer"
    OLDER = "older"


def of_set(root: Path) -> Revision:
    return of_answers(
        recorded.answer for file in sorted(root.rglob("*.io")) for recorded in exchange.parse(file.read_text())
    )


def of_answers(answers: Iterable[str]) -> Revision:
    seen = False
    for answer in answers:
        for holder in _holders(compare.load(answer)):
            if ADDED_FIELD in holder:
                return Revision.NEWER
            seen = True
    return Revision.OLDER if seen else Revision.NEWER


def as_recorded(got: Any, expected: Any) -> Any:
    """The answer as the older revision would have it, as far as `expected` shows that it was recorded so."""
    if isinstance(got, list) and isinstance(expected, list) and len(got) == len(expected):
        return [as_recorded(mine, theirs) for mine, theirs in zip(got, expected, strict=True)]
    if not isinstance(got, dict) or not isinstance(expected, dict):
        return got
    kept = {
        key: value for key, value in got.items() if key != ADDED_FIELD or key in expected or not got.keys() >= HOLDERS
    }
    if kept.get("code") == NEW_CODE and expected.get("code") == OLD_CODE:
        kept["code"] = OLD_CODE
    return {key: as_recorded(value, expected.get(key)) for key, value in kept.items()}


def _holders(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if value.keys() >= HOLDERS and RECEIPTS_OWN not in value:
            yield value
        for inner in value.values():
            yield from _holders(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _holders(inner)
