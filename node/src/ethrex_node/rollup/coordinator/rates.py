"""How many requests an identity may make. Pure: a bucket and the time in, the bucket afterwards out."""

from __future__ import annotations

from dataclasses import dataclass

from ethrex_node.rollup.coordinator.errors import TooMany


@dataclass(frozen=True, slots=True)
class Rate:
    """`burst` at once, `per_second` for long."""

    per_second: float = 50.0
    burst: int = 100


@dataclass(frozen=True, slots=True)
class Bucket:
    tokens: float
    at_seconds: float


def taken(bucket: Bucket | None, rate: Rate, now_seconds: float) -> Bucket:
    """The bucket with one token less. Raises `TooMany`."""
    if bucket is None:
        bucket = Bucket(float(rate.burst), now_seconds)
    gained = (now_seconds - bucket.at_seconds) * rate.per_second
    tokens = min(float(rate.burst), bucket.tokens + max(0.0, gained))
    if tokens < 1.0:
        raise TooMany((1.0 - tokens) / rate.per_second)
    return Bucket(tokens - 1.0, now_seconds)
