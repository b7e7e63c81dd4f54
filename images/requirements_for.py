"""
Print the part of requirements.lock that some of our distributions, or some of its packages, need: the lock holds all, also
what tests and gates use. Who asked for a package stands in the lock's own ``via`` comments, so nothing is resolved twice.

    python images/requirements_for.py requirements.lock node prover
    python images/requirements_for.py requirements.lock maturin
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

DISTRIBUTIONS: Final = ("node", "prover", "operator")


class UnknownPackage(Exception):
    """Neither a distribution nor a package of the lock."""


def part(lock: str, wanted: Iterable[str]) -> str:
    """Raises `UnknownPackage`."""
    entries = _entries(lock)
    chosen: set[str] = set()
    askers = set()
    for name in wanted:
        if name in DISTRIBUTIONS:
            askers.add(f"ethrex-{name} ({name}/pyproject.toml)")
        elif name in entries:
            chosen.add(name)
        else:
            raise UnknownPackage(f"{name} is neither one of {', '.join(DISTRIBUTIONS)} nor in the lock")
    while added := {
        name for name, (_, asked_by) in entries.items() if name not in chosen and asked_by & (askers | chosen)
    }:
        chosen |= added
    return "\n".join(entry for name, (entry, _) in entries.items() if name in chosen) + "\n"


def _entries(lock: str) -> dict[str, tuple[str, set[str]]]:
    """Name of each package -> its lines of the lock, and who asked for it."""
    found: dict[str, tuple[str, set[str]]] = {}
    for entry in re.split(r"\n(?=\S)", lock.strip()):
        comments = [line.strip().lstrip("# ") for line in entry.splitlines() if line.lstrip().startswith("#")]
        asked_by = {comment.removeprefix("via").strip() for comment in comments}
        found[re.split(r"[=\s\[]", entry)[0]] = (entry, asked_by - {""})
    return found


if __name__ == "__main__":
    sys.stdout.write(part(Path(sys.argv[1]).read_text(), sys.argv[2:]))
