"""
A sequencer whose volume was made anew, or has older data than the chain, does not start: L1 has batches that it knows nothing of.
Its program says so by its exit code, after it has compared the chain's genesis and batches with L1; nobody else can tell that from
an L1 that is another one, or from a volume that is only slow to come.
"""

from __future__ import annotations

from typing import Final

from ..api.rollup import EthrexRollup
from ..kube import conditions
from ..kube.children import Change
from ..kube.conditions import Condition
from ..topology import rollup as rollups
from .running import Instance
from .world import Key, World

REASON: Final = "DataLost"
BEHIND: Final = 4  # `ethrex l2 sequencer` ends with it


def look(world: World, rollup: EthrexRollup, found: Instance, changes: list[Change]) -> Condition | None:
    """What stalls the rollup; told by an event once. None: its sequencer has its data, or does not know yet."""
    key = Key(rollup.kind, rollup.namespace, rollup.name)
    was_told = key in world.lost or _is_told(world, key)  # the latter by a leader before this one
    lost = decide(rollup, found, was_told=was_told)
    if lost is None:
        world.lost.discard(key)
        return None
    if not was_told:
        changes.append(Change(REASON, lost.message, warning=True))
    world.lost.add(key)
    return lost


def decide(rollup: EthrexRollup, found: Instance, *, was_told: bool) -> Condition | None:
    """
    Of a sequencer's pod. Pure. Between two tries its program runs for a moment, which takes nothing back that was told; one that
    has been ready since has its data, however it ended once.
    """
    if found.ready or found.exit_code != BEHIND or (found.runs and not was_told):
        return None
    return conditions.no("Sequencing", REASON, f"{_cure(rollup)} The sequencer: {found.reason}")


def _cure(rollup: EthrexRollup) -> str:
    claim = f"{rollups.sequencer_name(rollup)}-{rollups.DATA}"
    older = f"if older data are on the volume, delete the claim {claim} and the pod too."
    if rollup.spec.bootstrap == "L1":
        return f"L1 has batches that cannot be rebuilt yet: have those taken back that are not verified; {older}"
    epoch = (rollup.spec.sequencer.epoch or 1) + 1
    return (
        "The sequencer's data are gone or older than the chain. Put the volume back, or go on from what L1 verified: "
        f"spec.bootstrap: L1 and spec.sequencer.epoch: {epoch} (above the highest that the chain has had); {older}"
    )


def _is_told(world: World, key: Key) -> bool:
    found = conditions.read(world.store.status(key))
    return any(one.type == "Sequencing" and one.reason == REASON for one in found)
