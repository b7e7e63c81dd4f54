"""
What was learned as JSON, for a ConfigMap: so that a restarted operator knows rates, start-up times and today's spend.

`encoded` and `decoded` are each other's inverse. What cannot be read is `Damaged`: whoever reads it decides whether to
begin anew, since a budget that is forgotten may be spent twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import orjson

from .learned import Arrival, Learned, Ledger, Rate

VERSION: Final = 1
MOST_BYTES: Final = 512 << 10  # half of what a ConfigMap holds
T = TypeVar("T")


class Damaged(Exception):
    """Not a checkpoint of this version."""


def encoded(learned: Learned) -> bytes:
    body = {
        "version": VERSION,
        "seenAt": learned.seen_at,
        "rates": [
            {
                "pool": pool,
                "kind": kind,
                "proofs": one.proofs,
                "gas": one.gas,
                "seconds": one.seconds,
                "variance": one.variance,
            }
            for (pool, kind), one in sorted(learned.rates.items())
        ],
        "startUps": {name: list(one) for name, one in sorted(learned.start_ups.items())},
        "arrivals": {
            name: {"gasPerSecond": one.gas_per_second, "seenUntil": one.seen_until}
            for name, one in sorted(learned.arrivals.items())
        },
        "ledgers": {name: {"day": one.day, "spent": one.spent} for name, one in sorted(learned.ledgers.items())},
        "idleSince": dict(sorted(learned.idle_since.items())),
        "idled": dict(sorted(learned.idled.items())),
        "wantedSince": dict(sorted(learned.wanted_since.items())),
        "blind": learned.blind,
    }
    return orjson.dumps(body)


def decoded(content: bytes) -> Learned:
    """Raises `Damaged`."""
    if len(content) > MOST_BYTES:
        raise Damaged(f"a checkpoint of {len(content)} bytes: {MOST_BYTES} is the most")
    try:
        body = orjson.loads(content)
        if body["version"] != VERSION:
            raise Damaged(f"a checkpoint of version {body['version']!r}, known is {VERSION}")
        return Learned(
            seen_at=None if body["seenAt"] is None else _number(body["seenAt"]),
            rates={(str(one["pool"]), str(one["kind"])): _rate(one) for one in body["rates"]},
            start_ups=_each(body["startUps"], lambda one: tuple(_number(value) for value in one)),
            arrivals=_each(
                body["arrivals"], lambda one: Arrival(_number(one["gasPerSecond"]), _number(one["seenUntil"]))
            ),
            ledgers=_each(body["ledgers"], lambda one: Ledger(int(one["day"]), _number(one["spent"]))),
            idle_since=_each(body["idleSince"], _number),
            idled=_each(body.get("idled", {}), _number),  # which older operators did not keep
            wanted_since=_each(body["wantedSince"], _number),
            blind=_number(body["blind"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Damaged(f"not a checkpoint: {type(error).__name__} {error}") from error


def _rate(one: Mapping[str, Any]) -> Rate:
    rate = Rate(*(_number(one[name]) for name in ("proofs", "gas", "seconds", "variance")))
    if min(rate.proofs, rate.gas, rate.seconds) <= 0 or rate.variance < 0:
        raise ValueError(f"a rate of {rate.gas} gas in {rate.seconds} s")
    return rate


def _each(values: Mapping[str, Any], read: Callable[[Any], T]) -> dict[str, T]:
    return {name: read(one) for name, one in values.items()}


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r:.40} is not a number")
    return float(value)
