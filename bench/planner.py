"""
The prover planner beside KEDA's and ZKsync's laws, each tuned to the family of traces, in virtual time.

Two figures a family and yardstick: the part of the deadlines it can meet at any cost that the planner meets, and the
planner's cost by that of the cheapest setting that meets as many. Seeds are drawn for each run and told; `PLANNER_SEED`
repeats one.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from typing import Final

from ethrex_operator.scaling import comparing, families

from .measure import Measurement, progress

TRACES: Final = 4  # of each family
SEED: Final = "PLANNER_SEED"


def run() -> Iterator[Measurement]:
    first = int(os.environ.get(SEED) or secrets.randbelow(10**6))
    progress(f"planner: {SEED}={first}, {TRACES} traces a family from there")
    for family in families.FAMILIES:
        traces = [families.make(family, first + number) for number in range(TRACES)]
        found = comparing.compare(traces)
        part = 100 * found.part_of_reachable
        yield Measurement(f"planner, {family}: deadlines that others can meet", part, None, 99, "%")
        for law, one in found.yardsticks.items():
            progress(f"planner, {family}: {law} tuned: {one.tuned.setting}{'' if one.reaches else ', meets fewer'}")
            name = f"planner, {family}: cost beside {law}"
            yield Measurement(name, found.ours.cost, one.tuned.cost, 1.0, "money", lower=True)
