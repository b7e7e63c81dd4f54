"""Whether a rollup and what it names belong together: the rollup names a pool or a settlement, and that one allows the rollup."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..api.pool import ProverPool
from ..api.rollup import EthrexRollup
from ..api.settlement import EthrexSettlement
from .errors import Unmet

Spaces = Mapping[str, Mapping[str, str]]  # labels of the namespaces that are known, by name
NAME: Final = "kubernetes.io/metadata.name"  # a label that every namespace has


def refuse_foreign(named: ProverPool | EthrexSettlement, rollup: EthrexRollup, spaces: Spaces) -> None:
    """Raises `Unmet`."""
    if allows(named, rollup, spaces):
        return
    what = "Pool" if isinstance(named, ProverPool) else "Settlement"
    at = f"{named.kind} {named.namespace}/{named.name}"
    if named.spec.allowed_rollups.namespaces.source == "Selector" and rollup.namespace not in spaces:
        unseen = f"{at} allows namespaces by their labels, and those of {rollup.namespace} are not seen"
        raise Unmet("NamespaceNotSeen", unseen)
    raise Unmet(f"{what}NotAllowed", f"{at} allows no rollup of {rollup.namespace}")


def allows(named: ProverPool | EthrexSettlement, rollup: EthrexRollup, spaces: Spaces) -> bool:
    """A selector without labels lets everybody in whose namespace is known, as selectors of Kubernetes do."""
    asked = named.spec.allowed_rollups.namespaces
    match asked.source:
        case "All":
            return True
        case "Same":
            return named.namespace == rollup.namespace
        case "Selector":
            labels = spaces.get(rollup.namespace)
            return labels is not None and asked.match_labels.items() <= labels.items()
