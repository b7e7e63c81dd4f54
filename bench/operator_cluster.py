"""
What a user of a cluster waits for, on real binaries of Kubernetes with the images of this checkout: medians of `ROUNDS`.

`kubectl apply -f examples/rollup.yaml` until all of it is ready; a sequencer's pod that was killed until its successor is ready;
a Service that was deleted until it is there again; another operator's first write after the leader's pod was killed.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Final

from e2e import installed, rollups, whole_cluster
from e2e.rollups import Rollup

from . import peers
from .measure import Measurement, progress

ROUNDS: Final = 5
LIMIT_SECONDS: Final = 180.0
POLL_SECONDS: Final = 0.1
SEQUENCER: Final = "pod/rollup-sequencer-0"


def run() -> Iterator[Measurement]:
    try:
        with ExitStack() as stack:
            cluster = stack.enter_context(whole_cluster.running())
            system = stack.enter_context(installed.operator(cluster))
            taken = [_round(cluster, system) for _ in range(ROUNDS)]
    except (whole_cluster.Unavailable, installed.NoHelm) as error:
        raise peers.PeerMissing(str(error)) from error
    bars = {"rollup ready": 90, "killed sequencer ready again": 15, "drift repaired": 10, "another operator leads": 20}
    for place, (what, bar) in enumerate(bars.items()):
        values = [one[place] for one in taken]
        progress(f"operator-cluster: {what}: {', '.join(f'{value:.1f}' for value in values)} s")
        yield Measurement(f"on a cluster: {what}", statistics.median(values), None, bar, "s", lower=True)


def _round(cluster: whole_cluster.Cluster, system: str) -> tuple[float, float, float, float]:
    """A rollup of its own in a namespace of its own; in the order of the bars."""
    with rollups.namespace(cluster) as rollup:
        began = time.monotonic()
        rollup.kubectl("apply", "-f", str(rollups.EXAMPLE))
        ready = _until(began, rollup.is_ready)
        found = (ready, _killed(rollup), _repaired(rollup), _followed(rollup, system))
        rollup.kubectl("delete", "-f", str(rollups.EXAMPLE), "--wait=false")
        return found


def _killed(rollup: Rollup) -> float:
    before = rollup.get(SEQUENCER)["metadata"]["uid"]
    began = time.monotonic()
    rollup.kubectl("delete", SEQUENCER, "--grace-period=0", "--force")

    def is_back() -> bool:
        if not rollup.is_there(SEQUENCER):
            return False
        pod = rollup.get(SEQUENCER)
        told = {one["type"]: one["status"] for one in pod["status"].get("conditions", ())}
        return pod["metadata"]["uid"] != before and told.get("Ready") == "True"

    return _until(began, is_back)


def _repaired(rollup: Rollup) -> float:
    began = time.monotonic()
    rollup.kubectl("delete", "service", "rollup-sequencer")
    return _until(began, lambda: rollup.is_there("service/rollup-sequencer"))


def _followed(rollup: Rollup, system: str) -> float:
    leader = installed.holder(rollup.cluster, system)
    began = time.monotonic()
    rollup.cluster.kubectl("-n", system, "delete", "pod", leader, "--grace-period=0", "--force")
    rollup.kubectl("delete", "service", "l1")
    return _until(began, lambda: rollup.is_there("service/l1"))


def _until(began: float, holds: Callable[[], bool]) -> float:
    """Seconds since `began`. Raises `TimeoutError`."""
    while not holds():
        if time.monotonic() - began > LIMIT_SECONDS:
            raise TimeoutError(f"not within {LIMIT_SECONDS:g} s")
        time.sleep(POLL_SECONDS)
    return time.monotonic() - began
