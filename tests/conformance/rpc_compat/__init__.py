"""
rpc-compat: recorded JSON-RPC exchanges of ethereum/execution-apis, played over HTTP against the real node process.

A set is a folder with ``genesis.json``, ``chain.rlp``, ``headfcu.json`` and ``.io`` files. One node serves a whole set, in
path order: later files may rest on what earlier ones sent.
"""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from conformance import sources
from conformance.case import Mismatch, Outcome, Result
from conformance.options import Options
from conformance.rpc_compat import exchange, node, openrpc, player, revision


@dataclass(frozen=True, slots=True)
class Set:
    root: Path
    label: str
    files: list[Path]

    def case_id(self, file: Path) -> str:
        return f"{self.label}/{file.relative_to(self.root)}"


def run(paths: list[Path], options: Options) -> Iterator[Result]:
    with ExitStack() as stack:
        for path in paths:
            folder = path
            if path.name.endswith(sources.ARCHIVES):
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rpc-compat-")))
                with tarfile.open(path) as archive:
                    archive.extractall(folder, filter="data")
            for found in find_sets(folder):
                yield from _play(found, options)


def find_sets(path: Path) -> list[Set]:
    """The sets in a folder of any depth, or around a single ``.io`` file."""
    if path.is_file():
        around = [parent for parent in path.parents if _is_set(parent)][:1] if path.suffix == ".io" else []
        return [Set(root, root.name, [path]) for root in around]
    roots = sorted({genesis.parent for genesis in path.rglob("genesis.json") if _is_set(genesis.parent)})
    if not roots:  # a folder inside a set: one method
        roots = [parent for parent in path.absolute().parents if _is_set(parent)][:1]
    sets = (Set(root, root.name, _files(root, path)) for root in roots)
    return [found for found in sets if found.files]


def _is_set(folder: Path) -> bool:
    return all((folder / name).is_file() for name in ("genesis.json", "chain.rlp", "headfcu.json"))


def _files(root: Path, path: Path) -> list[Path]:
    return sorted((path if path.absolute().is_relative_to(root) else root).absolute().rglob("*.io"))


def _play(found: Set, options: Options) -> Iterator[Result]:
    files = [file for file in found.files if options.wants(found.case_id(file))]
    if not files:
        return
    desk = player.Desk(openrpc.Schemas.load(options.openrpc, beside=found.root), revision.of_set(found.root))
    try:
        with node.serving(found.root, options) as url:
            for file in files:
                yield _judge(found.case_id(file), file, url, desk)
    except node.NodeError as error:
        yield from (Result(found.case_id(file), Outcome.FAILED, f"no node: {error}") for file in files)


def _judge(case_id: str, file: Path, url: str, desk: player.Desk) -> Result:
    try:
        for recorded in exchange.parse(file.read_text()):
            player.play(recorded, url, desk)
    except Mismatch as mismatch:
        return Result(case_id, Outcome.FAILED, str(mismatch))
    except exchange.FormatError as error:
        return Result(case_id, Outcome.FAILED, f"unreadable: {error}")
    return Result(case_id, Outcome.PASSED)
