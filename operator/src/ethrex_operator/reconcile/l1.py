"""The L1 that a resource names: whose it is, where it answers, whether it does."""

from __future__ import annotations

from ..api.l1node import EthrexL1Node
from ..api.rollup import EthrexRollup
from ..api.settlement import EthrexSettlement
from ..chain import rpc
from ..chain.errors import ChainError
from ..kube import conditions
from ..kube.conditions import Condition
from ..topology import l1 as l1s
from ..topology.errors import Unmet
from ..topology.facts import L1
from ..topology.workload import UrlOf
from .world import World, url


def of(world: World, asking: EthrexRollup | EthrexSettlement) -> L1:
    """Raises `Unmet`."""
    asked = asking.spec.l1
    if asked.ref is None:
        return L1(urls=asked.urls, beacon=asked.beacon_url, dev=False)
    namespace = asked.ref.namespace or asking.namespace
    node = world.store.model(EthrexL1Node, namespace, asked.ref.name)
    if node is None:
        raise Unmet("L1NotFound", f"spec.l1.ref: there is no EthrexL1Node {namespace}/{asked.ref.name}")
    return l1s.seen_from(node, asking.namespace, asked.beacon_url)


def addresses(at: L1, namespace: str) -> list[str]:
    """URLs by which the operator reaches an L1 that somebody in `namespace` named."""
    return [
        url(part.workload, part.namespace or namespace, l1s.RPC.number) if isinstance(part, UrlOf) else str(part)
        for part in at.urls
    ]


async def reachable(world: World, at: L1, namespace: str) -> Condition:
    """One of its nodes that answers is enough: whether they agree is the sequencer's to judge."""
    reasons = []
    for address in addresses(at, namespace):
        try:
            await rpc.number(world.session, address, "eth_chainId")
            return conditions.yes("L1Reachable", "Answers")
        except ChainError as error:
            reasons.append(str(error))
    return conditions.no("L1Reachable", "NoAnswer", "; ".join(reasons))


def name_of(asking: EthrexRollup | EthrexSettlement) -> str | None:
    """Of the service that its parts come to, where it is a node of ours."""
    ref = asking.spec.l1.ref
    return None if ref is None else ref.name
