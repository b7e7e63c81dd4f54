"""What there is of rollups in a namespace: resources, what they refer to, pods, and what sequencers say of themselves."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp

from ...chain import figures
from ...chain.errors import ChainError
from ...kube import errors, forwarding, kinds
from ...kube.client import Object
from ...kube.kinds import Kind
from ...kube.objects.naming import MANAGER, OWNER, OWNER_KIND, ROLE
from ...topology import l1 as l1s
from ...topology import rollup as rollups
from ...topology import running
from .access import Access

OURS: Final = {"app.kubernetes.io/managed-by": MANAGER}


class NotThere(Exception):
    """The namespace has no such resource."""


@dataclass(slots=True)
class Tree:
    """A rollup and what belongs to it. What could not be read stands in `missing`, with the reason."""

    rollup: Object
    l1: Object | None = None
    settlement: Object | None = None
    pools: list[Object] = field(default_factory=list)
    pods: list[Object] = field(default_factory=list)  # of all of them
    figures: figures.Rollup | None = None
    missing: dict[str, str] = field(default_factory=dict)

    @property
    def resources(self) -> list[Object]:
        return [one for one in (self.l1, self.settlement, self.rollup, *self.pools) if one is not None]


async def trees(access: Access, name: str | None, *, progress: bool = True) -> list[Tree]:
    """Of the rollup `name`, or of all in the namespace. Raises `NotThere`, `KubeError`."""
    if name is None:
        listed, _ = await access.kube.list(kinds.ROLLUP, access.namespace)
        if not listed:
            raise NotThere(f"there is no EthrexRollup in {access}")
        found = [whole(one, kinds.ROLLUP) for one in listed]
    else:
        found = [await _rollup(access, name)]
    return list(await asyncio.gather(*(_tree(access, one, progress=progress) for one in found)))


def whole(listed: Object, kind: Kind) -> Object:
    """A list may leave out what all of its items are."""
    return listed | {"kind": kind.name, "apiVersion": kind.api_version}


async def _rollup(access: Access, name: str) -> Object:
    try:
        return await access.kube.get(kinds.ROLLUP, access.namespace, name)
    except errors.NotFound as error:
        there, _ = await access.kube.list(kinds.ROLLUP, access.namespace)
        names = ", ".join(one["metadata"]["name"] for one in there) or "none"
        raise NotThere(f"there is no EthrexRollup {name} in {access}; there is {names}") from error


async def _tree(access: Access, rollup: Object, *, progress: bool) -> Tree:
    tree = Tree(rollup)
    spec = rollup["spec"]
    namespace = rollup["metadata"]["namespace"]
    if "ref" in spec["l1"]:
        tree.l1 = await _referred(access, tree, kinds.L1_NODE, spec["l1"]["ref"], namespace)
    if "settlement" in spec:
        tree.settlement = await _referred(access, tree, kinds.SETTLEMENT, spec["settlement"], namespace)
    for one in (spec.get("proving") or {}).get("pools") or ():
        pool = await _referred(access, tree, kinds.POOL, one["ref"], namespace)
        if pool is not None:
            tree.pools.append(pool)
    for one in tree.resources:
        tree.pods += await _pods(access, tree, one)
    if progress:
        await _ask_sequencer(access, tree)
    return tree


async def _referred(access: Access, tree: Tree, kind: Kind, ref: Object, namespace: str) -> Object | None:
    at = ref.get("namespace") or namespace
    try:
        return await access.kube.get(kind, at, ref["name"])
    except (errors.NotFound, errors.Forbidden) as error:
        tree.missing[f"{kind.name} {at}/{ref['name']}"] = str(error)
    return None


async def _pods(access: Access, tree: Tree, owner: Object) -> list[Object]:
    """Those that run or have run for a resource, the newest of each part last."""
    metadata = owner["metadata"]
    labels = OURS | {OWNER_KIND: owner["kind"], OWNER: metadata["name"]}
    try:
        found, _ = await access.kube.list(kinds.POD, metadata["namespace"], labels)
    except errors.Forbidden as error:
        tree.missing[f"pods in {metadata['namespace']}"] = str(error)
        return []
    return sorted(found, key=lambda pod: (pod["metadata"]["name"], pod["metadata"]["creationTimestamp"]))


async def _ask_sequencer(access: Access, tree: Tree) -> None:
    try:
        async with metrics(access, sequencer(tree)) as url, aiohttp.ClientSession() as session:
            tree.figures = await figures.of_sequencer(session, url)
    except (ChainError, errors.KubeError, NotThere) as error:
        tree.missing["metrics of the sequencer"] = str(error)


@contextlib.asynccontextmanager
async def metrics(access: Access, pod: Object) -> AsyncIterator[str]:
    async with at_port(access, pod, port_of(pod, running.METRICS.name)) as url:
        yield url


@contextlib.asynccontextmanager
async def at_port(access: Access, pod: Object, port: int) -> AsyncIterator[str]:
    """The URL of a pod's port from here. Raises `KubeError`."""
    metadata = pod["metadata"]
    async with forwarding.forward(access.kube, metadata["namespace"], metadata["name"], port) as url:
        yield url


def port_of(pod: Object, name: str) -> int:
    """Raises `NotThere`."""
    ports: list[Any] = [port for one in pod["spec"]["containers"] for port in one.get("ports") or ()]
    for port in ports:
        if port.get("name") == name:
            return int(port["containerPort"])
    raise NotThere(f"pod {pod['metadata']['name']} has no port {name}")


def sequencer(tree: Tree) -> Object:
    """Its pod. Raises `NotThere`."""
    return _of_role(tree, "sequencer", tree.rollup)


def l1_pod(tree: Tree) -> Object:
    """Raises `NotThere`."""
    return _of_role(tree, "l1", tree.rollup)


def _of_role(tree: Tree, role: str, rollup: Object) -> Object:
    for pod in tree.pods:
        if pod["metadata"]["labels"].get(ROLE) == role and pod["status"].get("phase") == "Running":
            return pod
    raise NotThere(f"{rollup['metadata']['name']} has no {role} that runs")


RPC: Final = {"sequencer": rollups.RPC.name, "l1": l1s.RPC.name}
