"""
``handover``: `ethrex l2 handover`, with the door of the sequencer's coordinator and the token of an operator there found.

In a cluster that token is the operator's own, made for the hour by who may do so (``create`` of ``serviceaccounts/token``).
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from ..kube.client import Object
from ..kube.kinds import CONFIG_MAP
from ..kube.lease import Name
from ..kube.tokens import Tokens
from ..local.machine import write_private
from ..topology import rollup as rollups
from . import looking, program
from .cluster import access, observe
from .cluster.observe import NotThere
from .where import Elsewhere, Machine, Where

OPERATOR: Final = "operator"  # the role
ACCOUNT: Final = "system:serviceaccount:"


async def hand_over(where: Where, name: str | None, words: tuple[str, ...]) -> int:
    """Its exit status. Raises `NoRun`, `NotThere`, `program.NoProgram`, `KubeError`."""
    found = program.find()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "token"
        async with _door(where, name) as (url, token):
            write_private(file, token.encode())
            return await program.run(found, "handover", "--coordinator", url, "--token-file", str(file), *words)


@contextlib.asynccontextmanager
async def _door(where: Where, name: str | None) -> AsyncIterator[tuple[str, str]]:
    """Its URL from here, and a token."""
    match where:
        case Machine(root):
            yield _of_run(looking.folder_of(root, name))
        case Elsewhere():
            async with access.opened(where) as at, _of_cluster(at, name) as found:
                yield found


def _of_run(folder: Path) -> tuple[str, str]:
    told = looking.read(folder)
    begun = [name for name, role in told["roles"].items() if role == rollups.SEQUENCER and name in told["urls"]]
    if len(begun) != 1:
        raise looking.NoRun(
            f"{folder.name} has {len(begun)} sequencers that run here: `ethrex l2 handover` takes a URL"
        )
    (name,) = begun
    guests = folder / "files" / name / rollups.GUESTS
    try:
        _, token = _operator(guests.read_text())
    except OSError as error:
        raise looking.NoRun(f"{guests}: {error.strerror}: has {name} begun here?") from error
    return told["urls"][name][rollups.COORDINATOR.name], token


@contextlib.asynccontextmanager
async def _of_cluster(at: access.Access, name: str | None) -> AsyncIterator[tuple[str, str]]:
    if name is None:
        raise NotThere("name the rollup")
    (tree,) = await observe.trees(at, name, progress=False)
    pod = observe.sequencer(tree)
    account, _ = _operator(await _guests(at, pod))
    namespace, _, account_name = account.removeprefix(ACCOUNT).partition(":")
    audience = rollups.audience_of(at.namespace, name)
    token = await Tokens(at.kube, Name(namespace, account_name)).of(audience)
    async with observe.at_port(at, pod, observe.port_of(pod, rollups.COORDINATOR.name)) as url:
        yield url, token


async def _guests(at: access.Access, pod: Object) -> str:
    """Who may come to a sequencer's coordinator."""
    sources = [
        one for volume in pod["spec"].get("volumes") or () for one in (volume.get("projected") or {}).get("sources", ())
    ]
    for source in sources:
        given = source.get("configMap") or {}
        if any(item["key"] == rollups.GUESTS for item in given.get("items") or ()):
            found = await at.kube.get(CONFIG_MAP, pod["metadata"]["namespace"], given["name"])
            return str(found["data"][rollups.GUESTS])
    raise NotThere(f"pod {pod['metadata']['name']} does not tell who may come to its coordinator")


def _operator(guests: str) -> tuple[str, str]:
    """The second and third word of the operator's line. Raises `NotThere`."""
    for line in guests.splitlines():
        match line.split():
            case [role, second, third, *_] if role == OPERATOR:
                return second, third
    raise NotThere("no operator may come to the coordinator")
