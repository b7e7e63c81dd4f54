"""
A chain that goes on from what L1 has of it (`bootstrap: L1`): before an empty volume is begun with, the state after the last verified
batch is rebuilt out of what the batches published. A volume that has blocks goes on with them: nothing is rebuilt for it.
"""

from __future__ import annotations

from typing import Final

from ..api.rollup import EthrexRollup
from . import committee, settlement
from .errors import Unmet
from .facts import L1
from .workload import Argument, InVolume, UrlOf

FOLDER: Final = "recovered"
CHAIN: Final = "chain"


def before(rollup: EthrexRollup, l1: L1, volume: str) -> tuple[tuple[Argument, ...], ...]:
    """Runs of the node's command; none for a chain that begins anew. Raises `Unmet`."""
    if rollup.spec.bootstrap == "New":
        return ()
    return (
        (
            *("l2", "reconstruct", "--deployment", settlement.recorded(rollup, volume)),
            *(*settlement.urls("--eth-rpc-url", l1), *_published(rollup, l1)),
            *("--out", InVolume(volume, FOLDER), "--verified", "--if-missing", "--datadir", InVolume(volume, CHAIN)),
        ),
    )


def arguments(rollup: EthrexRollup, volume: str) -> tuple[Argument, ...]:
    """What a sequencer or follower begins with. A volume that has begun goes on, and does not look at it."""
    return () if rollup.spec.bootstrap == "New" else ("--reconstructed", InVolume(volume, FOLDER))


def _published(rollup: EthrexRollup, l1: L1) -> tuple[Argument, ...]:
    if rollup.spec.committee is not None:
        members = range(len(rollup.spec.committee.members))
        return tuple(
            word for one in members for word in ("--da", UrlOf(committee.name(rollup, one), committee.PORT.name))
        )
    if l1.beacon is None:
        raise Unmet("BeaconMissing", "spec.l1.beaconUrl is needed for spec.bootstrap L1: blobs come from a Beacon API")
    return ("--beacon", l1.beacon)
