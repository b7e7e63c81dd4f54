"""
Walk folders, archives and single files as a stream of named byte strings.

Archives are read member by member, nothing is unpacked to disk; a ``.gz`` around a single file is taken off. Order is
that of the sorted folder and of the archive, so that two runs see the same files alike.
"""

from __future__ import annotations

import gzip
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ARCHIVES: Final = (".tar", ".tar.xz", ".tar.gz", ".tar.bz2", ".txz", ".tgz")


@dataclass(frozen=True, slots=True)
class File:
    name: str
    data: bytes


def walk(paths: Iterable[Path], suffixes: tuple[str, ...]) -> Iterator[File]:
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                yield from _open(file, _label(file, path), suffixes)


def _label(file: Path, root: Path) -> str:
    return str(file.relative_to(root.parent)) if file != root else file.name


def _open(file: Path, label: str, suffixes: tuple[str, ...]) -> Iterator[File]:
    if label.endswith(ARCHIVES):
        yield from _members(file, suffixes)
    elif label.removesuffix(".gz").endswith(suffixes):
        data = file.read_bytes()
        yield File(label.removesuffix(".gz"), gzip.decompress(data) if label.endswith(".gz") else data)


def _members(archive: Path, suffixes: tuple[str, ...]) -> Iterator[File]:
    with tarfile.open(archive, "r:*") as tar:
        for member in tar:
            name = member.name.removesuffix(".gz")
            if not member.isfile() or not name.endswith(suffixes):
                continue
            reader = tar.extractfile(member)
            assert reader is not None, "a regular file has content"
            data = reader.read()
            yield File(name, gzip.decompress(data) if member.name.endswith(".gz") else data)
