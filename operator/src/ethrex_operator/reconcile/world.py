"""What every reconcile has at hand. Lives as long as the operator leads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import aiohttp

from ..api.base import Resource
from ..api.rollup import EthrexRollup
from ..kube import kinds
from ..kube.children import Children
from ..kube.client import Kube, Object
from ..kube.kinds import Kind
from ..kube.objects.naming import Owner
from ..kube.objects.place import Cluster
from ..kube.tokens import Tokens
from ..topology import consensus
from ..topology import l1 as l1s
from ..topology import rollup as rollups
from ..topology.workload import Program, Workload
from .scaling_state import Scaling
from .signers import Signers
from .store import Key, Store

__all__ = ["Key", "Store", "World", "cluster_for", "kind_of", "owner_of", "url"]


def _nobody(_: Key, __: Object) -> None:
    """Where nobody waits for what a reconcile wrote."""


@dataclass(slots=True)
class World:
    kube: Kube
    children: Children
    store: Store
    session: aiohttp.ClientSession
    issuer: str  # of service accounts' tokens
    namespace: str  # the operator's own
    account: str  # its service account there
    watched: str | None  # the one namespace that it serves; None: all
    identity: str
    images: Mapping[Program, str]  # this operator's release of them
    tokens: Tokens
    scaling: Scaling
    wrote: Callable[[Key, Object], None] = _nobody  # hears of each status that was written, with the object before it
    signers: Signers = field(default_factory=Signers)
    turns: asyncio.Lock = field(default_factory=asyncio.Lock)  # of deployers: held while one is begun
    handing: dict[Key, float] = field(
        default_factory=dict
    )  # since when a sequencer hands over before its pod is rolled
    lost: set[Key] = field(default_factory=set)  # rollups whose sequencer misses data that L1 knows of
    looked: dict[Key, float] = field(default_factory=dict)  # when the proxies of whom were last looked at


def owner_of(resource: Resource) -> Owner:
    return Owner(resource.kind, resource.name, resource.namespace, resource.metadata.uid)


def kind_of(key: Key) -> Kind:
    return kinds.OURS[key.kind]


def cluster_for(
    world: World,
    namespace: str,
    workloads: tuple[Workload, ...],
    l1: str | None = None,
    served: Iterable[EthrexRollup] = (),
) -> Cluster:
    """The place that children in `namespace` run in: ports of services are the ones that their workloads name."""
    ports = {(one.name, port.name): port.number for one in workloads for port in one.every_port}
    if l1 is not None:
        ports |= {(l1, port.name): port.number for port in (l1s.RPC, l1s.ENGINE, consensus.BEACON)}
    for one in served:
        ports |= {(rollups.sequencer_name(one), port.name): port.number for port in (rollups.RPC, rollups.COORDINATOR)}
    return Cluster(namespace, world.issuer, world.images, ports)


def url(name: str, namespace: str, port: int) -> str:
    """Of a service, from the operator's pod."""
    return f"http://{name}.{namespace}.svc:{port}"
