"""``report`` of a run on this machine. Its `files` (keys, tokens) and `data` are not read, but to know what must not appear."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import aiohttp

from ..chain import rpc
from ..chain.errors import ChainError
from ..topology import settlement
from . import looking
from .bundle import TEXT_BYTES, Bundle

OPEN_FILES: Final = (settlement.PLAN, "genesis.json", "guests")  # the last one's tokens are files of their own


async def gather(folder: Path, bundle: Bundle) -> None:
    """Raises `NoRun`, `NotWritten`."""
    given = await looking.status(folder)
    bundle.text("status.txt", "\n".join(looking.told(given, folder.name)) + "\n")
    bundle.object("status", given)
    for path in sorted((folder / "logs").glob("*")):
        bundle.text(f"logs/{path.name}", _end(path))
    for path in sorted((folder / "results").glob("*.json")):
        bundle.text(f"results/{path.name}", _end(path))
    for path in sorted((folder / "files").glob(f"*/{settlement.PLAN}")):
        bundle.object(f"plans/{path.parent.name}", json.loads(path.read_text()))
    await _metrics(given["urls"], bundle)


def secrets(folder: Path) -> Iterator[str]:
    """What stands in the run's files that is nobody's business, whole and line by line."""
    for path in sorted((folder / "files").glob("*/*")):
        if path.name in OPEN_FILES or not path.is_file():
            continue
        content = path.read_bytes().decode(errors="replace").strip()
        yield content
        yield from (line.strip() for line in content.splitlines())


async def _metrics(urls: dict[str, dict[str, str]], bundle: Bundle) -> None:
    async with aiohttp.ClientSession() as session:
        for name, ports in urls.items():
            if "metrics" not in ports:
                continue
            try:
                page = await rpc.fetch(session, f"{ports['metrics']}/metrics")
            except ChainError as error:
                bundle.missing(f"metrics/{name}.txt", str(error))
            else:
                bundle.text(f"metrics/{name}.txt", page.decode(errors="replace"))


def _end(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TEXT_BYTES))
        return file.read().decode(errors="replace")
