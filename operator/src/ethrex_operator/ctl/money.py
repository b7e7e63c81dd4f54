"""
``deposit`` and ``withdraw``: handed to `ethrex l2`, with the URLs of a rollup found for it. Keys are its business, never ours.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from ..kube.client import Object
from . import looking, program
from .cluster import access, observe
from .cluster.observe import NotThere
from .where import Elsewhere, Machine, Where


@dataclass(frozen=True, slots=True)
class Chains:
    l1: str
    rollup: str


async def hand_on(where: Where, name: str | None, command: str, words: tuple[str, ...]) -> int:
    """Its exit status. Raises `NoRun`, `NotThere`, `program.NoProgram`, `KubeError`."""
    found = program.find()
    async with _chains(where, name) as chains:
        urls = ("--rpc-url", chains.rollup, "--l1-rpc-url", chains.l1)
        return await program.run(found, command, *urls, *words)


@contextlib.asynccontextmanager
async def _chains(where: Where, name: str | None) -> AsyncIterator[Chains]:
    match where:
        case Machine(root):
            yield _of_run(looking.folder_of(root, name))
        case Elsewhere():
            async with access.opened(where) as at, _of_cluster(at, name) as chains:
                yield chains


def _of_run(folder: Path) -> Chains:
    given = looking.read(folder)
    rollups = [one for one, role in given["roles"].items() if role == "sequencer"]
    l1s = [one for one, role in given["roles"].items() if role == "l1"]
    if len(rollups) != 1 or len(l1s) != 1:
        raise looking.NoRun(
            f"{folder.name} has {len(rollups)} rollups and {len(l1s)} L1 nodes that run here: "
            f"`ethrex l2` takes --rpc-url and --l1-rpc-url"
        )
    return Chains(given["public"][l1s[0]], given["public"][rollups[0]])


@contextlib.asynccontextmanager
async def _of_cluster(at: access.Access, name: str | None) -> AsyncIterator[Chains]:
    if name is None:
        raise NotThere("name the rollup")
    (tree,) = await observe.trees(at, name, progress=False)
    async with contextlib.AsyncExitStack() as open_things:

        async def reached(pod: Object, role: str) -> str:
            port = observe.port_of(pod, observe.RPC[role])
            return await open_things.enter_async_context(observe.at_port(at, pod, port))

        urls = tree.rollup["spec"]["l1"].get("urls")
        l1 = urls[0] if urls else await reached(observe.l1_pod(tree), "l1")
        yield Chains(l1, await reached(observe.sequencer(tree), "sequencer"))
