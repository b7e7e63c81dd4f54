"""The archive of a rollup's blobs: L1 forgets them after some 18 days, and whoever rebuilds the state needs them all."""

from __future__ import annotations

from typing import Final

from ..api.rollup import EthrexRollup
from . import running, settlement
from .errors import Unmet
from .facts import L1
from .workload import File, InVolume, Lifetime, Program, Text, Workload

ROLE: Final = "archive"
DATA: Final = "data"
EVERY_SECONDS: Final = 60  # a look costs L1 one question; blobs are there for weeks


def workloads(rollup: EthrexRollup, l1: L1, planned: str) -> tuple[Workload, ...]:
    """One where it is asked for. Raises `Unmet`."""
    spec = rollup.spec
    if not spec.archive.enabled:
        return ()
    if l1.beacon is None:
        raise Unmet("BeaconMissing", "spec.l1.beaconUrl is needed for spec.archive: blobs come from a Beacon API")
    name = f"{rollup.name}-archive"
    return (
        Workload(
            name=name,
            role=ROLE,
            account=name,
            program=Program.NODE,
            image=running.image(spec.image),
            lifetime=Lifetime.SERVICE,
            arguments=(
                *("l2", "archive-blobs", "--deployment", settlement.recorded(rollup, DATA)),
                *settlement.urls("--eth-rpc-url", l1),
                *("--beacon", l1.beacon, "--archive", InVolume(DATA, "blobs"), "--every", str(EVERY_SECONDS)),
            ),
            before=(settlement.record(l1, DATA),),
            files=(File(settlement.PLAN, Text(planned)),),
            volumes=(running.volume(DATA, spec.archive.storage),),
            resources=running.resources(spec.archive.resources),
            placement=running.placement(spec.archive.placement),
            labels=spec.archive.placement.labels,
            annotations=spec.archive.placement.annotations,
        ),
    )
