"""What every reconcile has at hand. Lives as long as the operator leads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import aiohttp

from ..api import loading
from ..api.base import Resource
from ..kube import kinds
from ..kube.children import Children
from ..kube.client import Kube, Object
from ..kube.kinds import Kind
from ..kube.objects.naming import Owner
from ..kube.objects.place import Cluster
from ..kube.tokens import Tokens
from ..topology import l1 as l1s
from ..topology import rollup as rollups
from ..topology.workload import Program, Workload
from .scaling_state import Scaling

Some = TypeVar("Some", bound=Resource)


@dataclass(frozen=True, slots=True)
class Key:
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.namespace}/{self.name}"


@dataclass(slots=True)
class Store:
    """The newest body of each resource, as the watch brought it."""

    bodies: dict[Key, Object] = field(default_factory=dict)

    def get(self, key: Key) -> Object | None:
        return self.bodies.get(key)

    def model(self, kind: type[Some], namespace: str, name: str) -> Some | None:
        """None where there is none, or one that is refused: its own reconcile says why."""
        body = self.bodies.get(Key(kind.__name__, namespace, name))
        if body is None:
            return None
        try:
            found = loading.read(body)
        except loading.ManifestInvalid:
            return None
        return found if isinstance(found, kind) else None

    def every(self, kind: type[Some]) -> Iterator[Some]:
        for key in list(self.bodies):
            if key.kind == kind.__name__ and (found := self.model(kind, key.namespace, key.name)) is not None:
                yield found

    def status(self, key: Key) -> Object:
        found: Object = (self.bodies.get(key) or {}).get("status") or {}
        return found


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


def owner_of(resource: Resource) -> Owner:
    return Owner(resource.kind, resource.name, resource.namespace, resource.metadata.uid)


def kind_of(key: Key) -> Kind:
    return kinds.OURS[key.kind]


def cluster_for(world: World, namespace: str, workloads: tuple[Workload, ...], l1: str | None = None) -> Cluster:
    """The place that children in `namespace` run in: ports of services are the ones that their workloads name."""
    ports = {(one.name, port.name): port.number for one in workloads for port in one.ports}
    if l1 is not None:
        ports |= {(l1, port.name): port.number for port in (l1s.RPC, l1s.ENGINE)}
    for key in world.store.bodies:
        if key.kind == kinds.ROLLUP.name:
            name = f"{key.name}-sequencer"
            ports |= {(name, port.name): port.number for port in (rollups.RPC, rollups.COORDINATOR)}
    return Cluster(namespace, world.issuer, world.images, ports)


def url(name: str, namespace: str, port: int) -> str:
    """Of a service, from the operator's pod."""
    return f"http://{name}.{namespace}.svc:{port}"
