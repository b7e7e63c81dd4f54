"""
Objects as a cluster has had them, a file each: ``recorded/<state>-<kind>-<name>.json``. `tests/e2e/test_fleet.py` judges them while
they live, and with ``RECORD_GITOPS=1`` writes them again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).with_name("recorded")


@dataclass(frozen=True, slots=True)
class Judged:
    argocd: str
    kstatus: str
    waited: bool  # whether `kubectl wait --for=condition=Ready` ends


STATES: Final[Mapping[str, Judged]] = {
    "ready": Judged("Healthy", "Current", waited=True),
    "progressing": Judged("Progressing", "InProgress", waited=False),
    "degraded": Judged("Degraded", "Failed", waited=False),
    "paused": Judged("Suspended", "InProgress", waited=False),
    "deleting": Judged("Progressing", "Terminating", waited=False),
    "held": Judged("Degraded", "Terminating", waited=False),  # deleted, and somebody has to let go of it first
}


def files() -> list[Path]:
    return sorted(FOLDER.glob("*.json"))


def read(file: Path) -> tuple[str, dict[str, Any]]:
    """The state, and the object."""
    return file.stem.split("-", 1)[0], json.loads(file.read_text())


def write(state: str, given: Mapping[str, Any]) -> None:
    """Without what says who wrote which field."""
    metadata = {key: one for key, one in given["metadata"].items() if key != "managedFields"}
    FOLDER.mkdir(exist_ok=True)
    file = FOLDER / f"{state}-{given['kind'].lower()}-{given['metadata']['name']}.json"
    file.write_text(json.dumps({**given, "metadata": metadata}, indent=2, sort_keys=True) + "\n")
