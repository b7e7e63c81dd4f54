"""
Print the part of requirements.lock that the distributions need to run, for an image: the lock also holds what tests and
gates use. Who asked for a package stands in the lock's own ``via`` comments, so nothing is resolved a second time.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Final

DISTRIBUTION: Final = re.compile(r"\((?:node|prover|operator)/pyproject\.toml\)$")


def packages(lock: str) -> dict[str, tuple[str, list[str]]]:
    """Name of each package -> its lines of the lock, and who asked for it."""
    found: dict[str, tuple[str, list[str]]] = {}
    for entry in re.split(r"\n(?=\S)", lock.strip()):
        comments = [line.strip().lstrip("# ") for line in entry.splitlines() if line.lstrip().startswith("#")]
        asked_by = [comment.removeprefix("via").strip() for comment in comments]
        found[re.split(r"[=\s\[]", entry)[0]] = (entry, [name for name in asked_by if name])
    return found


def runtime(lock: str) -> str:
    entries = packages(lock)
    wanted: set[str] = set()
    while added := {
        name
        for name, (_, asked_by) in entries.items()
        if name not in wanted and any(DISTRIBUTION.search(one) or one in wanted for one in asked_by)
    }:
        wanted |= added
    return "\n".join(entry for name, (entry, _) in entries.items() if name in wanted) + "\n"


if __name__ == "__main__":
    sys.stdout.write(runtime(Path(sys.argv[1]).read_text()))
