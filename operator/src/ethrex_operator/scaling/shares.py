"""
Who gets how many provers of a pool that is too small for all: by weights, nobody more than it asked for.

Max-min fair: what one does not need is divided among the others.
"""

from __future__ import annotations

from collections.abc import Mapping


def divided(provers: int, demands: Mapping[str, int], weights: Mapping[str, int]) -> dict[str, int]:
    """Adds up to `provers`, or to all demands where they are fewer. The next prover goes to who has least by weight."""
    shares = dict.fromkeys(demands, 0)
    for _ in range(min(provers, sum(demands.values()))):
        hungry = [name for name, demand in demands.items() if shares[name] < demand]
        first = min(hungry, key=lambda name: ((shares[name] + 1) / weights[name], name))
        shares[first] += 1
    return shares


def most_for_one(pool_max: int, max_share_percent: int) -> int:
    """Of a pool's provers, for a single rollup: never less than one."""
    return max(1, pool_max * max_share_percent // 100)
