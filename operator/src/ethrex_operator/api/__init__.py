"""
The kinds of ``ethrex.dev/v1alpha1``: what people write, and what is told back.

These models are the source: the CRDs and the reference page are made from them. They check a manifest as the API server
does, with the same rules, so that a laptop refuses what a cluster refuses.
"""

from __future__ import annotations

from typing import Final

from .base import GROUP, VERSION, Metadata, Resource
from .l1node import EthrexL1Node
from .pool import ProverPool
from .rollup import EthrexRollup
from .settlement import EthrexSettlement

KINDS: Final[dict[str, type[Resource]]] = {
    kind.__name__: kind for kind in (EthrexL1Node, EthrexSettlement, EthrexRollup, ProverPool)
}

__all__ = [
    "GROUP",
    "KINDS",
    "VERSION",
    "EthrexL1Node",
    "EthrexRollup",
    "EthrexSettlement",
    "Metadata",
    "ProverPool",
    "Resource",
]
