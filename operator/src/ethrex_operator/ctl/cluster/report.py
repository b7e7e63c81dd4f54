"""``report`` in a cluster: all that helps to understand a rollup from afar. Secrets are not even asked for."""

from __future__ import annotations

from typing import Any, Final

import aiohttp

from ...chain import rpc
from ...chain.errors import ChainError
from ...kube import errors, kinds
from ...kube.client import Object
from ...kube.objects.naming import OWNER, OWNER_KIND
from ..bundle import Bundle
from . import logs, observe, tree
from .access import Access
from .observe import NotThere, Tree

TAIL: Final = "5000"  # lines
METRICS: Final = "metrics"
OPERATOR: Final = {"app.kubernetes.io/name": "ethrex-operator"}


async def gather(access: Access, name: str, operator_namespace: str, bundle: Bundle) -> None:
    """Raises `NotThere`, `KubeError`, `NotWritten`. What cannot be had stands in `missing.txt`."""
    (found,) = await observe.trees(access, name)
    shown = tree.shown(found)
    bundle.text("status.txt", "\n".join(tree.told(shown)) + "\n")
    bundle.object("status", shown)
    for what, why in found.missing.items():
        bundle.missing(what, why)
    for one in found.resources:
        bundle.object(f"resources/{_named(one)}", _plain(one))
        await _children(access, one, bundle)
    spaces = {one["metadata"]["namespace"] for one in found.resources}
    await _events(access, found, spaces, bundle)
    await _pods(access, found.pods, bundle)
    await _operator(access, operator_namespace, bundle)


async def _children(access: Access, owner: Object, bundle: Bundle) -> None:
    labels = observe.OURS | {OWNER_KIND: owner["kind"], OWNER: owner["metadata"]["name"]}
    for kind in (*kinds.CHILDREN, kinds.POD):
        try:
            found, _ = await access.kube.list(kind, owner["metadata"]["namespace"], labels)
        except errors.KubeError as error:
            bundle.missing(f"{kind.plural} of {_named(owner)}", str(error))
            continue
        for one in found:
            child = observe.whole(one, kind)
            bundle.object(f"children/{_named(child)}", _plain(child))


async def _events(access: Access, found: Tree, spaces: set[str], bundle: Bundle) -> None:
    mine = {_uid(one) for one in (*found.resources, *found.pods)}
    for namespace in sorted(spaces):
        try:
            every, _ = await access.kube.list(kinds.EVENT, namespace)
        except errors.KubeError as error:
            bundle.missing(f"events of {namespace}", str(error))
            continue
        told = [_plain(one) for one in every if (one.get("regarding") or {}).get("uid") in mine]
        bundle.object(f"events/{namespace}", told)


async def _pods(access: Access, pods: list[Object], bundle: Bundle) -> None:
    for pod in pods:
        await _logs(access, pod, bundle)
        if pod["status"].get("phase") == "Running":
            await _metrics(access, pod, bundle)


async def _logs(access: Access, pod: Object, bundle: Bundle) -> None:
    restarted = {one["name"] for one in pod["status"].get("containerStatuses") or () if one.get("restartCount")}
    for source in logs.containers(pod):
        for before in (False, True) if source.container in restarted else (False,):
            name = f"logs/{source.namespace}.{source.pod}.{source.container}{'.previous' if before else ''}.log"
            asked = {"tailLines": TAIL, "timestamps": "true"} | ({"previous": "true"} if before else {})
            try:
                lines = [line async for line in logs.lines(access, source, asked)]
            except errors.KubeError as error:
                bundle.missing(name, str(error))
            else:
                bundle.text(name, "\n".join(lines) + "\n")


async def _metrics(access: Access, pod: Object, bundle: Bundle) -> None:
    name = f"metrics/{pod['metadata']['namespace']}.{pod['metadata']['name']}.txt"
    try:
        port = observe.port_of(pod, METRICS)
        async with observe.at_port(access, pod, port) as url, aiohttp.ClientSession() as session:
            page = await rpc.fetch(session, f"{url}/metrics")
    except (ChainError, errors.KubeError, NotThere) as error:
        bundle.missing(name, str(error))
        return
    bundle.text(name, page.decode(errors="replace"))


async def _operator(access: Access, namespace: str, bundle: Bundle) -> None:
    try:
        pods, _ = await access.kube.list(kinds.POD, namespace, OPERATOR)
    except errors.KubeError as error:
        bundle.missing(f"the operator's pods in {namespace}", str(error))
        return
    if not pods:
        bundle.missing("the operator's pods", f"none in {namespace}: --operator-namespace names where it is")
    for pod in pods:
        bundle.object(f"operator/{pod['metadata']['name']}", _plain(pod))
    await _pods(access, pods, bundle)


def _plain(given: Object) -> Any:
    metadata = {name: value for name, value in given["metadata"].items() if name != "managedFields"}
    return given | {"metadata": metadata}


def _named(given: Object) -> str:
    metadata = given["metadata"]
    return f"{given['kind']}.{metadata['namespace']}.{metadata['name']}"


def _uid(given: Object) -> str:
    return str(given["metadata"]["uid"])
